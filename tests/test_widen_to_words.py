"""A highlight parts no word, number, date, quotation or name, whatever was marked in whatever text."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping

import pytest
from corpus_support import texts
from english_support import check_share
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.text.sentences import split_sentences
from index.types import Span
from rag.readers.widen_to_words import whole_words

few = settings(max_examples=60, deadline=None)


def words_of(text: str) -> list[Span]:
    """The words of `text`, character by character: letters, digits, their marks, and single joiners between."""

    def belongs(place: int) -> bool:
        if not 0 <= place < len(text):
            return False
        return text[place].isalnum() or text[place] == "_" or unicodedata.category(text[place]).startswith("M")

    found, start = [], None
    for place in range(len(text) + 1):
        joins = 0 < place < len(text) and text[place] in "’'.-" and belongs(place - 1) and belongs(place + 1)
        if belongs(place) or joins:
            start = place if start is None else start
        elif start is not None:
            found.append(Span(start, place))
            start = None
    return found


@st.composite
def marks(draw: st.DrawFn) -> tuple[str, Span, Span]:
    """A text, a sentence of it and a mark anywhere in the text."""
    text = draw(texts.filter(str.strip))
    sentence = draw(st.sampled_from([s for s in split_sentences(text) if text[s.span.start : s.span.end].strip()]))
    start = draw(st.integers(0, len(text) - 1))
    if draw(st.booleans()):
        start = draw(st.integers(sentence.span.start, sentence.span.end - 1))
    return text, sentence.span, Span(start, draw(st.integers(start, min(len(text), start + 60))))


@few
@given(marks())
@example(("“ ”", Span(0, 3), Span(1, 2)))
@example(("“(a” b)", Span(0, 7), Span(2, 6)))
@example(('"\u0300', Span(0, 2), Span(0, 1)))
def test_what_holds_of_every_highlight(made: tuple[str, Span, Span]) -> None:
    text, sentence, marked = made
    found = whole_words(marked, sentence, text)
    within = sentence.trimmed(text)
    assert within.covers(found)
    assert len(found)
    assert found == found.trimmed(text)
    for word in words_of(text[within.start : within.end]):
        for edge in (found.start - within.start, found.end - within.start):
            assert not word.start < edge < word.end
    for edge in (found.start, found.end):
        if within.start < edge < within.end:
            assert "\u200d" not in (text[edge - 1], text[edge])
            # blanks and lone quotation marks are dropped even from under a combining mark
            assert not unicodedata.category(text[edge]).startswith("M") or not text[edge - 1].isalnum()
    # all that was marked is still marked, but for the marks of quotations and brackets
    for place in range(max(marked.start, within.start), min(marked.end, within.end)):
        assert (
            found.start <= place < found.end
            or not text[place].isalnum()
            or len(text[sentence.start : sentence.end].split()) > 15
        )
    # the sentence, for want of a mark in it, is taken with all that stands in it
    assert found == within or whole_words(found, sentence, text) == found


@few
@given(marks(), st.text(max_size=5), st.text(max_size=5))
def test_what_stands_around_the_sentence_does_not_count(made: tuple[str, Span, Span], before: str, after: str) -> None:
    text, sentence, _ = made
    within = sentence.trimmed(text)
    body = text[within.start : within.end]
    alone = whole_words(Span(0, 1), Span(0, len(body)), body)
    there = Span(len(before), len(before) + len(body))
    found = whole_words(Span(there.start, there.start + 1), there, before + body + after)
    assert found == Span(alone.start + len(before), alone.end + len(before))


def test_marks_are_made_whole_and_no_wider() -> None:
    def right(example: Mapping[str, str]) -> bool:
        text, marked = example["sentence"], example["marked"]
        start = text.index(marked)
        whole = whole_words(Span(start, start + len(marked)), Span(0, len(text)), text)
        return text[whole.start : whole.end] == example["whole"]

    check_share("marks_made_whole", right, 0.98)


PIECES = """
“ ” „ ‘ ’ ' " ( ) [ ] « » 1 234 - − $ R$ € King May Smith A. & of 5 June and two hundred century 20th ½ , . % PM T the
I Jr. Иванов a b \U0001f1eb \u0301 \u200d""".split()  # noqa: SIM905


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.just(" ") | st.sampled_from(PIECES), min_size=1, max_size=40).map("".join).filter(str.strip), st.data()
)
def test_a_whole_highlight_is_whole_already(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    sentence = Span(0, len(text))
    found = whole_words(Span(start, data.draw(st.integers(start, len(text)))), sentence, text)
    assert len(found)
    assert found == found.trimmed(text)
    assert found == sentence.trimmed(text) or whole_words(found, sentence, text) == found


@pytest.mark.parametrize(
    "piece",
    ["1 234 ", "1", "Aa ", "Aa of ", "A.", "A&", "hundred-", "1, ", "1st and ", "“A 1 'b' ", "'a ", "‘a ", "“", "(["],
)
def test_a_sentence_of_any_length_is_read_once(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    started = time.process_time()
    whole_words(Span(50_000, 50_003), Span(0, len(text)), text)
    assert time.process_time() - started < 10  # once: a second; from each of its words anew: minutes


def test_what_lies_outside_the_sentence_marks_all_of_it() -> None:
    text = "One two. Three four."
    for marked in (Span(0, 3), Span(12, 12), Span(8, 9)):
        assert whole_words(marked, Span(9, 20), text) == Span(9, 20)
