"""The contract of index.corpus.Corpus, which every engine passes: editions, spans, search, groups, titles.

A hidden document is not searched, counted, listed or hinted at.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from threading import Barrier
from typing import Any, Protocol

import pytest
from corpus_support import HashEncoder, any_character, documents_of, query_for, texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_corpus import MemoryCorpus

from index.corpus import Corpus, open_corpus
from index.errors import QuestionError
from index.publish import passages_of, publish
from index.types import Counts, Document, Hit, Span
from rag.answer import Answerer, build_answerer
from rag.receipt import Receipt, check_all
from rag.settings import Settings
from rag.types import Answer, Place, Turn

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


class Engine(Protocol):
    def __call__(self, folder: Path, documents: Sequence[Document]) -> Corpus: ...


def embedded(folder: Path, documents: Sequence[Document]) -> Corpus:
    publish(folder, documents, HashEncoder())
    return open_corpus(folder, HashEncoder())


def in_memory(folder: Path, documents: Sequence[Document]) -> Corpus:
    return MemoryCorpus(documents, HashEncoder())


every_engine = pytest.mark.parametrize("engine", [embedded, in_memory])


@pytest.fixture(params=[embedded, in_memory])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    documents = [
        Document.of(STAFF, title="Staff", groups=("staff", "board")),
        Document.of(PUBLIC, title="Public"),
        Document.of(BOARD, title="Board", groups=("board",)),
    ]
    engine: Engine = request.param
    return engine(tmp_path / "corpus", documents)


def told_by(corpus: Corpus) -> dict[str, Any]:
    """Everything that a corpus tells, without a question and without the name of its edition."""
    return {
        "documents": documents_of(corpus),
        "sentences": [list(corpus.sentences(document.id)) for document in documents_of(corpus)],
        "counts": corpus.counts,
        "language": corpus.language,
    }


def found_in(corpus: Corpus, question: str, k: int, within: Sequence[str] = ()) -> list[Hit]:
    return corpus.search(query_for(question), k, within)


def answered_by(corpus: Corpus, question: str, history: Sequence[Turn]) -> Answer:
    answerer = build_answerer(corpus, HashEncoder(), Settings(reader="similarity", risk=1.0))
    return replace(answerer.ask(question, history), ms={}, edition="")


@every_engine
@few
@given(document_lists(), questions, st.integers(1, 12))
def test_spans_are_exact_and_cover_the_documents(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, documents: list[Document], question: str, k: int
) -> None:
    with closing(engine(tmp_path_factory.mktemp("corpus"), documents)) as corpus:
        assert documents_of(corpus) == documents
        passages = passages_of(documents, HashEncoder())
        assert corpus.counts == Counts(len(documents), len(passages))
        for document in documents:
            sentences = corpus.sentences(document.id)
            assert "".join(document[sentence.span] for sentence in sentences) == document.text
            covered = [passage.span for passage in passages if passage.document == document]
            assert "".join(document[span] for span in covered).split() == document.text.split()
        hits = found_in(corpus, question, k)
        assert [hit.rank for hit in hits] == list(range(1, min(k, len(passages)) + 1))
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(0 <= hit.score <= 1.000001 and hit.found_by for hit in hits)
        by_id = {passage.id: passage for passage in passages}
        assert len(by_id) == len(passages)
        for passage in [*(hit.passage for hit in hits), *corpus.like(question, k)]:
            assert passage == by_id[passage.id]
            assert passage.document.text[passage.span.start : passage.span.end] == passage.text
            assert passage.span == Span(passage.sentences[0].span.start, passage.sentences[-1].span.end)


@every_engine
def test_what_is_not_there_is_refused_and_nothing_is_found_in_it(tmp_path: Path, engine: Engine) -> None:
    with closing(engine(tmp_path, [Document.of(PUBLIC, title="Public")])) as corpus:
        for reading in (corpus.document, corpus.sentences):
            with pytest.raises(KeyError):
                reading("unknown")
        assert found_in(corpus, "river", 5, within=["unknown"]) == []
        assert list(corpus.titles(after="unknown")) == []
        assert corpus.like("xylophone", 5) == []


@every_engine
def test_titles_come_in_pages_in_order_of_indexing(tmp_path: Path, engine: Engine) -> None:
    documents = [Document.of(f"{PUBLIC} {n}", title=f"Annual Report {n}" if n % 2 else f"Memo {n}") for n in range(25)]
    with closing(engine(tmp_path, documents)) as corpus:
        pages, after = [], ""
        while page := corpus.titles(after=after, limit=10):
            pages.append([title.title for title in page])
            after = page[-1].id
        assert [len(page) for page in pages] == [10, 10, 5]
        listed = [title for page in pages for title in page]
        assert listed == [document.title for document in documents]
        ones = [title for title in listed if "Report" in title and "1" in title]
        assert [title.title for title in corpus.titles("REPORT 1")] == ones
        assert list(corpus.titles("report memo")) == []
        assert len(corpus.titles(limit=0)) == 0


@every_engine
@few
@given(document_lists(), readers, questions, st.integers(1, 12))
def test_a_part_tells_what_a_corpus_of_the_readable_documents_tells(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    documents: list[Document],
    groups: frozenset[str],
    question: str,
    k: int,
) -> None:
    folder = tmp_path_factory.mktemp("corpora")
    readable = [document for document in documents if may_read(document, groups)]
    with closing(engine(folder / "all", documents)) as whole:
        part = whole.seen_by(groups)
        assert documents_of(part) == readable
        for document in documents:
            if document not in readable:
                for read in (part.document, part.sentences):
                    with pytest.raises(KeyError) as hidden:
                        read(document.id)
                    with pytest.raises(KeyError) as unknown:
                        read(document.id[::-1])
                    assert (hidden.value.args, unknown.value.args) == ((document.id,), (document.id[::-1],))
        for document in documents:
            if document not in readable:
                assert list(part.titles(after=document.id)) == list(part.titles(after="unknown")) == []
        assert (part is whole) == (readable == documents)
        if not readable:
            return
        with closing(engine(folder / "readable", readable)) as alone:
            assert told_by(part) == told_by(alone)
            assert found_in(part, question, k) == found_in(alone, question, k)
            assert list(part.like(question, k)) == list(alone.like(question, k))


@every_engine
@settings(few, max_examples=20)
@given(document_lists(), readers, questions, st.lists(questions, max_size=1), st.data())
def test_an_answer_is_that_of_a_corpus_of_the_readable_documents(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    documents: list[Document],
    groups: frozenset[str],
    question: str,
    before: list[str],
    data: st.DataObject,
) -> None:
    # the history also names documents that may not be read
    named = tuple(data.draw(st.lists(st.sampled_from([document.id for document in documents]))))
    by_text = [Turn(earlier, "It rises in the hills.", named) for earlier in before]
    by_place = [Turn(earlier, shown=tuple(Place(id, Span(0, 3)) for id in named)) for earlier in before]
    folder = tmp_path_factory.mktemp("corpora")
    readable = [document for document in documents if may_read(document, groups)]
    with closing(engine(folder / "all", documents)) as whole:
        for history in (by_text, by_place):
            try:
                answer = answered_by(whole.seen_by(groups), question, history)
            except QuestionError:
                return
            if not readable:
                assert (answer.status, answer.citations, answer.closest) == ("unanswered", (), ())
                continue
            with closing(engine(folder / "readable", readable)) as alone:
                assert answer == answered_by(alone, question, history)
                for citation in answered_by(whole, question, history).citations:
                    receipt = Receipt.of(citation, whole.edition)
                    assert check_all([receipt], whole.seen_by(groups)) == check_all([receipt], alone)


@every_engine
@few
@given(document_lists(), readers, questions, st.integers(1, 12), st.data())
def test_chosen_documents_are_searched_as_if_there_were_no_others(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    documents: list[Document],
    groups: frozenset[str],
    question: str,
    k: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("corpora")
    ids = data.draw(st.lists(st.sampled_from([document.id for document in documents]), min_size=1))
    chosen = [document for document in documents if document.id in ids and may_read(document, groups)]
    with closing(engine(folder / "all", documents)) as whole:
        hits = found_in(whole.seen_by(groups), question, k, [*ids, "unknown"])
        if not chosen:
            assert hits == []
            return
        with closing(engine(folder / "chosen", chosen)) as alone:
            assert hits == found_in(alone, question, k)


@every_engine
@settings(few, max_examples=20)
@given(document_lists(), readers, readers, questions)
def test_a_part_of_a_part_is_what_both_may_read(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    documents: list[Document],
    groups: frozenset[str],
    others: frozenset[str],
    question: str,
) -> None:
    with closing(engine(tmp_path_factory.mktemp("corpus"), documents)) as whole:
        there, back = whole.seen_by(groups).seen_by(others), whole.seen_by(others).seen_by(groups)
        both = [document for document in documents if may_read(document, groups) and may_read(document, others)]
        assert documents_of(there) == documents_of(back) == both
        assert told_by(there) == told_by(back)
        assert found_in(there, question, 5) == found_in(back, question, 5)


@every_engine
def test_if_nothing_may_be_read_nothing_is_found(tmp_path: Path, engine: Engine) -> None:
    documents = [Document.of(STAFF, title="Staff", groups=("staff",)), Document.of(BOARD, title="B", groups=("board",))]
    with closing(engine(tmp_path, documents)) as whole:
        part = whole.seen_by(frozenset({"nobody"}))
        assert part.counts == Counts(0, 0)
        assert (documents_of(part), found_in(part, "river", 5), list(part.like("river", 5))) == ([], [], [])
        for reader in ("similarity", "trained"):
            answerer = build_answerer(whole, HashEncoder(), Settings(reader=reader, risk=1.0))
            answer = answerer.seen_by(frozenset()).ask("Where does the river rise?")
            assert (answer.status, answer.citations, answer.closest, answer.retrieved) == ("unanswered", (), (), ())


@every_engine
def test_readable_passages_without_a_word_are_still_found(tmp_path: Path, engine: Engine) -> None:
    documents = [Document.of("of the.", title="No word"), Document.of(STAFF, title="Staff", groups=("staff",))]
    with closing(engine(tmp_path, documents)) as whole:
        part = whole.seen_by(frozenset())
        assert list(part.like("river secret", 5)) == []
        assert [hit.passage.document.title for hit in found_in(part, "river", 5)] == ["No word"]


@every_engine
def test_a_filter_leaves_as_many_results_as_were_asked_for(tmp_path: Path, engine: Engine) -> None:
    hidden = [Document.of(f"The river rises, says secret {n}.", title="S", groups=("staff",)) for n in range(300)]
    open_to_all = [Document.of(f"Far from the river there is a hill {n}.", title="P") for n in range(12)]
    with closing(engine(tmp_path, [*hidden[:150], *open_to_all, *hidden[150:]])) as whole:
        for hits in (
            found_in(whole.seen_by(frozenset()), "the river rises", 10),
            found_in(whole, "the river rises", 10, [document.id for document in open_to_all]),
        ):
            assert len(hits) == 10
            assert all(hit.passage.document in open_to_all for hit in hits)
            assert all(set(hit.found_by) == {"dense", "lexical"} for hit in hits)


def test_a_part_lists_and_counts_only_its_own(corpus: Corpus) -> None:
    part = corpus.seen_by(frozenset({"staff"}))
    assert [title.title for title in part.titles()] == ["Staff", "Public"]
    assert part.counts.documents == 2
    assert (part.edition, part.created) == (corpus.edition, corpus.created)


def test_a_group_that_reads_everything_gets_the_corpus_itself(corpus: Corpus) -> None:
    assert corpus.seen_by(frozenset({"board"})) is corpus
    assert corpus.seen_by(frozenset({"board", "made up"})) is corpus


def test_made_up_groups_make_no_new_part(corpus: Corpus) -> None:
    part = corpus.seen_by(frozenset())
    assert part is not corpus
    for n in range(1000):
        assert corpus.seen_by(frozenset({f"made up {n}"})) is part


def test_closing_a_part_leaves_the_corpus_open(corpus: Corpus) -> None:
    corpus.seen_by(frozenset()).close()
    assert len(documents_of(corpus.seen_by(frozenset()))) == 1
    corpus.close()


def test_an_answerer_answers_from_what_may_be_read(corpus: Corpus) -> None:
    answerer = build_answerer(corpus, HashEncoder(), Settings(reader="similarity", risk=1.0))
    question = "Where is the secret spring that the river rises at?"

    def quoted(answerer: Answerer) -> str:
        return " ".join(citation.excerpt.text for citation in answerer.ask(question).citations)

    assert "secret" in quoted(answerer)
    assert "secret" in quoted(answerer.seen_by(frozenset({"staff"})))
    assert "secret" not in quoted(answerer.seen_by(frozenset()))
    assert quoted(answerer.seen_by(frozenset()))
    assert answerer.seen_by(frozenset({"board"})) is answerer


def test_a_receipt_for_a_hidden_document_is_gone(corpus: Corpus) -> None:
    answerer = build_answerer(corpus, HashEncoder(), Settings(reader="similarity", risk=1.0))
    answer = answerer.ask("Who buys the lighthouse, the highest bidder?")
    receipt = Receipt.of(answer.citations[0], answer.edition)
    assert check_all([receipt], corpus)[0].status == "valid"
    assert check_all([receipt], corpus.seen_by(frozenset({"staff"})))[0].status == "gone"


@every_engine
def test_threads_that_see_different_things_at_once_see_them_right(tmp_path: Path, engine: Engine) -> None:
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
    with closing(engine(tmp_path, documents)) as alone:
        answerer = build_answerer(alone, HashEncoder(), settings)
        expected = {groups: replace(answerer.seen_by(groups).ask(asked), ms={}, edition="") for groups in sets}
    with closing(engine(tmp_path, documents)) as corpus:
        answerer = build_answerer(corpus, HashEncoder(), settings)
        together = Barrier(8)

        def ask(groups: frozenset[str]) -> tuple[Corpus, Answer]:
            together.wait()
            seen = answerer.seen_by(groups)
            return seen.corpus, replace(seen.ask(asked), ms={}, edition="")

        with ThreadPoolExecutor(8) as pool:
            for order in (sets, sets[::-1], [sets[1]] * 8):
                for groups, (view, answer) in zip(order, pool.map(ask, order), strict=True):
                    assert answer == expected[groups]
                    assert view is corpus.seen_by(groups)
                    assert all(may_read(document, groups) for document in documents_of(view))
