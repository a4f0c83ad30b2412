"""The Answerer: a question becomes an answer made of quotations, or none."""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Sequence

from index.embedded.corpus import Corpus, Selection
from index.embedded.fusion import retrieve
from index.encoders.encoder import Encoder
from index.errors import ModelError, QuestionError
from index.text.chunk import searchable
from index.types import Hit
from rag.calibration import Calibration, features
from rag.cite import choose, closest
from rag.forms import Form, best_first, forms, mixed
from rag.readers.load import READ, Reader, Reranker, load_reader, load_reranker
from rag.settings import Settings
from rag.types import Answer, Attempt, Query, Turn

LONGEST_QUESTION = 2000
"""Characters."""
_RETRIEVED = 10
"""Passages that a search brings."""
_RERANKED = 32
"""Passages that a re-ranker puts in order, where there is one, before the best of them are kept."""


class Answerer:
    """Answers questions from one edition of a corpus. May be used by several threads at once."""

    def __init__(
        self,
        corpus: Corpus,
        encoder: Encoder,
        reader: Reader,
        calibration: Calibration,
        risk: float,
        *,
        reranker: Reranker | None = None,
    ) -> None:
        self.corpus = corpus
        self._encoder = encoder
        self._reader = reader
        self._calibration = calibration
        self._risk = risk
        self._reranker = reranker

    def seen_by(self, groups: frozenset[str]) -> Answerer:
        """One that answers whoever is in `groups`, from what they may read alone."""
        corpus = self.corpus.seen_by(groups)
        if corpus is self.corpus:
            return self
        return Answerer(corpus, self._encoder, self._reader, self._calibration, self._risk, reranker=self._reranker)

    def ask(self, question: str, history: Sequence[Turn] = (), *, risk: float | None = None) -> Answer:
        """What the corpus says to `question`, after the turns of `history`, oldest first.

        `risk` is the share of wrong answers, 0 to 1, that is borne among what is answered; without it, the settings'.
        Raises QuestionError where the question is blank, too long or holds control characters, or the risk is not
        from 0 to 1.
        """
        if risk is not None and not 0 <= risk <= 1:
            raise QuestionError(f"the risk is {risk}, expected 0 to 1", "Give the share of wrong answers to bear")
        watch = _Stopwatch()
        alone = check_question(question)
        found = self._forms(alone, history)
        asked = self._query(alone)
        borne = self._risk if risk is None else risk
        threshold = self._calibration.threshold(borne)
        attempts = self._attempts(found, asked, threshold, watch)
        best = attempts[0]
        answered = _answers(best, threshold)
        return Answer(
            question=question,
            attempts=attempts,
            status="answered" if answered else "unanswered",
            risk=borne,
            threshold=threshold,
            calibration=self._calibration,
            citations=choose(best.readings, self.corpus.sentences) if answered else (),
            closest=() if answered else closest(best.readings),
            edition=self.corpus.edition,
            ms=watch.ms(),
        )

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` passages that bear most on `question`, best first; nothing is read. Raises QuestionError as ask."""
        query = self._query(self._fitting(check_question(question)))
        return self._found(query, self.corpus, k)

    def _found(self, query: Query, corpus: Corpus | Selection, k: int) -> list[Hit]:
        hits = retrieve(corpus, query, max(k, _RERANKED) if self._reranker else k)
        return self._reranker.rerank(query, hits)[:k] if self._reranker else hits

    def _attempts(
        self, found: Sequence[tuple[Form, Selection | None]], asked: Query, threshold: float, watch: _Stopwatch
    ) -> tuple[Attempt, ...]:
        """The attempts at these forms, first the one to answer from.

        That is the likeliest or, where it does not reach the threshold, another that is a question of its own and does.
        """
        tried = [(form, self._attempt(form, part, asked, watch)) for form, part in found if not form.otherwise]
        attempts = best_first(tried, self._calibration.as_put)
        if _answers(attempts[0], threshold) or math.isinf(threshold):
            return attempts
        others = [self._attempt(form, part, self._query(form.text), watch) for form, part in found if form.otherwise]
        answered = any(_answers(attempt, threshold) for attempt in others)
        return (*others, *attempts) if answered else (*attempts, *others)

    def _attempt(self, form: Form, part: Selection | None, asked: Query, watch: _Stopwatch) -> Attempt:
        query = asked if form.text == asked.text else self._query(form.text)
        hits = self._found(query, part or self.corpus, _RETRIEVED)
        watch.lap("retrieve")
        readings = self._reader.read(query, hits[:READ])
        if query is not asked:
            readings = mixed(self._reader.read(asked, hits[:READ]), readings, form.shown)
        if (unclear := next((one.score for one in readings if not math.isfinite(one.score)), None)) is not None:
            raise ModelError(
                f"the reader {self._reader.name!r} scores a sentence {unclear}, expected a finite number",
                "Its weights are damaged: get them again, or choose another reader",
            )
        seen = features(
            asked,
            readings,
            self.corpus.lexical.words,
            similarity=self._similarity(asked, query, readings[0].hit) if readings else 0.0,
            carried=query is not asked,
        )
        watch.lap("read")
        confidence = self._calibration.confidence(seen)
        searched_in = part.documents if part else ()
        return Attempt(form.text, tuple(hits), tuple(readings), seen, confidence, searched_in)

    def _similarity(self, asked: Query, query: Query, hit: Hit) -> float:
        """Of the question as it was put and what was found for `query`; 0 where dense search did not find it so."""
        if query is asked:
            return hit.found_by.get("dense", 0.0)
        return float(asked.encoding.vector @ self._encoder.encode([searchable(hit.passage)])[0])

    def _query(self, text: str) -> Query:
        return Query(text, self._encoder.encode_pieces([text])[0])

    def _forms(self, question: str, history: Sequence[Turn]) -> list[tuple[Form, Selection | None]]:
        """The forms of the question that the encoder can read, each with what it is searched for in: None for all."""
        for turn in history:
            _check_characters(turn.question, "the question before")
        self._fitting(question)
        found = forms(question, history, self.corpus.manifest.language)
        return [(form, self._part(form.documents)) for form in found if self._fits(form.text)]

    def _part(self, documents: Sequence[str]) -> Selection | None:
        """The documents of these ids; None where that is all there is, or nothing."""
        if not documents:
            return None
        part = self.corpus.within(documents)
        return part if 0 < len(part.passages) < len(self.corpus.passages) else None

    def _fitting(self, question: str) -> str:
        """The question, where the encoder can read it. Raises QuestionError where it cannot."""
        if not self._fits(question):
            raise QuestionError(
                f"the question has more than the {self._encoder.max_tokens} tokens that the encoder reads",
                "Ask a shorter one",
            )
        return question

    def _fits(self, text: str) -> bool:
        # in ASCII a token is at least a character, so most need no counting; elsewhere one character may make several
        limit = self._encoder.max_tokens
        return (text.isascii() and len(text) <= limit) or self._encoder.count_tokens([text])[0] <= limit


def _answers(attempt: Attempt, threshold: float) -> bool:
    return bool(attempt.readings) and attempt.confidence >= threshold


class _Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._started = self._since = time.perf_counter()
        self._ms: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Counts the time since the last lap towards `stage`."""
        now = time.perf_counter()
        self._ms[stage] = self._ms.get(stage, 0.0) + 1000 * (now - self._since)
        self._since = now

    def ms(self) -> dict[str, float]:
        return {**self._ms, "total": 1000 * (time.perf_counter() - self._started)}


def build_answerer(
    corpus: Corpus, encoder: Encoder, settings: Settings, calibration: Calibration | None = None
) -> Answerer:
    """The Answerer that `settings` describe, over an open corpus; with `calibration`, if given, in place of theirs."""
    reader = load_reader(settings.reader, encoder, corpus.lexical.words)
    reranker = load_reranker(settings.reranker) if settings.reranker else None
    if calibration is None and settings.calibration:
        fitted_with = {"encoder": settings.encoder, "reranker": settings.reranker}
        calibration = Calibration.read(settings.calibration, reader.name, **fitted_with)
    return Answerer(
        corpus, encoder, reader, calibration or Calibration.shipped(reader.name), settings.risk, reranker=reranker
    )


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
