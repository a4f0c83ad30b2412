"""Answering: question forms -> search -> judge -> decide -> cite."""

import math
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from index.corpus import Corpus
from index.encoders.encoder import Encoder
from index.errors import QuestionError
from index.text.words import words_of
from index.types import Document, Hit, Query
from rag.calibration import Calibration
from rag.cite import cite, cite_closest
from rag.decide import answers, likeliest_first
from rag.forms import possible_forms
from rag.judge import Judge
from rag.readers.load import load_reader
from rag.settings import Settings
from rag.types import Answer, Form, Judgement, Reranker, Turn

LONGEST_QUESTION = 2000
"""The longest question, in characters."""
_RETRIEVED = 10
"""The number of passages that a search returns."""
_RERANKED = 32
"""The number of passages that a re-ranker, if there is one, sorts before the best are kept."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, eq=False)
class Answerer:
    """Answers questions from one edition of a corpus. Safe to use from several threads."""

    corpus: Corpus
    encoder: Encoder
    judge: Judge
    risk: float
    """The accepted share of wrong answers, 0 to 1, for questions that do not set one."""
    reranker: Reranker | None = None

    def seen_by(self, groups: frozenset[str]) -> Self:
        """An answerer over the documents that a member of `groups` may read."""
        corpus = self.corpus.seen_by(groups)
        return self if corpus is self.corpus else replace(self, corpus=corpus)

    def ask(self, question: str, history: Sequence[Turn] = (), *, risk: float | None = None) -> Answer:
        """Answers `question`, asked after the turns of `history`, oldest first.

        `risk` is the accepted share of wrong answers, 0 to 1; by default that of the settings. Raises QuestionError if
        the question is blank, too long or has control characters, or the risk is not from 0 to 1.
        """
        if risk is not None and not 0 <= risk <= 1:
            raise QuestionError(f"the risk is {risk}, expected 0 to 1", "Give an accepted share of wrong answers")
        started, ms = time.perf_counter(), defaultdict[str, float](float)
        as_asked = self._checked(question)
        forms = self._forms(as_asked.text, history)
        risk = self.risk if risk is None else risk
        threshold = self.judge.calibration.threshold(risk)
        judgements = [self._judgement(form, as_asked, ms) for form in forms if not form.fallback]
        ordered = likeliest_first(judgements, threshold)
        # a fallback form is tried if the likeliest form is not answered; no confidence reaches an infinite threshold
        if not answers(ordered[0], threshold) and math.isfinite(threshold):
            judgements += [self._judgement(form, as_asked, ms) for form in forms if form.fallback]
            ordered = likeliest_first(judgements, threshold)
        answered = answers(ordered[0], threshold)
        return Answer(
            question=question,
            judgements=ordered,
            status="answered" if answered else "unanswered",
            risk=risk,
            threshold=threshold,
            citations=cite(ordered[0].readings, self.corpus.sentences) if answered else (),
            closest=() if answered else cite_closest(ordered[0].readings),
            edition=self.corpus.edition,
            ms={**ms, "total": 1000 * (time.perf_counter() - started)},
        )

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` passages that match `question` best, best first; no reader runs. Raises as `ask` does."""
        return self._hits(self._checked(question), k)

    def _judgement(self, form: Form, as_asked: Query, ms: dict[str, float]) -> Judgement:
        started = time.perf_counter()
        query = as_asked if form.text == as_asked.text else self._query(form.text)
        hits = self._hits(query, _RETRIEVED, form.documents)
        found = time.perf_counter()
        # `query` is what was searched for; `question` is what the confidence is about
        judgement = self.judge.judge(form, question=as_asked if form.carried else query, query=query, hits=hits)
        ms["retrieve"] += 1000 * (found - started)
        ms["read"] += 1000 * (time.perf_counter() - found)
        return judgement

    def _hits(self, query: Query, k: int, within: Sequence[str] = ()) -> list[Hit]:
        if self.reranker is None:
            return self.corpus.search(query, k, within)
        return self.reranker.rerank(query, self.corpus.search(query, max(k, _RERANKED), within))[:k]

    def _forms(self, question: str, history: Sequence[Turn]) -> list[Form]:
        """The forms of the question that are short enough for the encoder."""
        for turn in history:
            _check_characters(turn.question, "an earlier question")
        turns = [self._with_text(turn) for turn in history]
        forms = possible_forms(question, turns, self.corpus.language)
        return [replace(form, documents=self._to_search(form.documents)) for form in forms if self._fits(form.text)]

    def _with_text(self, turn: Turn) -> Turn:
        """The turn with its answer and documents taken from the places shown, without places that the corpus lacks."""
        if not turn.shown:
            return turn
        known = [(place, document) for place in turn.shown if (document := self._document(place.document_id))]
        return replace(
            turn,
            answer=" ".join(document[place.span] for place, document in known),
            documents=tuple(dict.fromkeys(document.id for _, document in known)),
            shown=tuple(place for place, _ in known),
        )

    def _to_search(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The `ids` that the corpus holds; empty, which searches all documents, if it has none of them or no others."""
        known = tuple(id for id in dict.fromkeys(ids) if self._document(id))
        return known if len(known) < self.corpus.counts.documents else ()

    def _document(self, id: str) -> Document | None:
        try:
            return self.corpus.document(id)
        except KeyError:
            return None

    def _checked(self, question: str) -> Query:
        """Raises QuestionError if the question cannot be asked or is too long for the encoder."""
        question = check_question(question)
        if not self._fits(question):
            raise QuestionError(
                f"the question has more than the {self.encoder.max_tokens} tokens that the encoder reads",
                "Ask a shorter one",
            )
        return self._query(question)

    def _query(self, text: str) -> Query:
        return Query(text, self.encoder.encode_pieces([text])[0])

    def _fits(self, text: str) -> bool:
        # an ASCII token has at least one character, so most texts need no counting; others may be several tokens each
        limit = self.encoder.max_tokens
        return (text.isascii() and len(text) <= limit) or self.encoder.count_tokens([text])[0] <= limit


def build_answerer(
    corpus: Corpus, encoder: Encoder, settings: Settings, calibration: Calibration | None = None
) -> Answerer:
    """Composes the Answerer that `settings` describe. `calibration`, if given, replaces that of the settings."""
    words = words_of(corpus.language)
    reader = load_reader(settings.reader, encoder, words)
    reranker = None
    if settings.reranker:
        # imported here because it brings libraries that nothing else needs
        from rag.readers.reranker import CrossEncoderReranker

        reranker = CrossEncoderReranker.load(settings.reranker)
    if calibration is None and settings.calibration:
        parts = {"encoder": settings.encoder, "reranker": settings.reranker}
        # `read` refuses a calibration that was fitted with other parts
        calibration = Calibration.read(settings.calibration, reader.name, **parts)
    judge = Judge(reader, calibration or Calibration.shipped(reader.name), encoder, words)
    return Answerer(corpus, encoder, judge, settings.risk, reranker)


def check_question(question: str) -> str:
    """`question` with single blanks between words. Raises QuestionError if it cannot be asked."""
    if len(question) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(question):,} characters, more than {LONGEST_QUESTION:,}", "Ask a shorter one"
        )
    _check_characters(question, "the question")
    if not question.strip():
        raise QuestionError("the question is empty", "Ask something")
    return " ".join(question.split())


def _check_characters(text: str, what: str) -> None:
    if control := _CONTROL.search(text):
        problem = f"{what} holds the control character U+{ord(control[0]):04X} at place {control.start()}"
        raise QuestionError(problem, "Ask without it")
