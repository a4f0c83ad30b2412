"""What a person may not read is not there: not searched, not counted, not shown and not hinted at."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from corpus_support import HashEncoder, any_character, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.embedded.corpus import Corpus, Selection, publish
from index.embedded.fusion import retrieve
from index.embedded.lexical import LexicalIndex
from index.errors import QuestionError
from index.types import Document
from rag.answer import Answerer, build_answerer
from rag.receipt import Receipt, check
from rag.settings import Settings
from rag.types import Answer, Query, Turn

GROUPS = ("staff", "board", "Größe 木")
PUBLIC = "The river rises in the hills. It is long, and it runs to the sea."
STAFF = "The river rises at the secret spring. Only the staff has seen it."
BOARD = "The lighthouse is to be sold to the highest bidder. The river is not."

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# a few words that recur, so that passages share them, scores tie and what is hidden would weigh
words = st.lists(
    st.sampled_from(["river", "rivers", "lighthouse", "sea", "the", "of", "1888", "hills", "木"]),
    min_size=1,
    max_size=9,
).map(lambda some: " ".join(some) + ".")
some_text = st.one_of(
    words,
    st.lists(words, min_size=1, max_size=4).map("\n\n# Heading\n\n".join),
    st.just("the of the."),
    texts.filter(str.strip),
)
some_groups = st.one_of(st.just(()), st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True).map(tuple))
readers = st.frozensets(st.sampled_from([*GROUPS, "nobody", "nowhere"]))
questions = st.one_of(
    st.sampled_from(["Where does the river rise?", "river sea", "lighthouse 1888", "the of", "木", "?"]),
    words,
    st.text(any_character, min_size=1, max_size=30).filter(str.strip),
)


@st.composite
def document_lists(draw: st.DrawFn) -> list[Document]:
    found = draw(st.lists(some_text, min_size=1, max_size=7, unique=True))
    return [Document.of(text, title=f"Title {n}", groups=draw(some_groups)) for n, text in enumerate(found)]


def may_read(document: Document, groups: frozenset[str]) -> bool:
    return not document.groups or bool(groups.intersection(document.groups))


def publish_and_open(folder: Path, documents: Sequence[Document]) -> Corpus:
    publish(folder, documents, HashEncoder())
    return Corpus.open(folder, HashEncoder())


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    documents = [
        Document.of(STAFF, title="Staff", groups=("staff", "board")),
        Document.of(PUBLIC, title="Public"),
        Document.of(BOARD, title="Board", groups=("board",)),
    ]
    return publish_and_open(tmp_path / "corpus", documents)


def said_by(corpus: Corpus) -> dict[str, Any]:
    """Everything that a corpus says of itself, but for which edition it is and which files that has."""
    return {
        "documents": corpus.documents(),
        "ids": corpus.document_ids(),
        "titles": corpus.titles(),
        "passages": tuple(corpus.passages),
        "sentences": [corpus.sentences(id) for id in corpus.document_ids()],
        "sizes": (len(corpus.dense), len(corpus.lexical), len(corpus.passages)),
        "counts": (corpus.manifest.documents, corpus.manifest.passages),
    }


def found_in(corpus: Corpus | Selection, question: str, k: int) -> dict[str, Any]:
    query = Query(question, HashEncoder().encode_pieces([question])[0])
    dense = corpus.dense.search(np.stack([query.encoding.vector, -query.encoding.vector]), k)
    lexical = corpus.lexical.search(question, k)
    for scores, rows in (dense, lexical):
        assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    return {
        "dense": [part.tolist() for part in dense],
        "lexical": [part.tolist() for part in lexical],
        "hits": retrieve(corpus, query, k),
    }


def answered_by(corpus: Corpus, question: str, history: Sequence[Turn]) -> Answer:
    answerer = build_answerer(corpus, HashEncoder(), Settings(reader="similarity", risk=1.0))
    return replace(answerer.ask(question, history), ms={}, edition="")


@few
@given(document_lists(), readers, questions, st.integers(1, 12))
def test_what_is_said_is_what_a_corpus_of_the_readable_documents_says(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document], groups: frozenset[str], question: str, k: int
) -> None:
    folder = tmp_path_factory.mktemp("corpora")
    readable = [document for document in documents if may_read(document, groups)]
    with closing(publish_and_open(folder / "all", documents)) as whole:
        seen = whole.seen_by(groups)
        assert seen.documents() == tuple(readable)
        for document in documents:
            if document not in readable:
                with pytest.raises(KeyError) as hidden:
                    seen.document(document.id)
                with pytest.raises(KeyError) as unknown:
                    seen.document(document.id[::-1])
                assert (hidden.value.args, unknown.value.args) == ((document.id,), (document.id[::-1],))
                assert seen.sentences(document.id) == seen.sentences(document.id[::-1]) == ()
        assert (seen is whole) == (readable == documents)
        if not readable:
            return
        with closing(publish_and_open(folder / "readable", readable)) as alone:
            assert said_by(seen) == said_by(alone)
            assert found_in(seen, question, k) == found_in(alone, question, k)


@settings(few, max_examples=20)
@given(document_lists(), readers, questions, st.lists(questions, max_size=1), st.data())
def test_an_answer_is_that_of_a_corpus_of_the_readable_documents(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Document],
    groups: frozenset[str],
    question: str,
    before: list[str],
    data: st.DataObject,
) -> None:
    documents_before = tuple(data.draw(st.lists(st.sampled_from([document.id for document in documents]))))
    folder = tmp_path_factory.mktemp("corpora")
    readable = [document for document in documents if may_read(document, groups)]
    # also of documents that may not be read
    history = [Turn(earlier, "It rises in the hills.", documents_before) for earlier in before]
    with closing(publish_and_open(folder / "all", documents)) as whole:
        try:
            answer = answered_by(whole.seen_by(groups), question, history)
        except QuestionError:
            return
        if readable:
            with closing(publish_and_open(folder / "readable", readable)) as alone:
                assert answer == answered_by(alone, question, history)
                for citation in answered_by(whole, question, history).citations:
                    receipt = Receipt.of(citation, whole.edition)
                    assert check(receipt, whole.seen_by(groups)) == check(receipt, alone)
        else:
            assert (answer.status, answer.citations, answer.closest) == ("unanswered", (), ())


@few
@given(document_lists(), readers, questions, st.integers(1, 12), st.data())
def test_documents_are_searched_as_though_there_were_no_others(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Document],
    groups: frozenset[str],
    question: str,
    k: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("corpora")
    ids = data.draw(st.lists(st.sampled_from([document.id for document in documents])))
    chosen = [document for document in documents if document.id in ids and may_read(document, groups)]
    with closing(publish_and_open(folder / "all", documents)) as whole:
        part = whole.seen_by(groups).within([*ids, "unknown"])
        assert {document.id for document in part.documents} == {document.id for document in chosen}
        if not chosen:
            assert (len(part.dense), len(part.lexical), len(part.passages)) == (0, 0, 0)
            return
        with closing(publish_and_open(folder / "chosen", chosen)) as alone:
            assert found_in(part, question, k) == found_in(alone, question, k)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(words, min_size=1, max_size=12), words, st.integers(1, 15))
def test_some_passages_score_among_themselves(data: st.DataObject, texts: list[str], question: str, k: int) -> None:
    rows = sorted(data.draw(st.sets(st.sampled_from(range(len(texts))), min_size=1)))
    part = LexicalIndex.build(texts).only(np.array(rows, np.int64))
    alone = LexicalIndex.build([texts[row] for row in rows])
    assert len(part) == len(alone)
    for ours, its in zip(part.search(question, k), alone.search(question, k), strict=True):
        np.testing.assert_array_equal(ours, its)


@settings(few, max_examples=20)
@given(document_lists(), readers, readers, questions)
def test_what_is_seen_of_what_is_seen_is_what_both_may_read(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[Document],
    one: frozenset[str],
    other: frozenset[str],
    question: str,
) -> None:
    with closing(publish_and_open(tmp_path_factory.mktemp("corpus"), documents)) as whole:
        there, back = whole.seen_by(one).seen_by(other), whole.seen_by(other).seen_by(one)
        both = [document for document in documents if may_read(document, one) and may_read(document, other)]
        assert there.documents() == back.documents() == tuple(both)
        assert said_by(there) == said_by(back)
        assert found_in(there, question, 5) == found_in(back, question, 5)


def test_where_nothing_may_be_read_nothing_is_found(tmp_path: Path) -> None:
    documents = [Document.of(STAFF, title="Staff", groups=("staff",)), Document.of(BOARD, title="B", groups=("board",))]
    with closing(publish_and_open(tmp_path, documents)) as whole:
        seen = whole.seen_by(frozenset({"nobody"}))
        said = said_by(seen)
        assert (said.pop("sizes"), said.pop("counts")) == ((0, 0, 0), (0, 0))
        assert not any(said.values())
        assert found_in(seen, "river", 5) == {"dense": [[[], []], [[], []]], "lexical": [[], []], "hits": []}
        for reader in ("similarity", "trained"):
            answerer = build_answerer(whole, HashEncoder(), Settings(reader=reader, risk=1.0))
            answer = answerer.seen_by(frozenset()).ask("Where does the river rise?")
            assert (answer.status, answer.citations, answer.closest, answer.retrieved) == ("unanswered", (), (), ())


def test_readable_passages_without_a_word_are_passages_still(tmp_path: Path) -> None:
    documents = [Document.of("of the.", title="No word"), Document.of(STAFF, title="Staff", groups=("staff",))]
    with closing(publish_and_open(tmp_path, documents)) as whole:
        seen = whole.seen_by(frozenset())
        assert seen.lexical.search("river secret", 5)[1].tolist() == []
        assert seen.dense.search(HashEncoder().encode(["river"]), 5)[1].tolist() == [[0]]


def test_as_many_are_found_as_are_asked_for(tmp_path: Path) -> None:
    hidden = [Document.of(f"The river rises, says secret {n}.", title="S", groups=("staff",)) for n in range(300)]
    open_to_all = [Document.of(f"Far from the river there is a hill {n}.", title="P") for n in range(12)]
    with closing(publish_and_open(tmp_path, [*hidden[:150], *open_to_all, *hidden[150:]])) as whole:
        query = Query("the river rises", HashEncoder().encode_pieces(["the river rises"])[0])
        hits = retrieve(whole.seen_by(frozenset()), query, 10)
        assert len(hits) == 10
        assert all(hit.passage.document in open_to_all for hit in hits)
        assert all(set(hit.found_by) == {"dense", "lexical"} for hit in hits)


def test_the_corpus_of_a_view_says_nothing_of_the_rest(corpus: Corpus) -> None:
    seen = corpus.seen_by(frozenset({"staff"}))
    assert [title for _, title in seen.titles()] == ["Staff", "Public"]
    assert seen.edition == corpus.edition
    # sizes and checksums are of all documents together
    assert (seen.manifest.documents, seen.manifest.files) == (2, {})


def test_who_may_read_everything_reads_the_corpus_itself(corpus: Corpus) -> None:
    assert corpus.seen_by(frozenset({"board"})) is corpus
    assert corpus.seen_by(frozenset({"board", "made up"})) is corpus


def test_a_view_is_made_once_whatever_other_groups_are_named(corpus: Corpus) -> None:
    seen = corpus.seen_by(frozenset())
    assert seen is not corpus
    for n in range(1000):
        assert corpus.seen_by(frozenset({f"made up {n}"})) is seen


def test_closing_a_view_closes_it_for_nobody(corpus: Corpus) -> None:
    corpus.seen_by(frozenset()).close()
    assert len(corpus.seen_by(frozenset()).documents()) == 1
    corpus.close()


def test_an_answerer_answers_from_what_may_be_read(corpus: Corpus) -> None:
    answerer = build_answerer(corpus, HashEncoder(), Settings(reader="similarity", risk=1.0))
    asked = "Where is the secret spring that the river rises at?"

    def quoted(one: Answerer) -> str:
        return " ".join(citation.excerpt.text for citation in one.ask(asked).citations)

    assert "secret" in quoted(answerer)
    assert "secret" in quoted(answerer.seen_by(frozenset({"staff"})))
    assert "secret" not in quoted(answerer.seen_by(frozenset()))
    assert quoted(answerer.seen_by(frozenset()))
    assert answerer.seen_by(frozenset({"board"})) is answerer


def test_a_receipt_of_what_may_not_be_read_is_as_one_of_nothing(corpus: Corpus) -> None:
    answerer = build_answerer(corpus, HashEncoder(), Settings(reader="similarity", risk=1.0))
    answer = answerer.ask("Who buys the lighthouse, the highest bidder?")
    receipt = Receipt.of(answer.citations[0], answer.edition)
    assert check(receipt, corpus).status == "valid"
    assert check(receipt, corpus.seen_by(frozenset({"staff"}))).status == "gone"


def test_threads_that_see_different_things_at_once_see_them_right(tmp_path: Path) -> None:
    sets = [frozenset(some) for some in chain.from_iterable(combinations(GROUPS, n) for n in range(4))]
    documents = [
        Document.of(f"{text} {n}", title=f"Document {n}", groups=groups)
        for n, (text, groups) in enumerate(
            (text, groups)
            for text in (PUBLIC, STAFF, BOARD)
            for groups in [(), *((one,) for one in GROUPS), GROUPS[:2]]
        )
    ]
    settings = Settings(reader="similarity", risk=1.0)
    asked = "Where does the river rise?"
    with closing(publish_and_open(tmp_path, documents)) as alone:
        answerer = build_answerer(alone, HashEncoder(), settings)
        expected = {groups: replace(answerer.seen_by(groups).ask(asked), ms={}) for groups in sets}
    with closing(Corpus.open(tmp_path, HashEncoder())) as corpus:
        answerer = build_answerer(corpus, HashEncoder(), settings)
        together = Barrier(8)

        def ask(groups: frozenset[str]) -> tuple[Corpus, Answer]:
            together.wait()
            seen = answerer.seen_by(groups)
            return seen.corpus, replace(seen.ask(asked), ms={})

        with ThreadPoolExecutor(8) as pool:
            for order in (sets, sets[::-1], [sets[1]] * 8):
                for groups, (view, answer) in zip(order, pool.map(ask, order), strict=True):
                    assert answer == expected[groups]
                    assert view is corpus.seen_by(groups)
                    assert all(may_read(document, groups) for document in view.documents())
