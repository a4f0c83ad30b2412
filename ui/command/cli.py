"""The command `quoth`: its argument parser, its help, and the exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from index.exit_codes import run_command
from ui.access.person import SCOPES
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


def _parser() -> argparse.ArgumentParser:
    default = ServerSettings()
    parser = argparse.ArgumentParser(
        prog="quoth",
        description="Answers questions about documents in the documents' own words.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    output = argparse.ArgumentParser(add_help=False)
    output.add_argument("--json", action="store_true", help="print JSON, for programs")

    shared = argparse.ArgumentParser(add_help=False, parents=[output])
    shared.add_argument("--corpus", metavar="DIR", help="the folder of the corpus")
    shared.add_argument("--encoder", metavar="NAME", help="the packaged encoder, or another by name or path")

    answering = argparse.ArgumentParser(add_help=False, parents=[shared])
    answering.add_argument(
        "--reader",
        metavar="NAME",
        help="the model that picks the answering sentences: similarity, trained, or transformers: and an extractive "
        f"question-answering model by name or path (default {default.reader})",
    )
    answering.add_argument(
        "--calibration", type=_path, metavar="FILE", help="what python -m eval.fitting.calibrate wrote for that reader"
    )
    answering.add_argument(
        "--reranker", metavar="NAME", help="a CrossEncoder by name or path that reorders the passages found"
    )
    answering.add_argument(
        "--risk",
        type=float,
        metavar="SHARE",
        help=f"the share of wrong answers to accept, 0 to 1; 1 always answers (default {default.risk})",
    )

    serve = commands.add_parser("serve", parents=[answering], help="chat with the documents in a web page")
    serve.add_argument("--host", help=f"the address to listen at (default {default.host})")
    serve.add_argument("--port", type=int, help=f"0 takes any free port (default {default.port})")
    serve.add_argument("--base", metavar="PATH", help="the path under which everything is served, as /intranet/ask")
    serve.add_argument(
        "--access",
        choices=ACCESS,
        help="who may ask: everyone on this machine, the people whom a proxy names, or holders of an API key "
        f"(default {default.access})",
    )

    index = commands.add_parser("index", parents=[shared], help="make these documents the corpus, in place of the old")
    index.add_argument(
        "paths", nargs="+", type=_path, metavar="PATH", help="text or Markdown files, corpus.jsonl, folders"
    )
    index.add_argument(
        "--language", metavar="CODE", help=f"ISO 639-1 code of the documents' language (default {default.language})"
    )
    index.add_argument(
        "--passage-tokens", type=int, metavar="N", help=f"the longest passage (default {default.passage_tokens})"
    )

    ask = commands.add_parser("ask", parents=[answering], help="ask one question")
    ask.add_argument("question", help="the question; - reads it from standard input")
    ask.add_argument("--why", action="store_true", help="show how the answer, or its absence, came about")

    commands.add_parser("eval", add_help=False, help="measure the answers to a question set (see quoth eval --help)")

    verify = commands.add_parser("verify", parents=[shared], help="check citations that were given earlier")
    verify.add_argument(
        "receipt", type=_path, metavar="RECEIPT", help="a file with receipts or output of ask --json; - reads stdin"
    )

    doctor = commands.add_parser("doctor", parents=[answering], help="check weights, corpus and settings")
    doctor.add_argument("--offline", action="store_true", help="also prove that nothing reaches out; slower")

    bundle = commands.add_parser("bundle", parents=[answering], help="write all that a machine without a network needs")
    bundle.add_argument("folder", type=_path, metavar="DIR", help="a new or empty folder")

    token = commands.add_parser("token", help="make, list and revoke API keys")
    actions = token.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", parents=[output], help="make a key, and print it once")
    new.add_argument("user", help="the holder's name, as logs and journal show it")
    new.add_argument("--group", action="append", default=[], metavar="NAME", help="a group of the holder; repeatable")
    new.add_argument(
        "--scope", action="append", choices=sorted(SCOPES), help="what the key allows; repeatable (default all)"
    )
    new.add_argument("--days", type=int, default=365, metavar="N", help="how long it is valid (default %(default)s)")
    actions.add_parser("list", parents=[output], help="list the keys, their holders and when they expire")
    revoke = actions.add_parser("revoke", parents=[output], help="make a key invalid from now on")
    revoke.add_argument("id", help="the key's id, as quoth token list shows it")

    gaps = commands.add_parser("gaps", parents=[output], help="list unanswered and badly answered questions, grouped")
    gaps.add_argument("--export", type=_path, metavar="FILE", help="write them as a question set for quoth eval")
    return parser


if __name__ == "__main__":
    sys.exit(main())
