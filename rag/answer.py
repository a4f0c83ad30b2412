"""The Answerer: a question becomes an answer made of quotations, or none."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence

from index.corpus import Corpus
from index.encoder import Encoder
from index.errors import QuestionError
from rag.choose import choose
from rag.confidence import Calibration, features
from rag.followup import stand_alone
from rag.reader import Reader, load_reader
from rag.retrieve import retrieve
from rag.settings import Settings
from rag.types import Answer, Query, Turn

LONGEST_QUESTION = 2000
"""Characters."""
_RETRIEVED = 10
"""Passages that a search brings."""
_READ = 8
"""Passages that the reader reads, of those."""


class Answerer:
    """Answers questions from one edition of a corpus. May be used by several threads at once."""

    def __init__(
        self, corpus: Corpus, encoder: Encoder, reader: Reader, calibration: Calibration, threshold: float
    ) -> None:
        self.corpus = corpus
        self._encoder = encoder
        self._reader = reader
        self._calibration = calibration
        self._threshold = threshold

    def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """What the corpus says to `question`, after the turns of `history`, oldest first.

        Raises QuestionError where the question is blank, too long or holds control characters.
        """
        started = time.perf_counter()
        query = self._query(check_question(question), history)
        hits = retrieve(self.corpus, query, _RETRIEVED)
        retrieved = time.perf_counter()
        readings = self._reader.read(query, hits[:_READ])
        seen = features(query, readings, self.corpus.lexical.words)
        confidence = self._calibration.confidence(seen)
        excerpts = choose(readings)
        read = time.perf_counter()
        answered = bool(excerpts) and confidence >= self._threshold
        return Answer(
            question=question,
            searched_for=(query.text,),
            status="answered" if answered else "unanswered",
            confidence=confidence,
            features=seen,
            citations=excerpts if answered else (),
            closest=() if answered else excerpts,
            retrieved=tuple(hits),
            edition=self.corpus.edition,
            ms={
                "retrieve": 1000 * (retrieved - started),
                "read": 1000 * (read - retrieved),
                "total": 1000 * (read - started),
            },
        )

    def _query(self, question: str, history: Sequence[Turn]) -> Query:
        for turn in history[-1:]:
            _check_characters(turn.question, "the question before")
        alone = stand_alone(question, history)
        text = alone if self._fits(alone) else question
        if not self._fits(text):
            raise QuestionError(
                f"the question has more than the {self._encoder.max_tokens} tokens that the encoder reads",
                "Ask a shorter one",
            )
        return Query(text, self._encoder.encode_pieces([text])[0])

    def _fits(self, text: str) -> bool:
        # in ASCII a token is at least a character, so most need no counting; elsewhere one character may make several
        limit = self._encoder.max_tokens
        return (text.isascii() and len(text) <= limit) or self._encoder.count_tokens([text])[0] <= limit


def build_answerer(corpus: Corpus, encoder: Encoder, settings: Settings) -> Answerer:
    """The Answerer that `settings` describe, over an open corpus."""
    reader = load_reader(settings.reader, encoder, corpus.lexical.words)
    return Answerer(corpus, encoder, reader, Calibration.of(reader.name), settings.threshold)


def check_question(question: str) -> str:
    """`question` without the blanks around it. Raises QuestionError where it cannot be asked."""
    if len(question) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(question):,} characters, more than {LONGEST_QUESTION:,}", "Ask a shorter one"
        )
    _check_characters(question, "the question")
    if not question.strip():
        raise QuestionError("the question is empty", "Ask something")
    return " ".join(question.split())


def _check_characters(text: str, what: str) -> None:
    for place, character in enumerate(text):
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\r\n":
            raise QuestionError(
                f"{what} holds the control character U+{ord(character):04X} at place {place}", "Ask without it"
            )
