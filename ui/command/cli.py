"""The command `quoth`: its parser, and what each of its exit codes means."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from index.exit_codes import run_command
from ui.access.identify import SCOPES
from ui.settings import ACCESS
from ui.settings import ServerSettings as Settings

_EPILOG = """\
exit codes:
  0    done: answered, valid, in order
  1    done, and the answer is no: not answered, not valid, not in order, short of --fail-under
  2    the command line is wrong
  3    what was given cannot be read: a document, a question, a receipt, a question set
  4    quoth itself cannot be used: its settings, its weights or its corpus
  130  interrupted

Every setting is also an environment variable, QUOTH_ and its name in capitals, and a key of a file in TOML, which
QUOTH_SETTINGS names; quoth doctor shows all of them, their values and where each comes from.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code; a wrong command line leaves by SystemExit(2)."""
    return run_command("quoth", lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(given: Sequence[str]) -> int:
    if given[:1] == ["eval"]:
        # the measuring itself ignores the server's settings, and so would not notice a misspelt variable
        if not {"-h", "--help"} & set(given):
            Settings.read(os.environ, {})
        # ui and eval do not import each other: the name is all that is known of it here
        return int(importlib.import_module("eval.run.evaluate").main(given[1:]))
    args = _parser().parse_args(given)
    settings = Settings.read(os.environ, vars(args))
    # imported here, since the help must not wait for models
    commands = importlib.import_module("ui.command.commands")
    run: Callable[[argparse.Namespace, Settings], int] = getattr(commands, args.command)
    return run(args, settings)


def _path(text: str) -> Path:
    # an empty one would be the folder that one happens to stand in
    if not text:
        raise argparse.ArgumentTypeError("it is empty, expected a path")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="quoth",
        description="Answers questions about documents in the documents' own words.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--corpus", metavar="DIR", help="the folder of the corpus")
    shared.add_argument("--encoder", metavar="NAME", help="the packaged encoder, or another by name or path")
    shared.add_argument("--json", action="store_true", help="print JSON, for programs")

    answering = argparse.ArgumentParser(add_help=False)
    answering.add_argument(
        "--reader",
        metavar="NAME",
        help="what picks the sentences that answer: similarity, trained, or transformers: and an extractive "
        f"question-answering model by name or path (default {default.reader})",
    )
    answering.add_argument(
        "--calibration", type=_path, metavar="FILE", help="what python -m eval.fitting.calibrate wrote for that reader"
    )
    answering.add_argument(
        "--reranker", metavar="NAME", help="a CrossEncoder by name or path that puts the passages found in order"
    )
    answering.add_argument(
        "--risk",
        type=float,
        metavar="SHARE",
        help=f"how many of the answers may be wrong, 0 to 1; 1 answers always (default {default.risk})",
    )

    serve = commands.add_parser("serve", parents=[shared, answering], help="chat with the documents in a web page")
    serve.add_argument("--host", help=f"the address to listen at (default {default.host})")
    serve.add_argument("--port", type=int, help=f"0 takes any that is free (default {default.port})")
    serve.add_argument("--base", metavar="PATH", help="the path under which all is served, such as /intranet/ask")
    serve.add_argument(
        "--access",
        choices=ACCESS,
        help="who may ask: whoever is on this machine, whom a proxy names, or who has an API key "
        f"(default {default.access})",
    )

    index = commands.add_parser(
        "index", parents=[shared], help="make these documents the corpus, replacing what it held"
    )
    index.add_argument(
        "paths", nargs="+", type=_path, metavar="PATH", help="text or Markdown files, corpus.jsonl, folders"
    )
    index.add_argument(
        "--language", metavar="CODE", help=f"ISO 639-1 code of the documents' language (default {default.language})"
    )
    index.add_argument(
        "--passage-tokens", type=int, metavar="N", help=f"the budget of a passage (default {default.passage_tokens})"
    )

    ask = commands.add_parser("ask", parents=[shared, answering], help="ask one question")
    ask.add_argument("question", help="the question; - reads it from standard input")
    ask.add_argument("--why", action="store_true", help="show what the answer, or there being none, comes from")

    commands.add_parser("eval", add_help=False, help="measure the answers to a question set (see quoth eval --help)")

    verify = commands.add_parser("verify", parents=[shared], help="check citations that were given out earlier")
    verify.add_argument(
        "receipt", type=_path, metavar="RECEIPT",
        help="a file with a receipt or with what ask --json printed; - reads standard input",
    )  # fmt: skip

    doctor = commands.add_parser("doctor", parents=[shared, answering], help="check weights, corpus and settings")
    doctor.add_argument("--offline", action="store_true", help="prove that this machine needs no other: slower")

    bundle = commands.add_parser(
        "bundle", parents=[shared, answering], help="write all that a machine without a network needs"
    )
    bundle.add_argument("folder", type=_path, metavar="DIR", help="a new or empty folder")

    token = commands.add_parser("token", help="make, list and revoke API keys")
    keys = token.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = keys.add_parser("new", help="make a key, and print it once")
    new.add_argument("user", help="whose it is, as logs and journal name them")
    new.add_argument("--group", action="append", default=[], metavar="NAME", help="a group they are in; repeatable")
    new.add_argument(
        "--scope", action="append", choices=sorted(SCOPES), help="what it is good for; repeatable (default all)"
    )
    new.add_argument("--days", type=int, default=365, metavar="N", help="that it holds for (default %(default)s)")
    listed = keys.add_parser("list", help="who has keys, and until when")
    revoke = keys.add_parser("revoke", help="make a key worthless from now on")
    revoke.add_argument("id", help="as quoth token list shows it")
    for action in (new, listed, revoke):
        action.add_argument("--json", action="store_true", help="print JSON, for programs")

    gaps = commands.add_parser("gaps", help="what was asked and not answered, or answered badly, grouped by meaning")
    gaps.add_argument("--json", action="store_true", help="print JSON, for programs")
    gaps.add_argument("--export", type=_path, metavar="FILE", help="write them as a question set for quoth eval")
    return parser


if __name__ == "__main__":
    sys.exit(main())
