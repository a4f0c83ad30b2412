"""Asks questions of a temporary corpus made from documents: with their history, without it, or joined to it."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from eval.measures.types import Row
from eval.questions.data import Question
from eval.questions.documents import Documents
from index.corpus import Corpus, open_corpus
from index.encoders.encoder import Encoder
from index.errors import QuestionError
from index.publish import publish
from index.types import Document
from rag.answer import Answerer
from rag.row import row_of, row_without_answer
from rag.settings import Settings


@contextmanager
def opened(documents: Sequence[Document], encoder: Encoder, settings: Settings) -> Iterator[Corpus]:
    """A corpus of these documents, gone afterwards. Of `settings`, only those of indexing count, not the folder."""
    with tempfile.TemporaryDirectory(prefix="quoth-eval-") as name:
        publish(
            Path(name),
            documents,
            encoder,
            language=settings.language,
            passage_tokens=settings.passage_tokens,
            progress=progress("Indexing"),
        )
        with closing(open_corpus(Path(name), encoder)) as corpus:
            yield corpus


def ask(answerer: Answerer, questions: Sequence[Question], documents: Documents) -> list[Row]:
    """The row of every question, in order. A question that cannot be asked is unanswered, and its row says why."""
    report = progress("Asking")
    rows: list[Row] = []
    for number, question in enumerate(questions, start=1):
        try:
            answer = answerer.ask(question.text, question.history)
            rows.append(row_of(answer, id=question.id, document_id=documents.row_id))
        except QuestionError as error:
            row = row_without_answer(id=question.id, edition=answerer.corpus.edition)
            rows.append({**row, "refused": str(error)})
        report(number, len(questions))
    return rows


def history_rows(
    answerer: Answerer, questions: Sequence[Question], rows: Sequence[Row], documents: Documents
) -> dict[str, list[Row]]:
    """Name of the system -> a row for every question; {} if no question has a history.

    One system ignores the history; one puts all earlier questions before the question. `rows` are the answerer's own:
    they serve for the questions without a history, which all systems ask alike.
    """
    late = [question for question in questions if question.history]
    if not late:
        return {}
    systems = {
        "history ignored": [replace(question, history=()) for question in late],
        "history joined": [replace(question, text=joined(question), history=()) for question in late],
    }
    by_system = {}
    for name, asked in systems.items():
        by_id = {row["id"]: row for row in (*rows, *ask(answerer, asked, documents))}
        by_system[name] = [by_id[question.id] for question in questions]
    return by_system


def joined(question: Question) -> str:
    """All earlier questions and the question."""
    return " ".join([*(turn.question for turn in question.history), question.text])


def progress(task: str) -> Callable[[int, int], None]:
    """Returns a function to call with how much is done and how much there is. It writes only to a terminal."""

    def report(done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{task} {done}/{total}" + ("\r\033[K" if done == total else ""))
            sys.stderr.flush()

    return report
