"""A receipt says what became of a citation, and its changes tell the whole of both texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from corpus_support import any_character, make_corpus, texts
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from index.corpus import Corpus
from index.errors import ReceiptError
from index.types import Document, Span
from rag.receipt import LONGEST_SOUGHT, Receipt, Verdict, check_all
from rag.types import Citation, Excerpt

QUOTE = "The lighthouse was built in 1854 by Alan Stevenson."
TEXT = f"The island is small.\r\n\r\n{QUOTE} It is 30 metres tall. Nobody has lived there since 1972."

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def receipt_of(text: str, quote: str = QUOTE, nth: int = 0) -> Receipt:
    start = -1
    for _ in range(nth + 1):
        start = text.index(quote, start + 1)
    span = Span(start, start + len(quote))
    return Receipt.of(Citation(1, Excerpt(Document.of(text, title="Title"), span), span, "", 1, 0.5), "edition-1")


@pytest.fixture
def corpus_of(tmp_path: Path) -> Callable[..., Corpus]:
    def make(*texts: str) -> Corpus:
        return make_corpus(tmp_path / "corpus", *texts)

    return make


def check(receipt: Receipt, corpus: Corpus) -> Verdict:
    return check_all([receipt], corpus)[0]


def stands(verdict: Verdict) -> str:
    assert verdict.document is not None
    assert verdict.span is not None
    return verdict.document[verdict.span]


def check_changes(quote: str, verdict: Verdict) -> None:
    assert "".join(c.text for c in verdict.changes if c.kind != "added") == quote
    assert "".join(c.text for c in verdict.changes if c.kind != "removed") == stands(verdict)
    assert all(c.text for c in verdict.changes)


def test_a_receipt_holds_what_stands_around_the_quote() -> None:
    receipt = receipt_of(TEXT)
    assert (receipt.start, receipt.end, receipt.quote) == (24, 24 + len(QUOTE), QUOTE)
    assert receipt.prefix == "The island is small.\r\n\r\n"
    assert receipt.suffix == " It is 30 metres tall. Nobody ha"
    assert receipt.document_sha256 == Document.of(TEXT, title="Another title").id


def test_valid(corpus_of: Callable[..., Corpus]) -> None:
    verdict = check(receipt_of(TEXT), corpus_of("Another text.", TEXT))
    assert (verdict.status, stands(verdict), verdict.changes) == ("valid", QUOTE, ())


def test_moved_within_a_text_that_has_grown(corpus_of: Callable[..., Corpus]) -> None:
    verdict = check(receipt_of(TEXT), corpus_of("A new beginning \U0001f600.\n\n" + TEXT))
    assert (verdict.status, stands(verdict), verdict.changes) == ("moved", QUOTE, ())
    assert verdict.span == Span(24 + 20, 24 + 20 + len(QUOTE))


def test_moved_to_another_document(corpus_of: Callable[..., Corpus]) -> None:
    verdict = check(receipt_of(TEXT), corpus_of("First.", f"They say: {QUOTE} So they say."))
    assert (verdict.status, stands(verdict)) == ("moved", QUOTE)


def test_of_several_places_the_one_with_most_of_what_stood_around_it(corpus_of: Callable[..., Corpus]) -> None:
    repeated = f"A copy: {QUOTE} Thus the copy.\n\nThe island is small.\r\n\r\n{QUOTE} It is 30 feet tall.\n\n{QUOTE}"
    verdict = check(receipt_of(TEXT), corpus_of(f"{QUOTE} Alone.", repeated))
    assert verdict.document is not None
    assert verdict.document.text == repeated
    assert verdict.span is not None
    assert verdict.span.start == repeated.index("small.\r\n\r\n") + len("small.\r\n\r\n")


def test_of_places_that_are_alike_the_nearest(corpus_of: Callable[..., Corpus]) -> None:
    pattern = "Before it.\n\n" + f"{QUOTE} " * 6
    receipt = receipt_of(pattern, nth=3)
    verdict = check(receipt, corpus_of(pattern + "The end."))
    assert verdict.status == "moved"
    assert verdict.span == Span(receipt.start, receipt.end)


def test_a_receipt_whose_place_was_altered_is_not_valid(corpus_of: Callable[..., Corpus]) -> None:
    given = receipt_of(TEXT).to_json()
    shifted = Receipt.from_json(given | {"start": given["start"] + 1, "end": given["end"] + 1})
    assert check(shifted, corpus_of(TEXT)).status == "moved"
    beyond = Receipt.from_json(given | {"start": 10**6, "end": 10**6 + len(QUOTE)})
    assert check(beyond, corpus_of(TEXT)).status == "moved"
    forged = Receipt.from_json(given | {"quote": "The lighthouse was built in 1855 by Alan Stevenson."})
    assert check(forged, corpus_of(TEXT)).status == "changed"


@pytest.mark.parametrize(
    "now",
    [
        "The lighthouse was built in 1855 by Alan Stevenson.",
        "The old lighthouse was built in 1854 by Alan and David Stevenson.",
        "The  lighthouse was built in 1854 – by Alan Stevenson!",
        "The lighthouse was built in 1854.",
    ],
)
def test_changed_words_are_told(corpus_of: Callable[..., Corpus], now: str) -> None:
    verdict = check(receipt_of(TEXT), corpus_of("Another text.", TEXT.replace(QUOTE, now)))
    assert verdict.status == "changed"
    assert verdict.changes
    check_changes(QUOTE, verdict)
    assert "lighthouse" in stands(verdict)


def test_what_stands_there_begins_and_ends_with_whole_words(corpus_of: Callable[..., Corpus]) -> None:
    verdict = check(receipt_of("Nobody lived here since.", "lived here"), corpus_of("Nobody relived heretics since."))
    assert verdict.status in ("moved", "changed")
    changed = check(
        receipt_of(TEXT), corpus_of(TEXT.replace(QUOTE, "Lighthouses were built in 1854 by Alan Stevensons."))
    )
    assert changed.status == "changed"
    assert changed.document is not None
    assert set(stands(changed).split()) <= set(changed.document.text.split())


def test_a_document_shorter_than_the_quote(corpus_of: Callable[..., Corpus]) -> None:
    verdict = check(receipt_of(TEXT), corpus_of("The lighthouse was built in 1854 by Alan"))
    assert verdict.status == "changed"
    check_changes(QUOTE, verdict)


def test_close_words_are_sought_for_no_very_long_quote(corpus_of: Callable[..., Corpus]) -> None:
    sentences = [f"In the year {1000 + n} the lighthouse was painted again." for n in range(80)]
    long, shorter = " ".join(sentences), " ".join(sentences)[:LONGEST_SOUGHT]
    assert len(long) > LONGEST_SOUGHT
    corpus = corpus_of(f"Before it. {long}")
    moved = check(receipt_of(long, long), corpus)
    assert (moved.status, stands(moved)) == ("moved", long)
    forged = {"quote": long.replace("1040", "2040")}
    assert check(Receipt.from_json(receipt_of(long, long).to_json() | forged), corpus) == Verdict("gone")
    forged = {"quote": shorter.replace("1020", "2020")}
    changed = check(Receipt.from_json(receipt_of(shorter, shorter).to_json() | forged), corpus)
    assert changed.status == "changed"
    check_changes(forged["quote"], changed)


def test_a_quote_of_a_few_words_again_and_again_is_told_apart_too(corpus_of: Callable[..., Corpus]) -> None:
    old, new = ("row one, row two. " * 110).strip(), ("row two, row one. " * 110).strip()
    verdict = check(receipt_of(old, old), corpus_of(new))
    assert verdict.status == "changed"
    check_changes(old, verdict)


def test_of_very_many_places_the_nearest_are_weighed(corpus_of: Callable[..., Corpus]) -> None:
    text = "No. " * 1000 + "It ends: No. Here."
    (start, end) = (4 * 500, 4 * 500 + 3)
    receipt = Receipt("0" * 64, start, end, "No.", "It ends: ", " Here.", "edition-1")
    assert check(receipt, corpus_of(text)).span == Span(start, end)
    near_the_end = Receipt("0" * 64, len(text), len(text) + 3, "No.", "It ends: ", " Here.", "edition-1")
    assert check(near_the_end, corpus_of(text)).span == Span(4 * 1000 + 9, 4 * 1000 + 12)


def test_of_very_many_documents_not_all_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "?!? Where it stands: ?!!?"
    corpus = make_corpus(tmp_path, *(f"Text number {n}." for n in range(1500)), text)
    read: set[str] = set()
    document = corpus.document
    monkeypatch.setattr(corpus, "document", lambda id: read.add(id) or document(id))
    assert check(receipt_of(text, "?!!?"), corpus).status == "valid"
    wordless = Receipt("0" * 64, 0, 5, "?!?!?", "", "", "edition-1")
    assert check(wordless, corpus) == Verdict("gone")
    assert 500 < len(read) < 1200
    # its words lead to it
    moved = Receipt("0" * 64, 0, 16, "Where it stands:", "", "", "edition-1")
    assert stands(check(moved, corpus)) == "Where it stands:"


@few
@given(data=st.data())
def test_changes_rebuild_both_texts(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    words = QUOTE.split(" ")
    place = data.draw(st.integers(0, len(words) - 1))
    new = data.draw(st.lists(st.text(any_character, max_size=4), max_size=2).filter(lambda new: new != [words[place]]))
    now = " ".join([*words[:place], *new, *words[place + 1 :]])
    text = TEXT.replace(QUOTE, now)
    assume(QUOTE not in text)
    verdict = check(receipt_of(TEXT), make_corpus(tmp_path_factory.mktemp("corpus"), "Another text.", text))
    assert verdict.status == "changed"
    check_changes(QUOTE, verdict)


@few
@given(old=texts.filter(str.strip), new=texts.filter(str.strip), data=st.data())
def test_whatever_became_of_it_the_verdict_holds_together(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(old) - 1))
    end = data.draw(st.integers(start + 1, min(len(old), start + 300)))
    receipt = receipt_of(old, old[start:end])
    verdict = check(receipt, make_corpus(tmp_path_factory.mktemp("corpus"), new))
    json.dumps(verdict.to_json()).encode()
    if verdict.status in ("valid", "moved"):
        assert stands(verdict) == receipt.quote
        assert (verdict.status == "valid") == (old == new)
    elif verdict.status == "changed":
        check_changes(receipt.quote, verdict)
    else:
        assert verdict == Verdict("gone")
        assert receipt.quote not in new


def test_gone(corpus_of: Callable[..., Corpus]) -> None:
    verdict = check(receipt_of(TEXT), corpus_of("Bread and butter are on the table.", "?!"))
    assert verdict == Verdict("gone")
    assert verdict.to_json() == {"status": "gone"}


def test_round_trip_through_json() -> None:
    receipt = receipt_of(TEXT)
    assert Receipt.from_json(json.loads(json.dumps(receipt.to_json()))) == receipt


def test_a_verdict_as_json(corpus_of: Callable[..., Corpus]) -> None:
    corpus = corpus_of(TEXT.replace("1854", "1855"))
    given = check(receipt_of(TEXT), corpus).to_json()
    assert given["status"] == "changed"
    assert given["document_id"] == corpus.titles()[0].id
    assert given["title"] == "Document 1"
    assert given["text"] == TEXT.replace("1854", "1855")[given["start"] : given["end"]]
    assert {"kind": "removed", "text": "1854"} in given["changes"]


@pytest.mark.parametrize("given", [None, [], "receipt", 7, True])
def test_what_is_no_object_is_no_receipt(given: Any) -> None:
    with pytest.raises(ReceiptError, match="JSON object"):
        Receipt.from_json(given)


@pytest.mark.parametrize(
    "change",
    [
        {"quote": None},
        {"quote": 7},
        {"quote": ""},
        {"quote": QUOTE + "x"},
        {"start": "24"},
        {"start": 24.0},
        {"start": True},
        {"start": -1},
        {"end": 0},
        {"end": 10**30},
        {"start": 75, "end": 24},
        {"document_sha256": 0},
        {"prefix": None},
        {"suffix": ["x"]},
        {"edition": None},
        {"quote": QUOTE[:-1] + "\ud800"},
        {"prefix": "\udc00"},
    ],
)
def test_a_malformed_receipt_is_refused(corpus_of: Callable[..., Corpus], change: Mapping[str, Any]) -> None:
    with pytest.raises(ReceiptError) as caught:
        Receipt.from_json(receipt_of(TEXT).to_json() | change)
    assert str(caught.value).isprintable()
    assert "Take the receipt whole" in caught.value.remedy


@pytest.mark.parametrize("key", ["document_sha256", "start", "end", "quote", "prefix", "suffix", "edition"])
def test_a_receipt_without_one_of_its_keys_is_refused(key: str) -> None:
    given = receipt_of(TEXT).to_json()
    del given[key]
    with pytest.raises(ReceiptError, match=key):
        Receipt.from_json(given)


def test_what_else_is_in_it_is_passed_over() -> None:
    assert Receipt.from_json(receipt_of(TEXT).to_json() | {"note": "mine"}) == receipt_of(TEXT)
