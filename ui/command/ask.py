"""`quoth ask`: answers one question in the terminal."""

import argparse
import sys
import uuid

from rich.text import Text

from index.corpus import open_corpus
from index.encoders.load import load_encoder
from index.errors import CorpusMissing
from index.exit_codes import print_json
from index.sources.read import SEEDS, read
from rag.answer import Answerer, build_answerer, check_question
from rag.row import detailed_row_of
from rag.types import Answer, Citation
from ui.command.index import index_documents
from ui.command.terminal import Terminal, indented, marked, read_text
from ui.command.why import explanation
from ui.settings import ServerSettings


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    question = read_text("-") if args.question == "-" else args.question
    # a bad question is refused before the models load
    check_question(question)
    answer = open_answerer(settings).ask(question)
    if args.json:
        print_json(detailed_row_of(answer, id=uuid.uuid4().hex, why=args.why))
    else:
        terminal = Terminal()
        _print_answer(answer, terminal)
        if args.why:
            terminal.print("", *explanation(answer), sep="\n")
    return 0 if answer.status == "answered" else 1


def open_answerer(settings: ServerSettings) -> Answerer:
    """The answerer over the current edition. With access none, a missing corpus is made from quoth's own article.

    With any other access a missing corpus is an error: after a mistyped path, people would ask the wrong documents.
    """
    encoder = load_encoder(settings.encoder)
    try:
        corpus = open_corpus(settings.corpus, encoder)
    except CorpusMissing:
        if settings.access != "none":
            raise
        Terminal(sys.stderr).say(f"There is no corpus at {settings.corpus} yet: indexing quoth's own article.")
        index_documents(read([SEEDS], language=settings.language), encoder, settings)
        corpus = open_corpus(settings.corpus, encoder)
    return build_answerer(corpus, encoder, settings)


def _print_answer(answer: Answer, terminal: Terminal) -> None:
    for citation in answer.citations:
        _print_excerpt(citation, terminal, answering="bold", number="cyan bold")
    if answer.status == "answered":
        terminal.say(f"Confidence {answer.confidence:.0%}.")
    else:
        terminal.print(Text("The documents do not answer this.", "bold"))
    if answer.closest:
        terminal.print(Text("\nThe closest passages, which are not answers:\n", "dim"))
    for citation in answer.closest:
        _print_excerpt(citation, terminal, answering="", number="dim")


def _print_excerpt(citation: Citation, terminal: Terminal, *, answering: str, number: str) -> None:
    """`answering` and `number` are the styles of the answering words and of the citation's number."""
    document, span = citation.excerpt.document, citation.excerpt.span
    quote = Text.assemble((f"[{citation.number}] ", number), marked(citation.excerpt, citation.highlight, answering))
    heading = f", under “{citation.heading}”" if citation.heading else ""
    place = f"{document.title}{heading}, paragraph {citation.paragraph} ({span.start}–{span.end})"
    terminal.print(quote, indented(place, "dim"), "")
