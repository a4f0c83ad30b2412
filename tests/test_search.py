"""Both searchers, and their fusion, against slow and obvious references."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from corpus_support import HashEncoder, make_corpus, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.embedded.dense import DenseIndex
from index.embedded.fusion import Ranking, fuse
from index.embedded.lexical import LexicalIndex
from index.errors import SettingsError
from index.text.words import STEMMERS, Words
from index.types import Query


def unit_vectors(seed: int, n: int, d: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from([8, 32, 384]), st.integers(1, 250))
def test_dense_search_is_exact(seed: int, n: int, d: int, k: int) -> None:
    vectors, queries = unit_vectors(seed, n, d), unit_vectors(seed + 1, 3, d)
    products = queries @ vectors.T
    scores, rows = DenseIndex.build(vectors).search(queries, k)
    assert scores.shape == rows.shape == (3, min(k, n))
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert (np.diff(scores, axis=1) <= 0).all()
    for query in range(3):
        assert len(set(rows[query].tolist())) == len(rows[query])
        np.testing.assert_allclose(scores[query], products[query, rows[query]], atol=2e-3)
        np.testing.assert_allclose(scores[query], np.sort(products[query])[::-1][: min(k, n)], atol=2e-3)


def test_a_dense_index_is_opened_as_it_was_saved(tmp_path: Path) -> None:
    vectors, queries = unit_vectors(1, 50, 16), unit_vectors(2, 4, 16)
    built = DenseIndex.build(vectors)
    built.save(tmp_path)
    opened = DenseIndex.open(tmp_path)
    for ours, its in zip(opened.search(queries, 7), built.search(queries, 7), strict=True):
        np.testing.assert_array_equal(ours, its)


def bm25(documents: Sequence[str], question: str, words: Words) -> list[float]:
    """Robertson & Zaragoza 2009 as Lucene reckons it, which leaves out the constant factor k1 + 1."""
    counts = [Counter(words(document)) for document in documents]
    average = sum(sum(count.values()) for count in counts) / len(documents)
    scores = []
    for count in counts:
        score = 0.0
        for word in set(words(question)):
            holding = sum(word in other for other in counts)
            if count[word]:
                idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
                length = 1.5 * (1 - 0.75 + 0.75 * sum(count.values()) / average)
                score += idf * count[word] / (count[word] + length)
        scores.append(score)
    return scores


few_words = st.lists(
    st.sampled_from(["river", "rivers", "the", "lighthouse", "Lighthouse’s", "sea", "1888", "naïve", "木", "of"]),
    max_size=12,
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(few_words, min_size=1, max_size=12), few_words, st.integers(1, 15))
def test_lexical_search_is_bm25(documents: list[str], question: str, k: int) -> None:
    index = LexicalIndex.build(documents)
    expected = bm25(documents, question, Words("en"))
    scores, rows = index.search(question, k)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    ranked = sorted((row for row, score in enumerate(expected) if score > 0), key=lambda row: -expected[row])
    np.testing.assert_allclose(scores, [expected[row] for row in ranked[:k]], rtol=1e-4)
    np.testing.assert_allclose(scores, [expected[row] for row in rows], rtol=1e-4)
    assert (np.diff(scores) <= 0).all()


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 500), st.integers(1, 120))
def test_of_equal_passages_the_first_come_first(random: Random, n: int, k: int) -> None:
    documents = random.choices(["river", "sea", "river sea"], k=n)
    _, rows = LexicalIndex.build(documents).search("river", k)
    short = [row for row, document in enumerate(documents) if document == "river"]
    long = [row for row, document in enumerate(documents) if document == "river sea"]
    assert rows.tolist() == [*short, *long][:k]


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), texts)
def test_any_text_can_be_indexed_and_searched(documents: list[str], question: str) -> None:
    index = LexicalIndex.build(documents)
    scores, rows = index.search(question, 10)
    assert (scores > 0).all()
    words = Words("en")
    assert all(set(words(question)) & set(words(documents[row])) for row in rows)


def test_no_word_in_common_finds_nothing() -> None:
    index = LexicalIndex.build(["The river rises in the hills.", "A lighthouse."])
    for question in ("harbour", "", "the of a", "?!", "\U0001f600"):
        scores, rows = index.search(question, 5)
        assert (scores.tolist(), rows.tolist()) == ([], [])


@pytest.mark.parametrize("documents", [["the of a", "?!"], [""]])
def test_passages_without_a_word_find_nothing(tmp_path: Path, documents: list[str]) -> None:
    index = LexicalIndex.build(documents)
    index.save(tmp_path)
    for one in (index, LexicalIndex.open(tmp_path)):
        assert one.search("river", 5)[1].tolist() == []
        assert one.search("", 5)[1].tolist() == []


def test_a_lexical_index_is_opened_as_it_was_saved(tmp_path: Path) -> None:
    built = LexicalIndex.build(["Der Fluss entspringt hier.", "Die Flüsse und das Meer.", "Ein Leuchtturm."], "de")
    built.save(tmp_path)
    opened = LexicalIndex.open(tmp_path)
    for ours, its in zip(opened.search("Flüsse des Meeres", 3), built.search("Flüsse des Meeres", 3), strict=True):
        np.testing.assert_array_equal(ours, its)
    assert len(opened.search("Flüsse", 3)[1]) >= 1


def test_words_are_folded_stemmed_and_without_stop_words() -> None:
    words = Words("en")
    assert words("The Rivers’ river’s RIVER") == ["river"] * 3
    assert words("ﬁshing") == words("fishing")
    assert words("Cafe\u0301") == words("Café")


@pytest.mark.parametrize("language", STEMMERS)
def test_every_language_that_is_named_has_a_stemmer(language: str) -> None:
    assert Words(language)("1888") == ["1888"]


def test_a_language_without_a_stemmer_is_refused() -> None:
    with pytest.raises(SettingsError, match="'xx'"):
        Words("xx")


def slow_fuse(rankings: Sequence[Ranking]) -> list[tuple[float, int]]:
    shares: dict[int, list[float]] = {}
    for scores, rows in rankings:
        best = max(scores.tolist(), default=1.0)
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            shares.setdefault(row, []).append(score / best if score > 0 else 0.0)
    return sorted(((sum(its) / len(rankings), row) for row, its in shares.items()), key=lambda one: (-one[0], one[1]))


@st.composite
def ranking(draw: st.DrawFn) -> Ranking:
    rows = draw(st.lists(st.integers(0, 20), unique=True, max_size=12))
    scores = sorted(draw(st.lists(st.floats(-1, 30, width=32), min_size=len(rows), max_size=len(rows))), reverse=True)
    return np.array(scores, np.float32), np.array(rows, np.int64)


@settings(max_examples=300, deadline=None)
@given(st.lists(ranking(), min_size=1, max_size=3))
def test_fusion_is_the_mean_of_shares(rankings: list[Ranking]) -> None:
    fused, expected = fuse(rankings), slow_fuse(rankings)
    assert [row for _, row in sorted(fused, key=lambda one: one[1])] == sorted({row for _, row in expected})
    by_row = {row: score for score, row in expected}
    for score, row in fused:
        assert score == pytest.approx(by_row[row], abs=1e-6)
        assert 0 <= score <= 1 + 1e-9
    assert fused == sorted(fused, key=lambda one: (-one[0], one[1]))


@settings(max_examples=100, deadline=None)
@given(ranking(), st.floats(0.125, 64, width=16))
def test_a_searcher_s_scale_does_not_matter(one: Ranking, factor: float) -> None:
    scores, rows = one
    scaled = fuse([(scores * np.float32(factor), rows)])
    assert {row: score for score, row in scaled} == pytest.approx({row: score for score, row in fuse([one])}, abs=1e-5)


def test_nothing_found_fuses_to_nothing() -> None:
    nothing = np.empty(0, np.float32), np.empty(0, np.int64)
    assert fuse([nothing, nothing]) == []


def test_hits_say_who_found_them(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, "The river rises.", "The lighthouse stands.", "Bread and butter.")
    encoding = HashEncoder().encode_pieces(["river lighthouse lighthouse"])[0]
    hits = corpus.search(Query("river lighthouse lighthouse", encoding), 2)
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].score >= hits[1].score
    assert {hit.passage.text for hit in hits} == {"The river rises.", "The lighthouse stands."}
    texts = ["The river rises.", "The lighthouse stands.", "Bread and butter."]
    words, worded = LexicalIndex.build(texts).search("river lighthouse", 5)
    (products,), (near,) = DenseIndex.build(HashEncoder().encode(texts)).search(encoding.vector[None], 5)
    for hit in hits:
        row = texts.index(hit.passage.text)
        assert hit.found_by == {"lexical": words[worded == row], "dense": products[near == row]}
    assert len(corpus.search(Query("river", encoding), 10)) == 3
    corpus.close()


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(few_words, min_size=1, max_size=12), few_words, st.integers(1, 15))
def test_some_passages_score_among_themselves(data: st.DataObject, texts: list[str], question: str, k: int) -> None:
    rows = sorted(data.draw(st.sets(st.sampled_from(range(len(texts))), min_size=1)))
    part = LexicalIndex.build(texts).only(np.array(rows, np.int64))
    alone = LexicalIndex.build([texts[row] for row in rows])
    (ours, places), (its, numbers) = part.search(question, k), alone.search(question, k)
    np.testing.assert_array_equal(ours, its)
    assert places.tolist() == [rows[number] for number in numbers]
