"""Simple baselines: every sentence ranked, the first three shown.

They ignore the history and answer whenever they find anything. Their confidence is not calibrated: only its order means
something.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.measures.types import Row
from eval.questions.data import Question
from eval.questions.documents import Documents
from index.embedded.dense import DenseIndex
from index.embedded.fusion import Ranking, fuse
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.text.sentences import split_sentences
from rag.row import ExcerptJson, excerpt_of, row_without_answer
from rag.types import Excerpt

SHOWN = 3
RETRIEVED = 10
_CANDIDATES = 100

Ranker = Callable[[str], list[tuple[float, int]]]
"""Question -> (score from 0 to 1, number of the sentence), best first."""


def baseline_rows(
    documents: Documents, encoder: Encoder, questions: Sequence[Question], language: str
) -> dict[str, list[Row]]:
    """Name of the baseline -> a row for every question; {} if there are only headings.

    `language` chooses the stemmer.
    """
    sentences = sentences_of(documents)
    if not sentences:
        return {}
    rankers = _rankers([sentence.text for sentence in sentences], encoder, language)
    excerpts = [excerpt_of(one, one.span, documents.row_id(one.document.id)) for one in sentences]
    return {name: [_row(question, excerpts, ranker) for question in questions] for name, ranker in rankers.items()}


def sentences_of(documents: Documents) -> list[Excerpt]:
    """All sentences except headings, without the blanks around them."""
    return [
        Excerpt(document, sentence.span.trimmed(document.text))
        for document in documents.all
        for sentence in split_sentences(document.text, document.language)
        if not sentence.heading
    ]


def _rankers(texts: Sequence[str], encoder: Encoder, language: str) -> Mapping[str, Ranker]:
    """Name of the baseline -> its ranker. The random one draws again for every question, from a fixed seed."""
    lexical = LexicalIndex.build(texts, language)
    dense = DenseIndex.build(encoder.encode(texts))
    generator = np.random.default_rng(0)

    def by_meaning(question: str) -> Ranking:
        (scores,), (rows,) = dense.search(encoder.encode([question]), _CANDIDATES)
        return scores, rows

    def by_words(question: str) -> Ranking:
        return lexical.search(question, _CANDIDATES)

    return {
        "random sentence": lambda question: [(0.5, row) for row in generator.permutation(len(texts)).tolist()],
        "BM25 sentence": lambda question: _scaled(by_words(question), lambda scores: scores / (1 + scores)),
        "dense sentence": lambda question: _scaled(by_meaning(question), lambda scores: scores.clip(0, 1)),
        "hybrid sentence": lambda question: fuse([by_meaning(question), by_words(question)]),
    }


def _scaled(ranking: Ranking, scale: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> list[tuple[float, int]]:
    scores, rows = ranking
    return list(zip(scale(scores).tolist(), rows.tolist(), strict=True))


def _row(question: Question, excerpts: Sequence[ExcerptJson], ranker: Ranker) -> Row:
    started = time.perf_counter()
    ranking = ranker(question.text)[:RETRIEVED]
    took = 1000 * (time.perf_counter() - started)
    retrieved = [excerpts[number] for _, number in ranking]
    return {
        **row_without_answer(id=question.id, edition=""),
        "status": "answered" if ranking else "unanswered",
        "confidence": round(ranking[0][0], 6) if ranking else 0.0,
        "citations": retrieved[:SHOWN],
        "retrieved": retrieved,
        "ms": {"total": took},
    }
