"""What an answer shows, whatever was read: whole sentences, the best first, none twice, each to be understood."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pytest
from corpus_support import texts
from hypothesis import given, settings
from hypothesis import strategies as st

from index.text.sentences import split_sentences
from index.types import Document, Hit, Passage, Sentence, Span
from rag.cite import cite, cite_closest
from rag.types import READINGS, Citation, Reading

few = settings(max_examples=40, deadline=None)

scores = st.one_of(st.floats(-20, 20), st.sampled_from([0.0, 0.5, 1.0]))


class Library:
    """Documents cut into passages of a few sentences, and readings of them."""

    def __init__(self, documents: Sequence[str], passage_size: int = 3) -> None:
        self.documents = [Document.of(text, title=f"Document {n}") for n, text in enumerate(dict.fromkeys(documents))]
        self.tiles = {document.id: split_sentences(document.text) for document in self.documents}
        self.places = [
            (Hit(Passage(document, part, f"Heading {start}"), 1.0, 1, {}), sentence)
            for document in self.documents
            for start in range(0, len(self.tiles[document.id]), passage_size)
            for part in [self.tiles[document.id][start : start + passage_size]]
            for sentence in part
            if not sentence.heading and document[sentence.span].strip()
        ]

    def sentences_of(self, id: str) -> Sequence[Sentence]:
        return self.tiles[id]

    def read(self, scores: Sequence[float]) -> list[Reading]:
        """The first of all sentences, with these scores; the whole of each is marked."""
        readings = [
            Reading(hit, sentence, score, sentence.span.trimmed(hit.passage.document.text))
            for (hit, sentence), score in zip(self.places, scores, strict=False)
        ]
        return sorted(readings, key=lambda reading: -reading.score)

    def cite(self, *scores: float) -> list[str]:
        """The excerpts for these scores of the sentences in order, and 0 for all that follow."""
        filled = [*scores, *[0.0] * (len(self.places) - len(scores))]
        return [citation.excerpt.text for citation in cite(self.read(filled), self.sentences_of)]


@st.composite
def libraries(draw: st.DrawFn) -> tuple[Library, list[Reading]]:
    library = Library(draw(st.lists(texts, min_size=1, max_size=2)), draw(st.integers(1, 4)))
    chosen = draw(st.lists(st.sampled_from(library.places), max_size=READINGS, unique_by=id)) if library.places else []
    readings = []
    for hit, sentence in chosen:
        body = sentence.span.trimmed(hit.passage.document.text)
        start = draw(st.integers(body.start, body.end - 1))
        readings.append(Reading(hit, sentence, draw(scores), Span(start, draw(st.integers(start + 1, body.end)))))
    return library, sorted(readings, key=lambda reading: -reading.score)


def check_whole_sentences(citations: Sequence[Citation], library: Library) -> None:
    for citation in citations:
        document, span = citation.excerpt.document, citation.excerpt.span
        assert document.text[span.start : span.end] == citation.excerpt.text
        assert citation.excerpt.text == citation.excerpt.text.strip() != ""
        assert span.covers(citation.highlight)
        tiles = [tile for tile in library.tiles[document.id] if tile.span.overlaps(span)]
        assert {tile.paragraph for tile in tiles} == {citation.paragraph}
        assert not any(tile.heading for tile in tiles)
        assert Span(tiles[0].span.start, tiles[-1].span.end).trimmed(document.text) == span


@few
@given(libraries())
def test_what_holds_of_every_choice(made: tuple[Library, list[Reading]]) -> None:
    library, readings = made
    citations = cite(readings, library.sentences_of)
    assert citations == cite(readings, library.sentences_of)
    check_whole_sentences(citations, library)
    assert bool(citations) == bool(readings)
    assert len(citations) <= 5
    assert [citation.number for citation in citations] == list(range(1, len(citations) + 1))
    for n, citation in enumerate(citations):
        own, span = citation.excerpt.document.id, citation.excerpt.span
        others = [other.excerpt for other in citations[:n]]
        assert not any(other.document.id == own and other.span.overlaps(span) for other in others)
        assert not any(other.text == citation.excerpt.text for other in others)
        assert any(
            (reading.score, reading.highlight) == (citation.score, citation.highlight)
            and reading.hit.passage.document.id == own
            and reading.hit.passage.heading == citation.heading
            for reading in readings
        )
    if citations:
        best = readings[0]
        assert citations[0].excerpt.document == best.hit.passage.document
        assert citations[0].excerpt.span.covers(best.sentence.span.trimmed(best.hit.passage.document.text))
        assert citations[0].score == max(citation.score for citation in citations)
    following = [citation.excerpt for citation in citations[1:]]
    in_order = [excerpt.document.id for excerpt in following]
    for id in dict.fromkeys(in_order):
        # those of one document follow each other
        assert [other for other, _ in groupby(in_order)].count(id) == 1
        spans = [excerpt.span for excerpt in following if excerpt.document.id == id]
        assert spans == sorted(spans)


@few
@given(libraries())
def test_what_holds_of_the_closest(made: tuple[Library, list[Reading]]) -> None:
    library, readings = made
    citations = cite_closest(readings)
    check_whole_sentences(citations, library)
    assert bool(citations) == bool(readings)
    assert len(citations) <= 3
    assert [citation.number for citation in citations] == list(range(1, len(citations) + 1))
    assert [citation.score for citation in citations] == sorted((one.score for one in citations), reverse=True)
    assert len({citation.excerpt.text for citation in citations}) == len(citations)


@few
@given(libraries(), st.floats(0.1, 10), st.floats(-10, 10))
def test_the_scale_of_the_scores_does_not_matter(
    made: tuple[Library, list[Reading]], factor: float, offset: float
) -> None:
    library, readings = made
    # whole eighths stay exact under a power of two, so that no rounding decides
    scaled = 2 ** round(factor)
    eighths = [
        Reading(one.hit, one.sentence, round(one.score * 8) / 8, one.highlight)
        for one in sorted(readings, key=lambda one: -round(one.score * 8))
    ]
    other = [Reading(one.hit, one.sentence, one.score * scaled + round(offset), one.highlight) for one in eighths]
    assert [one.excerpt for one in cite(eighths, library.sentences_of)] == [
        one.excerpt for one in cite(other, library.sentences_of)
    ]


ISLES = "\n\n".join(
    [
        "Skye has seven castles.",
        "Mull has two harbours.",
        "Bute lies in the Clyde.",
        "Jura keeps more deer than people.",
        "Iona was settled by monks.",
        "Arran is called Scotland in miniature.",
        "Islay makes whisky.",
        "Tiree is flat and windy.",
    ]
)


def test_one_that_stands_out_is_shown_alone() -> None:
    assert Library([ISLES]).cite(1, 9, 2) == ["Mull has two harbours."]


def test_several_about_as_good_are_shown_best_first_then_in_reading_order() -> None:
    assert Library([ISLES]).cite(8, 7.5, 9, 1, 1, 8.5) == [
        "Bute lies in the Clyde.",
        "Skye has seven castles.",
        "Mull has two harbours.",
        "Arran is called Scotland in miniature.",
    ]


def test_at_most_five_are_shown() -> None:
    assert len(Library([ISLES]).cite(9, 9, 9, 9, 9, 9, 9, 9)) == 5


def test_documents_follow_each_other_by_their_best() -> None:
    library = Library(["Kale is green. Rye is brown.", "Oats grow tall.\n\nBeer is old.\n\nHay is dry.\n\n" + ISLES])
    assert library.cite(7, 0, 9, 8, 8.5) == ["Oats grow tall.", "Beer is old.", "Hay is dry.", "Kale is green."]


def test_sentences_that_touch_are_one_excerpt_with_the_best_one_s_marks() -> None:
    library = Library(["Ada wrote a program. Babbage built an engine.  Byron wrote verse. " + ISLES], 2)
    first, *others = cite(library.read([8, 9, 8, *[0.0] * 8]), library.sentences_of)
    assert first.excerpt.text == "Ada wrote a program. Babbage built an engine.  Byron wrote verse."
    assert first.excerpt.document[first.highlight] == "Babbage built an engine."
    assert first.score == 9
    assert not others


def test_touching_sentences_of_two_paragraphs_stay_apart() -> None:
    assert len(Library([ISLES]).cite(9, 9)) == 2


@pytest.mark.parametrize(
    ("repeat", "shown"),
    [
        ("Mull has two harbours!", False),
        ("MULL  HAS TWO HARBOURS.", False),
        ("Mull has three harbours.", True),
        ("Mull has 2 harbours.", True),
        ("Rum has two harbours.", True),
    ],
)
def test_a_repeat_is_left_out(repeat: str, shown: bool) -> None:
    library = Library([repeat + "\n\n" + ISLES])
    assert (repeat in library.cite(9, 0, 9.5)) == shown


def test_a_long_repeat_with_one_other_word_is_left_out_unless_it_is_a_number() -> None:
    said = "the council of the isles agreed in the spring to build a new pier for the ferries at the old harbour"
    for other, shown in (("ancient", False), ("1888", True)):
        library = Library([f"X {said}.\n\nX {said.replace('old', other)}.\n\n{ISLES}"])
        assert len(library.cite(9, 8.9)) == 1 + shown


@pytest.mark.parametrize(
    "repeat",
    [
        "However, the bridge was opened by the king.",
        "Reportedly the bridge was opened by the king.",
        "Later, the bridge was opened by the king.",
        "The bridge, however, was opened by the king.",
        "In addition, the bridge was opened by the king.",
        "The king opened the bridge.",
    ],
)
def test_what_only_links_a_repeat_to_its_place_does_not_make_it_new(repeat: str) -> None:
    said = "The bridge that the king opened was opened by the king."
    library = Library([f"{said}\n\n{repeat}\n\n{ISLES}"])
    assert library.cite(9, 8.9) == [said]


@pytest.mark.parametrize(
    "other",
    [
        "The bridge was opened by the queen.",
        "The bridge was opened by Anna.",
        "The bridge was opened by the king in 1902.",
        "Yesterday Anna Keller opened it.",
    ],
)
def test_another_word_in_a_short_sentence_makes_it_new(other: str) -> None:
    said = "The bridge was opened by the king."
    assert other in " ".join(Library([f"{said}\n\n{other}\n\n{ISLES}"]).cite(9, 8.9))


def test_a_name_that_stands_first_is_new() -> None:
    library = Library([f"Bert Brandt opened it.\n\nAnna Keller opened it.\n\n{ISLES}"])
    assert library.cite(9, 8.9) == ["Bert Brandt opened it.", "Anna Keller opened it."]


@pytest.mark.parametrize(("first", "shown"), [("Rum", True), ("NATO", True), ("1888", True), ("Yesterday", False)])
def test_a_first_word_is_a_name_where_it_has_its_capital_inside_a_sentence_too(first: str, shown: bool) -> None:
    said = "the council of the isles agreed in the spring to build a new pier for the ferries at the old harbour"
    library = Library([f"Skye {said}.\n\n{first} {said}.\n\nKim saw Rum.\n\n{ISLES}"])
    assert len(library.cite(9, 8.9)) == 1 + shown


def test_what_the_sentences_before_say_together_is_not_said_again() -> None:
    said = ["Skye and Mull have castles.", "Bute has harbours with old piers."]
    library = Library(["\n\n".join([*said, "Skye has castles with old piers.", ISLES])])
    assert library.cite(9, 8.9, 8.8) == said


vocabulary = st.sampled_from(
    ["Skye", "Mull", "Bute", "has", "is", "old", "new", "two", "2", "castles", "however", "and"]
)


@few
@given(st.lists(st.lists(vocabulary, min_size=1, max_size=8), min_size=1, max_size=8))
def test_each_shown_has_a_word_that_none_before_it_has(made: list[list[str]]) -> None:
    sentences = [" ".join([words[0].capitalize(), *words[1:]]) + "." for words in made]
    library = Library(["\n\n".join(sentences)])
    shown = [citation.excerpt.text for citation in cite_closest(library.read(range(9, 0, -1)))]
    said: set[str] = set()
    for n, text in enumerate(shown):
        words = set(text.rstrip(".").casefold().split())
        assert not n or words - said
        said |= words


@few
@given(st.lists(vocabulary, min_size=3, max_size=8), st.sampled_from(["However,", "Reportedly", "Later", "And"]))
def test_no_link_makes_a_sentence_new(words: list[str], link: str) -> None:
    said = " ".join(words)
    library = Library([f"The {said}.\n\n{link} the {said}."])
    assert len(cite_closest(library.read([2, 1]))) == 1


def test_a_sentence_that_points_back_brings_the_one_before_it() -> None:
    history = "Dunvegan stands on Skye. It was built by the MacLeods. It also has gardens. They are open. " + ISLES
    assert Library([history]).cite(0, 9) == ["Dunvegan stands on Skye. It was built by the MacLeods."]
    # from another passage too, and two at most
    for size in (1, 2, 3, 4):
        assert Library([history], size).cite(0, 0, 0, 9) == [
            "It was built by the MacLeods. It also has gardens. They are open."
        ]


def test_a_sentence_that_speaks_of_someone_after_its_opening_brings_whom_it_means() -> None:
    history = "Anna Keller grew up in Bern. In 1902 she designed the bridge. When she died, the mill closed. " + ISLES
    assert Library([history]).cite(0, 9) == ["Anna Keller grew up in Bern. In 1902 she designed the bridge."]
    assert Library([history]).cite(0, 0, 9) == [
        "Anna Keller grew up in Bern. In 1902 she designed the bridge. When she died, the mill closed."
    ]


def test_neither_a_heading_nor_another_paragraph_is_brought() -> None:
    for before in ("# The castle\n\n", "Dunvegan stands on Skye.\n\n"):
        library = Library([f"{before}It was built by the MacLeods.\n\n{ISLES}"])
        place = [hit.passage.document[sentence.span].strip() for hit, sentence in library.places].index(
            "It was built by the MacLeods."
        )
        assert library.cite(*[0] * place, 9) == ["It was built by the MacLeods."]
