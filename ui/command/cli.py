"""The command `quoth`: its argument parser, its help, and the exit codes."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from index.exit_codes import run_command
from ui.access.person import ALL_SCOPES
from ui.settings import ACCESS, ServerSettings

_EPILOG = """\
exit codes:
  0    done: answered, valid, in order
  1    done, and the result is negative: not answered, not valid, not in order, below --fail-under
  2    the command line is wrong
  3    an input cannot be read: a document, a question, a receipt, a question set
  4    quoth itself cannot run: its settings, its weights or its corpus
  130  interrupted

Every setting is also an environment variable, QUOTH_ and its name in capitals, and a key of the TOML file that
QUOTH_SETTINGS names. quoth doctor lists all settings, their values, and where each comes from.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code. Raises SystemExit(2) for a wrong command line."""
    return run_command("quoth", lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: Sequence[str]) -> int:
    if argv[:1] == ["eval"]:
        # by name, since ui and eval do not import each other
        evaluate = importlib.import_module("eval.run.evaluate")
        args = evaluate.parse(argv[1:])
        # eval ignores the server's settings, and so would not notice a misspelt variable
        ServerSettings.read(os.environ, {})
        return int(evaluate.run(args))
    args = _parser().parse_args(argv)
    settings = ServerSettings.read(os.environ, vars(args))
    # each command loads only the libraries that it needs, and the help loads none
    return int(importlib.import_module(f"ui.command.{args.command}").run(args, settings))


def _path(text: str) -> Path:
    # Path("") would be the current folder
    if not text:
        raise argparse.ArgumentTypeError("it is empty, expected a path")
    return Path(text)


def _add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds a flag for each of these settings. The help is the setting's docstring."""
    for name in names:
        field = ServerSettings.model_fields[name]
        default = field.get_default(call_default_factory=True)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            # other values are checked when the settings are read
            type=type(default) if isinstance(default, int | float) else str,
            choices=ACCESS if name == "access" else None,
            help=" ".join([str(field.description), *([f"Default: {default}."] if default else [])]).replace("%", "%%"),
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quoth",
        description="Answers questions about documents in the documents' own words.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    output = argparse.ArgumentParser(add_help=False)
    output.add_argument("--json", action="store_true", help="Print JSON, for programs.")
    shared = argparse.ArgumentParser(add_help=False, parents=[output])
    _add_settings(shared, "corpus", "encoder")
    answering = argparse.ArgumentParser(add_help=False, parents=[shared])
    _add_settings(answering, "reader", "calibration", "reranker", "risk")

    serve = commands.add_parser("serve", parents=[answering], help="Chat with the documents in a web page.")
    _add_settings(serve, "host", "port", "base", "access")

    index = commands.add_parser("index", parents=[shared], help="Make these documents the corpus, instead of the old.")
    index.add_argument("paths", nargs="+", type=_path, metavar="PATH", help="Texts, Markdown, corpus.jsonl or folders.")
    _add_settings(index, "language", "passage_tokens")

    ask = commands.add_parser("ask", parents=[answering], help="Ask one question.")
    ask.add_argument("question", help="The question; - reads it from standard input.")
    ask.add_argument("--why", action="store_true", help="Show how the answer, or its absence, came about.")

    commands.add_parser("eval", add_help=False, help="Measure the answers to a question set (see quoth eval --help).")

    verify = commands.add_parser("verify", parents=[shared], help="Check citations that were given earlier.")
    verify.add_argument("receipt", type=_path, help="A file of receipts, or of output of ask --json; - reads stdin.")

    doctor = commands.add_parser("doctor", parents=[answering], help="Check weights, corpus and settings.")
    doctor.add_argument("--offline", action="store_true", help="Also prove that no other machine is contacted; slower.")

    bundle = commands.add_parser(
        "bundle", parents=[answering], help="Write all that a machine without a network needs."
    )
    bundle.add_argument("folder", type=_path, help="A new or empty folder.")

    token = commands.add_parser("token", help="Make, list and revoke API keys.")
    actions = token.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", parents=[output], help="Make a key, and print it once.")
    new.add_argument("user", help="The holder's name, as logs and journal show it.")
    new.add_argument("--group", action="append", default=[], help="A group of the holder; repeatable.")
    new.add_argument(
        "--scope", action="append", choices=sorted(ALL_SCOPES), help="What the key allows; repeatable. Default: all."
    )
    new.add_argument("--days", type=int, default=365, help="How long it is valid. Default: %(default)s.")
    actions.add_parser("list", parents=[output], help="List the keys, their holders and when they expire.")
    revoke = actions.add_parser("revoke", parents=[output], help="Make a key invalid from now on.")
    revoke.add_argument("id", help="The key's id, as quoth token list shows it.")

    gaps = commands.add_parser("gaps", parents=[output], help="List unanswered and badly answered questions, grouped.")
    gaps.add_argument("--export", type=_path, metavar="FILE", help="Write them as a question set for quoth eval.")
    return parser


if __name__ == "__main__":
    sys.exit(main())
