"""What the subcommands of `quoth` do."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import uuid
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.corpus import open_corpus
from index.embedded.edition import Manifest
from index.encoders.encoder import Encoder, load_encoder
from index.errors import CorpusMissing, ReceiptError, SettingsError, SourceError
from index.exit_codes import print_json
from index.publish import publish as publish_corpus
from index.sources import SEEDS, decode, passed_over, read, read_bytes
from index.strict_json import NotStrictJson, parse_json
from rag.answer import Answerer, build_answerer, check_question
from rag.receipt import Receipt, check_all
from rag.row import detailed_row_of
from rag.settings import given
from ui.access.identify import SCOPES
from ui.access.keyring import Keyring
from ui.command import doctor as examination
from ui.command.bundle import write_bundle
from ui.command.terminal import Terminal
from ui.journal.journal import read_gaps
from ui.journal.unanswered import group, to_question_set
from ui.service import JOURNAL
from ui.settings import ServerSettings as Settings

if TYPE_CHECKING:
    from index.types import Document

_RECEIPT_REMEDY = "Give a receipt, or what quoth ask --json printed"
CONNECTIONS = 500
"""How many connections are held at the same time, so that files and memory suffice."""


def serve(args: argparse.Namespace, settings: Settings) -> int:
    listener = _listen(settings.host, settings.port)
    answerer = _open_answerer(settings)
    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from ui.app import create_app
    from ui.http.request_log import logging_in_json

    in_json = settings.access != "none" or settings.log_questions
    with logging_in_json() if in_json else nullcontext():
        # the first forward of a process allocates and picks kernels: better now than for the first person
        answerer.ask("Is everything ready?")
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base}"
        config = uvicorn.Config(
            create_app(answerer, settings),
            # by its own, it would write what it says, and what somebody sent in it, as plain text
            log_config=None if in_json else LOGGING_CONFIG,
            log_level="warning",
            access_log=False,
            server_header=False,
            # the same parser whether or not httptools is installed
            http="h11",
            # further requests are answered 503; slow clients are the proxy's to give up
            limit_concurrency=CONNECTIONS,
            # who asks is told by the connection itself; a header about it is ui.access.identify's alone to believe
            proxy_headers=False,
            # what was asked by then is answered; the streams of open pages, which never end, ui.page.end_streams ends
            timeout_graceful_shutdown=30,
        )
        if args.json:
            print_json({"url": url, "edition": answerer.corpus.edition})
            sys.stdout.flush()
        else:
            Terminal().serving(url)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def index(args: argparse.Namespace, settings: Settings) -> int:
    # read first: a document that cannot be read should not cost the time of loading a model
    documents = read(args.paths, language=settings.language)
    if others := passed_over(args.paths):
        named = ", ".join(str(file) for file in others[:3]) + (", …" if len(others) > 3 else "")
        Terminal(sys.stderr).say(f"Passed over, since only texts are read: {len(others)} ({named})")
    manifest = _publish(documents, load_encoder(settings.encoder), settings)
    if args.json:
        print_json(asdict(manifest))
    else:
        Terminal().indexed(manifest, settings.corpus)
    return 0


def ask(args: argparse.Namespace, settings: Settings) -> int:
    question = _read_text(Path("-")) if args.question == "-" else args.question
    check_question(question)
    answer = _open_answerer(settings).ask(question)
    if args.json:
        print_json(detailed_row_of(answer, id=uuid.uuid4().hex, why=args.why))
    else:
        terminal = Terminal()
        terminal.answer(answer)
        if args.why:
            terminal.why(answer)
    return 0 if answer.status == "answered" else 1


def verify(args: argparse.Namespace, settings: Settings) -> int:
    receipts = _read_receipts(args.receipt)
    corpus = open_corpus(settings.corpus, load_encoder(settings.encoder))
    verdicts = check_all(receipts, corpus)
    if args.json:
        for receipt, verdict in zip(receipts, verdicts, strict=True):
            print_json({"receipt": receipt.to_json(), "verdict": verdict.to_json()})
    else:
        for receipt, verdict in zip(receipts, verdicts, strict=True):
            Terminal().verdict(receipt, verdict)
    return 0 if all(verdict.status == "valid" for verdict in verdicts) else 1


def doctor(args: argparse.Namespace, settings: Settings) -> int:
    findings = list(examination.examine(settings, given(os.environ, vars(args))))
    if args.offline:
        findings += examination.examine_offline(settings)
    if args.json:
        print_json([asdict(finding) for finding in findings])
    else:
        Terminal().findings(findings)
    return 0 if all(finding.good for finding in findings) else 1


def bundle(args: argparse.Namespace, settings: Settings) -> int:
    written = write_bundle(args.folder, settings, Terminal(sys.stderr).say)
    if args.json:
        print_json(asdict(written))
    else:
        Terminal().say(
            f"{written.folder}: {written.packages} packages and edition {written.edition}, "
            f"{written.size / 1e6:.0f} MB. There, sh install.sh DIR installs it."
        )
    return 0


def token(args: argparse.Namespace, settings: Settings) -> int:
    with closing(Keyring.open(settings.data)) as keyring:
        if args.action == "new":
            key, secret = keyring.make(args.user, args.group, args.scope or SCOPES, args.days)
            if args.json:
                print_json({**asdict(key), "token": secret})
            else:
                # alone on standard output, so that it can be piped to where it is kept
                sys.stdout.write(f"{secret}\n")
                Terminal(sys.stderr).say(f"The key {key.id} of {key.user}. It is shown this once: keep it.")
        elif args.action == "list":
            keys = keyring.keys()
            if args.json:
                print_json([asdict(key) for key in keys])
            else:
                Terminal().keys(keys)
        elif not keyring.revoke(args.id):
            raise SettingsError(f"there is no key {args.id!r}", "quoth token list shows those that there are")
    return 0


def gaps(args: argparse.Namespace, settings: Settings) -> int:
    groups = group(read_gaps(settings.data / JOURNAL, days=settings.journal_days), load_encoder(settings.encoder))
    if args.export:
        count = to_question_set(groups, args.export)
        Terminal(sys.stderr).say(f"{count} questions written to {args.export}, none of them judged yet.")
    if args.json:
        print_json([asdict(one) for one in groups])
    elif not args.export:
        Terminal().gaps(groups)
    return 0


def _open_answerer(settings: Settings) -> Answerer:
    """The Answerer over the current edition; where there is no corpus yet, the article that comes along becomes one,
    unless others than who stands here may ask."""
    encoder = load_encoder(settings.encoder)
    try:
        corpus = open_corpus(settings.corpus, encoder)
    except CorpusMissing:
        if settings.access != "none":
            # a mistyped path would have them asking the wrong documents
            raise
        Terminal(sys.stderr).say(f"There is no corpus at {settings.corpus} yet: indexing the article that comes along.")
        _publish(read([SEEDS], language=settings.language), encoder, settings)
        corpus = open_corpus(settings.corpus, encoder)
    return build_answerer(corpus, encoder, settings)


def _publish(documents: list[Document], encoder: Encoder, settings: Settings) -> Manifest:
    with Terminal(sys.stderr).progress("Indexing") as progress:
        return publish_corpus(
            settings.corpus,
            documents,
            encoder,
            language=settings.language,
            passage_tokens=settings.passage_tokens,
            progress=progress,
        )


def _listen(host: str, port: int) -> socket.socket:
    """A socket bound there before anything slow is done, so that a taken port is told at once."""
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(
            f"{host}:{port}: {error.strerror}, so nothing can listen there", "Choose another with --port"
        ) from error
    # for all its connections: otherwise an answer's body waits, 40 ms, until its head is acknowledged; asyncio sets it
    # by itself only where a socket names its protocol, which this one does not
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _read_receipts(file: Path) -> list[Receipt]:
    text = _read_text(file)
    try:
        return _receipts(parse_json(text), file)
    except NotStrictJson as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.startswith("{") and line.endswith("}") for line in lines):
            raise ReceiptError(f"{file}: {error}", _RECEIPT_REMEDY) from error
    # several answers, a line each
    try:
        return [receipt for line in lines for receipt in _receipts(parse_json(line), file)]
    except NotStrictJson as error:
        raise ReceiptError(f"{file}: {error}", _RECEIPT_REMEDY) from error


def _receipts(given: Any, file: Path) -> list[Receipt]:
    if isinstance(given, dict) and "citations" in given:
        shown = [given["citations"], given.get("closest", [])]
        if not all(isinstance(some, list) and all(isinstance(one, dict) for one in some) for some in shown):
            raise ReceiptError(f"{file}: its citations are no list of objects", _RECEIPT_REMEDY)
        given = [one.get("receipt") for some in shown for one in some]
    receipts = [Receipt.from_json(one) for one in (given if isinstance(given, list) else [given])]
    if not receipts:
        raise ReceiptError(f"{file}: it holds no receipt", _RECEIPT_REMEDY)
    return receipts


def _read_text(file: Path) -> str:
    """The text of a file, or of standard input where it is called "-"."""
    if str(file) != "-":
        return decode(read_bytes(file), file)
    if sys.stdin is None:
        raise SourceError("-: standard input is closed", "Pipe something into it or name it")
    return decode(sys.stdin.buffer.read(), file)
