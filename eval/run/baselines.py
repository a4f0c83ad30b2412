"""Simple systems to be better than: every sentence ranked, the first three shown.

They leave out the history, always answer where they find anything, and their confidence is not calibrated: only its
order means something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from eval.questions.data import Question
from eval.questions.documents import Documents
from index.corpus import Corpus
from index.embedded.dense import DenseIndex
from index.embedded.fusion import fuse
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.types import Hit, Passage
from rag.row import Row, row_of
from rag.types import Answer, Citation, Excerpt, Form, Judgement

SHOWN = 3
RETRIEVED = 10
_CANDIDATES = 100

Ranking = list[tuple[float, int]]
"""(score from 0 to 1, sentence), best first."""
Ranker = Callable[[str], Ranking]


def baseline_rows(
    corpus: Corpus, encoder: Encoder, questions: Sequence[Question], documents: Documents
) -> dict[str, list[Row]]:
    """Name of the baseline -> a row for every question, in the shape of rag.row; none where there are only headings."""
    sentences = sentences_of(corpus)
    if not sentences:
        return {}
    return {
        name: [
            row_of(
                _answer(question.text, sentences, ranker, corpus.edition), id=question.id, document_id=documents.row_id
            )
            for question in questions
        ]
        for name, ranker in rankers(sentences, encoder, corpus.language).items()
    }


def sentences_of(corpus: Corpus) -> list[Passage]:
    """Every sentence of a corpus that is no heading, as a passage of its own."""
    documents = [corpus.document(title.id) for title in corpus.titles(limit=corpus.counts.documents)]
    return [
        Passage(document, (sentence,))
        for document in documents
        for sentence in corpus.sentences(document.id)
        if not sentence.heading
    ]


def rankers(sentences: Sequence[Passage], encoder: Encoder, language: str) -> Mapping[str, Ranker]:
    """Name of the baseline -> its ranker. The random one draws anew at every question, from a fixed seed."""
    texts = [sentence.text for sentence in sentences]
    lexical = LexicalIndex.build(texts, language)
    dense = DenseIndex.build(encoder.encode(texts))
    generator = np.random.default_rng(0)

    def by_words(question: str) -> Ranking:
        scores, rows = lexical.search(question, _CANDIDATES)
        return [(score / (1 + score), row) for score, row in zip(scores.tolist(), rows.tolist(), strict=True)]

    def by_meaning(question: str) -> Ranking:
        scores, rows = dense.search(encoder.encode([question]), _CANDIDATES)
        return [
            (min(1.0, max(0.0, score)), row) for score, row in zip(scores[0].tolist(), rows[0].tolist(), strict=True)
        ]

    def by_both(question: str) -> Ranking:
        scores, rows = dense.search(encoder.encode([question]), _CANDIDATES)
        return fuse([(scores[0], rows[0]), lexical.search(question, _CANDIDATES)])

    return {
        "random sentence": lambda question: [(0.5, row) for row in generator.permutation(len(sentences)).tolist()],
        "BM25 sentence": by_words,
        "dense sentence": by_meaning,
        "hybrid sentence": by_both,
    }


def _answer(question: str, sentences: Sequence[Passage], ranker: Ranker, edition: str) -> Answer:
    started = time.perf_counter()
    ranking = ranker(question)[:RETRIEVED]
    took = 1000 * (time.perf_counter() - started)
    hits = tuple(
        Hit(sentences[row], score, rank, {"sentence": score}) for rank, (score, row) in enumerate(ranking, start=1)
    )
    return Answer(
        question=question,
        status="answered" if ranking else "unanswered",
        threshold=0.0,
        citations=tuple(
            _cite(number, sentences[row], score) for number, (score, row) in enumerate(ranking[:SHOWN], start=1)
        ),
        closest=(),
        risk=1.0,
        judgements=(Judgement(Form(question), hits, (), {}, 0.0, *[ranking[0][0] if ranking else 0.0] * 2),),
        edition=edition,
        ms={"retrieve": took, "read": 0.0, "total": took},
    )


def _cite(number: int, sentence: Passage, score: float) -> Citation:
    span = sentence.span.trimmed(sentence.document.text)
    paragraph = sentence.sentences[0].paragraph
    return Citation(number, Excerpt(sentence.document, span), span, sentence.heading, paragraph, score)
