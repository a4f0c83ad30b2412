"""A highlight parts no word, number, date, quotation or name, whatever was marked in whatever text."""

from __future__ import annotations

import time
import unicodedata

import pytest
from corpus_support import texts
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
        # numbers
        ("It has 1 234 567 people.", "234", "1 234 567"),
        ("It has 1\u00a0234\u202f567 people.", "567", "1\u00a0234\u202f567"),
        ("It has 1 234,5 people.", "5", "1 234,5"),
        ("It fell −12.5% then.", "12", "−12.5%"),
        ("It fell -12.5% then.", "12", "-12.5%"),
        ("It was cold (-5 °C).", "5", "-5 °C"),
        ("It fell by -$5 then.", "5", "-$5"),
        ("It cost $1.2 bn then.", "1.2", "$1.2 bn"),
        ("It cost 5 € then.", "5", "5 €"),
        ("It cost R$ 5 then.", "5", "R$ 5"),
        ("It cost US $5 then.", "5", "US $5"),
        ("It is 5 km² large.", "5", "5 km²"),
        ("At 5:30 PM it rang.", "5", "5:30 PM"),
        ("On 2021-03-04T12:00Z it rang.", "03", "2021-03-04T12:00Z"),
        ("On 2021-03-04T12:00+01:00 it rang.", "03", "2021-03-04T12:00+01:00"),
        ("Then two hundred thousand left.", "hundred", "two hundred thousand"),
        ("Then three million left.", "three", "three million"),
        ("Then twenty-five left.", "five", "twenty-five"),
        ("Then two hundred and five left.", "five", "two hundred and five"),
        ("Then one hundred and two thousand left.", "two", "one hundred and two thousand"),
        ("Twenty five percent left.", "five", "Twenty five percent"),
        ("It is 3 ½ miles off.", "3", "3 ½"),
        ("It is ١٬٢٣٤٫٥ long.", "٢", "١٬٢٣٤٫٥"),
        # dates
        ("In the 20th century it was.", "20th", "20th century"),
        ("In the 20th century it was.", "century", "20th century"),
        ("In the nineteenth century it was.", "century", "nineteenth century"),
        ("In the 5th century BC it was.", "5th", "5th century BC"),
        ("In the 18th and 19th centuries it was.", "18th", "18th and 19th centuries"),
        ("On June 5 and 7, 2020 it was.", "7", "June 5 and 7, 2020"),
        ("On June 5 and 7, it was.", "7", "June 5 and 7"),
        ("On 5, 6 and 7 June it was.", "5", "5, 6 and 7 June"),
        # names
        ("Then Martin Luther King spoke.", "Martin", "Martin Luther King"),
        ("Then Martin Luther King Jr. spoke.", "Martin", "Martin Luther King Jr."),
        ("Then Theresa May spoke.", "May", "Theresa May"),
        ("Then Theresa May, 59, spoke.", "Theresa", "Theresa May"),
        ("Then Stephen King spoke.", "Stephen", "Stephen King"),
        ("The Good Friday Agreement held.", "Good", "Good Friday Agreement"),
        ("Then Elizabeth I ruled.", "Elizabeth", "Elizabeth I"),
        ("Then A. J. Smith left.", "Smith", "A. J. Smith"),
        ("The AT&T phone rang.", "AT", "AT&T"),
        ("The AT&T phone rang.", "T&", "AT&T"),
        ("Then Barnes & Noble shut.", "Noble", "Barnes & Noble"),
        ("Then King & Spalding shut.", "Spalding", "King & Spalding"),
        ("Then Levi’s & Sons shut.", "Sons", "Levi’s & Sons"),
        ("Там был Сергей Иванов.", "Иванов", "Сергей Иванов"),
        ("Там был А. С. Пушкин.", "Пушкин", "А. С. Пушкин"),
        ("Εδώ ήταν ο Νίκος Παππάς.", "Παππάς", "Νίκος Παππάς"),
        # quotations
        ("So “he called it ‘the great game’ once” then.", "game’ once", "‘the great game’ once"),
        ("So “he called it (the great game) once” then.", "game) once", "(the great game) once"),
        ("It was 'straight single' then.", "single", "straight single"),
        ("It was 'straight single' then.", "single' then", "'straight single' then"),
        ("It was „sehr deutsch“ then.", "deutsch", "sehr deutsch"),
        ("It was „sehr deutsch“ then.", "„sehr", "sehr deutsch"),
        ("It was „sehr deutsch“ then.", "deutsch“ then", "„sehr deutsch“ then"),
        # emoji
        ("A \U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea flag.", "\U0001f1f7", "\U0001f1eb\U0001f1f7"),
        ("A \U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea flag.", "\U0001f1e9", "\U0001f1e9\U0001f1ea"),
    ],
)
def test_what_is_marked_in_part_is_marked_whole(text: str, marked: str, whole: str) -> None:
    start = text.index(marked)
    found = whole_words(Span(start, start + len(marked)), Span(0, len(text)), text)
    assert text[found.start : found.end] == whole


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("In 2003 45 people came.", "45"),
        ("In 2003 450 people came.", "2003"),
        ("In 2003 450 people came.", "450"),
        ("It has 10 2003 in it.", "10"),
        ("The F-16 200 times flew.", "200"),
        ("Take 7 - 5 of it.", "5"),
        ("He gave 5 $10 notes.", "5"),
        ("He gave 5 $10 notes.", "$10"),
        ("It was a $5 note.", "$5"),
        ("He met 5 PMs there.", "5"),
        ("Count one two three now.", "two"),
        ("Between two million and three million left.", "three million"),
        ("Between one hundred and two hundred left.", "one hundred"),
        ("The twenty two-year-olds left.", "twenty"),
        ("In 1999 ½ of it left.", "1999"),
        ("The 20th man of the century left.", "20th"),
        ("On June 5 and 7 people came.", "7"),
        ("On June 5, 20 people came.", "20"),
        ("From June 5 to 7.5 million came.", "June 5"),
        ("In 2003, 5 June was hot.", "2003"),
        ("Then General Smith spoke.", "Smith"),
        ("US Vice President Joe Biden spoke.", "US"),
        ("On Monday Putin spoke.", "Putin"),
        ("He told CNN June 5 was hot.", "CNN"),
        ("Then a & b were one.", "a"),
        ("Back in the '90s the boys' house was new.", "90s the"),
        ("It was the boys' house, the girls' one.", "house, the girls"),
        ("He didn't and won't go.", "and"),
    ],
)
def test_what_parts_nothing_is_not_widened(text: str, marked: str) -> None:
    start = text.index(marked)
    span = Span(start, start + len(marked))
    assert whole_words(span, Span(0, len(text)), text) == span


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
