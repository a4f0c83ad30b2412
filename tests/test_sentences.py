"""Sentences: their spans tile whatever text, and they are those that a reader would name."""

from __future__ import annotations

from itertools import pairwise

import pytest
from corpus_support import SEEDS, texts
from hypothesis import example, given, settings

from index.sources.read import read
from index.text.sentences import split_sentences

ARTICLE_HEADINGS = [
    "Assertion of mutual defence – and China’s influence",
    "The urgent need for trilateral coordination",
]


def sentences(text: str, language: str = "en") -> list[str]:
    return [text[s.span.start : s.span.end].strip() for s in split_sentences(text, language)]


def headings(text: str) -> list[str]:
    return [text[s.span.start : s.span.end].strip() for s in split_sentences(text) if s.heading]


@settings(max_examples=300, deadline=None)
@given(texts)
@example("")
@example(" \r\n\t\n")
@example("\r")
@example("One.\r\rTwo.\r\n\r\nThree.\n\nFour.")
@example("No stop at all " * 5000)
def test_sentences_tile_any_text(text: str) -> None:
    found = split_sentences(text)
    if not text.strip():
        assert found == ()
        return
    assert "".join(text[s.span.start : s.span.end] for s in found) == text
    assert found[0].span.start == 0
    assert all(a.span.end == b.span.start for a, b in pairwise(found))
    assert all(len(s.span) for s in found)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_each_sentence_has_something_in_it_and_paragraphs_are_counted_up(text: str) -> None:
    found = split_sentences(text)
    assert all(text[s.span.start : s.span.end].strip() for s in found)
    numbers = [s.paragraph for s in found]
    assert not found or numbers[0] == 1
    assert all(0 <= b - a <= 1 for a, b in pairwise(numbers))


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith met Mrs. Jones.", "They talked."],
        ["J. R. R. Tolkien wrote it.", "It sold well."],
        ["He lives in the U.S. and likes it.", "She does not."],
        ["Use a tool, e.g. a saw, to cut it.", "Then sand it."],
        ["Rest (i.e. sleep) helps.", "So does tea."],
        ["See Fig. 3 for the result.", "It is clear."],
        ["Smith et al. 2019 found it.", "Others did not."],
        ["It opens at 9 a.m. on Mondays.", "It closes at 5 p.m. on Fridays."],
        ["The rate is 3.5 per cent.", "Last year it was 2.25."],
        ["It cost $1.50 vs. $2.00 before.", "Nobody minded."],
        ["Is it true?", "Yes!", "It is."],
        ["She said “Stop.”", "Then she left."],
        ["‘We cannot wait.’", "So he said."],
        ["He wondered … and then he knew.", "It was over."],
        ["The firm Acme Inc. was sold.", "Its owner retired."],
        ["Version 2.0.1 is out.", "Get it at example.com today."],
        ["He was born on 3 Jan. 1920 in Leeds.", "He died there."],
        ["He works at the bot. garden in Kew.", "It is approx. three miles off."],
        ["It is on p. 12 of the book.", "Look it up."],
        ["“Really?” she asked.", "He nodded."],
    ],
    ids=lambda expected: expected[0],
)
def test_english(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.xfail(strict=True, reason="sentencex ends no sentence there: two are shown as one")
@pytest.mark.parametrize("expected", [["It went on…", "Nobody came."], ["(It was late.)", "We went home."]])
def test_known_limits(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    ("language", "expected", "blank"),
    [
        ("de", ["Dr. Müller wohnt z. B. in Köln.", "Am 3. Oktober feiert er.", "Kommt sie auch?"], " "),
        ("fr", ["M. Dupont est arrivé.", "Il a dit « bonjour ».", "Où est-elle ?"], " "),
        ("es", ["El Sr. García llegó.", "¿Dónde está ella?", "No lo sé."], " "),
        ("zh", ["这是第一句。", "这是第二句！", "真的吗？"], ""),
        ("ja", ["これは最初の文です。", "これは二番目の文です。"], ""),
        ("ar", ["هذه هي الجملة الأولى.", "هل هذه هي الثانية؟", "نعم."], " "),
        ("hi", ["यह पहला वाक्य है।", "यह दूसरा वाक्य है।"], " "),
        ("ru", ["Это первое предложение.", "А это второе?"], " "),
    ],
)
def test_other_languages(language: str, expected: list[str], blank: str) -> None:
    assert sentences(blank.join(expected), language) == expected


def test_a_language_that_nobody_knows_is_split_all_the_same() -> None:
    assert sentences("First one. Second one.", "xx") == ["First one.", "Second one."]


def test_the_article_has_its_two_headings_and_no_others() -> None:
    (article,) = read([SEEDS])
    assert headings(article.text) == ARTICLE_HEADINGS


def test_a_heading_counts_with_the_paragraph_that_it_heads() -> None:
    text = "One paragraph stands here.\n\nA heading\n\nThe paragraph under it stands here.\n"
    assert [(s.paragraph, s.heading) for s in split_sentences(text)] == [(1, False), (2, True), (2, False)]


def test_markdown_headings_of_every_depth() -> None:
    text = "# Top\n\nSome text here.\n\n## Middle\nMore text here.\n\n###### deep, in lower case.\n\nThe last text.\n"
    assert headings(text) == ["# Top", "## Middle", "###### deep, in lower case."]


@pytest.mark.parametrize(
    "text",
    [
        "#hashtag is no heading. It goes on.",
        "- milk\n- eggs\n- bread\n",
        "| name | age |\n|------|-----|\n| Ann  | 31  |\n",
        "a line in lower case\n\nA paragraph of text follows here.",
        "It stops here.\n\nA paragraph of text follows here.",
        "Only one line",
    ],
)
def test_what_is_no_heading(text: str) -> None:
    assert headings(text) == []


def test_each_item_of_a_list_is_a_paragraph() -> None:
    text = "- Milk from the farm\n- Eggs from the shop\n- Bread\n\n1. Boil the water.\n2. Add the tea.\n"
    found = split_sentences(text)
    assert [text[s.span.start : s.span.end].strip() for s in found] == [
        "- Milk from the farm",
        "- Eggs from the shop",
        "- Bread",
        "1. Boil the water.",
        "2. Add the tea.",
    ]
    assert [s.paragraph for s in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_hard_wrapped_lines_are_one_paragraph(newline: str) -> None:
    text = newline.join(
        [
            "The lighthouse stands on the northern tip of the",
            "island. It was built in 1854 by Alan Stevenson, who",
            "had built eleven others. Nobody has lived there",
            "since 1972.",
            "",
            "Its lamp is seen for twenty miles.",
        ]
    )
    found = split_sentences(text)
    assert [s.paragraph for s in found] == [1, 1, 1, 2]
    first = text[found[0].span.start : found[0].span.end]
    assert " ".join(first.split()) == "The lighthouse stands on the northern tip of the island."


def test_repeated_sentences_are_each_their_own() -> None:
    text = "It rained. " * 50
    assert len(split_sentences(text)) == 50


def test_a_comment_in_a_code_block_is_no_heading() -> None:
    text = "# Title\n\nText here.\n\n```sh\n# comment\nls\n```\n\n# Next\n\nMore.\n"
    assert headings(text) == ["# Title", "# Next"]


def test_the_lines_of_a_list_in_lower_case_are_told_apart() -> None:
    lines = [f"apples are number {n} on the list" for n in range(5)]
    assert sentences("\n".join(lines)) == lines


@pytest.mark.parametrize("blank", ["\u2028", "\u00a0", "\u3000"])
def test_a_wide_blank_after_an_initial(blank: str) -> None:
    text = f"A.{blank}B. Smith came. He left."
    assert "".join(text[s.span.start : s.span.end] for s in split_sentences(text)) == text
