"""Documents made a corpus for as long as they are asked, and questions asked of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eval.questions.data import Question
from eval.questions.documents import Documents
from eval.run.progress import progress
from index.errors import QuestionError
from rag.settings import Settings

if TYPE_CHECKING:
    from index.corpus import Corpus
    from index.encoders.encoder import Encoder
    from rag.answer import Answerer
    from rag.row import Row


@contextmanager
def opened(documents: Documents, encoder: Encoder, settings: Settings) -> Iterator[Corpus]:
    """A corpus of these documents, gone afterwards; of `settings`, those of indexing count, and not its folder."""
    from index.corpus import open_corpus
    from index.publish import publish

    with tempfile.TemporaryDirectory(prefix="quoth-eval-") as folder:
        publish(
            Path(folder),
            documents.all,
            encoder,
            language=settings.language,
            passage_tokens=settings.passage_tokens,
            progress=progress("Indexing"),
        )
        with closing(open_corpus(Path(folder), encoder)) as corpus:
            yield corpus


def ask(answerer: Answerer, questions: Sequence[Question], documents: Documents) -> list[Row]:
    """The row of every question, in their order. One that cannot be asked is unanswered; its row says why."""
    from rag.row import refused_row_of, row_of

    say = progress("Asking")
    rows = []
    for number, question in enumerate(questions, start=1):
        try:
            row = row_of(answerer.ask(question.text, question.history), id=question.id, document_id=documents.row_id)
        except QuestionError as error:
            row = refused_row_of(error, id=question.id, edition=answerer.corpus.edition)
        rows.append(row)
        say(number, len(questions))
    return rows
