"""Simple baselines: every sentence ranked, the first three shown.

They ignore the history and answer whenever they find anything. Their confidence is not calibrated: only its order means
something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from eval.measures.types import Row
from eval.questions.data import Question
from eval.questions.documents import Documents
from index.embedded.dense import DenseIndex
from index.embedded.fusion import fuse
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.text.sentences import split_sentences
from index.types import Span

SHOWN = 3
RETRIEVED = 10
_CANDIDATES = 100

Sentence = tuple[str, Span, str]
"""(document_id as in rows, span, text)."""
Ranking = list[tuple[float, int]]
"""(score from 0 to 1, number of the sentence), best first."""
Ranker = Callable[[str], Ranking]


def baseline_rows(
    documents: Documents, encoder: Encoder, questions: Sequence[Question], language: str
) -> dict[str, list[Row]]:
    """Name of the baseline -> a row for every question, with the keys that are measured; {} if there are only headings.

    `language` chooses the stemmer.
    """
    sentences = sentences_of(documents)
    if not sentences:
        return {}
    rankers = _rankers([text for _, _, text in sentences], encoder, language)
    return {name: [_row(question, sentences, ranker) for question in questions] for name, ranker in rankers.items()}


def sentences_of(documents: Documents) -> list[Sentence]:
    """All sentences except headings, without the blanks around them."""
    spans = (
        (document, sentence.span.trimmed(document.text))
        for document in documents.all
        for sentence in split_sentences(document.text, document.language)
        if not sentence.heading
    )
    return [(documents.row_id(document.id), span, document[span]) for document, span in spans]


def _rankers(texts: Sequence[str], encoder: Encoder, language: str) -> Mapping[str, Ranker]:
    """Name of the baseline -> its ranker. The random one draws again for every question, from a fixed seed."""
    lexical = LexicalIndex.build(texts, language)
    dense = DenseIndex.build(encoder.encode(texts))
    generator = np.random.default_rng(0)

    def nearest(question: str) -> tuple[Any, Any]:
        scores, rows = dense.search(encoder.encode([question]), _CANDIDATES)
        return scores[0], rows[0]

    def by_words(question: str) -> Ranking:
        scores, rows = lexical.search(question, _CANDIDATES)
        return list(zip((scores / (1 + scores)).tolist(), rows.tolist(), strict=True))

    def by_meaning(question: str) -> Ranking:
        scores, rows = nearest(question)
        return list(zip(scores.clip(0, 1).tolist(), rows.tolist(), strict=True))

    return {
        "random sentence": lambda question: [(0.5, row) for row in generator.permutation(len(texts)).tolist()],
        "BM25 sentence": by_words,
        "dense sentence": by_meaning,
        "hybrid sentence": lambda question: fuse([nearest(question), lexical.search(question, _CANDIDATES)]),
    }


def _row(question: Question, sentences: Sequence[Sentence], ranker: Ranker) -> Row:
    started = time.perf_counter()
    ranking = ranker(question.text)[:RETRIEVED]
    took = 1000 * (time.perf_counter() - started)
    excerpts = [
        {"document_id": document_id, "start": span.start, "end": span.end, "text": text,
         "highlight": [span.start, span.end]}
        for document_id, span, text in (sentences[number] for _, number in ranking)
    ]  # fmt: skip
    return {
        "id": question.id,
        "status": "answered" if ranking else "unanswered",
        "confidence": round(ranking[0][0], 6) if ranking else 0.0,
        "citations": excerpts[:SHOWN],
        "closest": [],
        "retrieved": excerpts,
        "ms": {"total": took},
    }
