"""A highlight parts no word, number, date, quotation or name, whatever was marked in whatever text."""

from __future__ import annotations

import unicodedata

import pytest
from corpus_support import texts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.sentences import split_sentences
from index.types import Span
from rag.reader.whole import whole_words

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
            assert not unicodedata.category(text[edge]).startswith("M")
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


@pytest.mark.parametrize(
    ("text", "marked", "whole"),
    [
        ("It cost 1,200.50 in all.", "200", "1,200.50"),
        ("It cost $1,200 in all.", "1", "$1,200"),
        ("It grew by 12.5% a year.", "12", "12.5%"),
        ("It began at 10:30 sharp.", "30", "10:30"),
        ("It was O’Neill’s house.", "eill", "O’Neill’s"),
        ("It was a well-known house.", "known", "well-known"),
        ("It was Christopher’s.", "stop", "Christopher’s"),
        ("He left in 1888.", "in 1888", "in 1888"),
        ("He came on June 19, 2024 by train.", "2024", "June 19, 2024"),
        ("He came on June 19, 2024 by train.", "19", "June 19, 2024"),
        ("He came on June 19.", "June", "June 19"),
        ("He came on 19 June.", "19", "19 June"),
        ("He came on 17–18 June 2024.", "June", "17–18 June 2024"),
        ("It was the season of 2019–20 then.", "20", "2019–20"),
        ("In June 2024 he came.", "June", "June 2024"),
        ("It cost US$ 3.5 million then.", "3.5", "US$ 3.5 million"),
        ("It is 300 km long.", "300", "300 km"),
        ("It rose to 40 per cent.", "40", "40 per cent"),
        ("He said “we shall never yield” to them.", "never", "we shall never yield"),
        ("He said “we shall never yield” to them.", "yield” to", "“we shall never yield” to"),
        ("He said “we shall never yield” to them.", "“we shall never yield", "we shall never yield"),
        (
            "The ‘comprehensive strategic partnership’ was signed.",
            "strategic partnership",
            "comprehensive strategic partnership",
        ),
        ('The "new deal" was signed.', "deal", "new deal"),
        ("He said “one two three four five six seven eight nine ten” to them.", "four five", "four five"),
        ("Then J. R. R. Tolkien wrote it.", "Tolkien", "J. R. R. Tolkien"),
        ("Then Mr. Smith left.", "Smith", "Mr. Smith"),
        ("Then Vincent van Gogh left.", "Gogh", "Vincent van Gogh"),
        ("Russian President Vladimir Putin travelled.", "Putin", "Vladimir Putin"),
        ("Russian President Vladimir Putin travelled.", "Vladimir Putin", "Vladimir Putin"),
        ("The River Dee rises.", "Dee", "River Dee"),
        ("In Paris it rained.", "Paris", "Paris"),
        ("The University of Oxford was founded.", "University", "University of Oxford"),
        ("The University of Oxford was founded.", "Oxford", "Oxford"),
        ("The University of New York was founded.", "York", "New York"),
        ("Then Apollo 11 landed.", "Apollo", "Apollo 11"),
        ("Then Apollo 11 landed.", "11", "11"),
        ("The leader (born in 1984) ruled.", "leader (born", "leader (born in 1984)"),
        ("The leader (born in 1984) ruled.", "1984)", "1984"),
        ("The leader (born in 1984) ruled.", "(born", "born"),
        ("ALL THE NEWS THAT IS FIT TO PRINT TODAY HERE", "NEWS", "NEWS"),
        ("The U.S. army left.", "U", "U.S."),
        ("Cafe\u0301s are open.", "Caf", "Cafe\u0301s"),
        (
            "Parents \U0001f468\u200d\U0001f469\u200d\U0001f467 wave.",
            "\U0001f469",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("It came, he said.", "came, ", "came,"),
    ],
)
def test_what_is_marked_in_part_is_marked_whole(text: str, marked: str, whole: str) -> None:
    start = text.index(marked)
    found = whole_words(Span(start, start + len(marked)), Span(0, len(text)), text)
    assert text[found.start : found.end] == whole


def test_a_mark_that_runs_into_a_long_quotation_stays_where_it_holds_more() -> None:
    inside = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    text = f"Then he said, “{inside}” and he left."
    for marked, whole in (
        ("he said, “one", "he said,"),
        ("fifteen sixteen” and", "fifteen sixteen"),
        ("two three", "two three"),
    ):
        start = text.index(marked)
        found = whole_words(Span(start, start + len(marked)), Span(0, len(text)), text)
        assert text[found.start : found.end] == whole


def test_what_lies_outside_the_sentence_marks_all_of_it() -> None:
    text = "One two. Three four."
    for marked in (Span(0, 3), Span(12, 12), Span(8, 9)):
        assert whole_words(marked, Span(9, 20), text) == Span(9, 20)
