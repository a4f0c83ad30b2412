"""Passages: they hold every sentence, in order, none twice, and each fits its budget and the encoder."""

from __future__ import annotations

from itertools import pairwise

import pytest
from corpus_support import SEEDS, HashEncoder, texts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from index.encoders.encoder import Encoder
from index.errors import SettingsError
from index.sources.read import read
from index.text.chunk import CountPieces, _middle, chunk, searchable
from index.text.sentences import split_sentences
from index.text.tokens import count_tokens
from index.types import Document, Passage

COUNT = HashEncoder().count_tokens


def passages_of(text: str, budget: int, limit: int, count_pieces: CountPieces = COUNT) -> list[Passage]:
    document = Document.of(text, title="Title")
    return chunk(document, split_sentences(text), budget=budget, limit=limit, count_pieces=count_pieces)


def check_passages(text: str, budget: int, limit: int, count_pieces: CountPieces = COUNT) -> None:
    passages = passages_of(text, budget, limit, count_pieces)
    # every character, blank ones among them, stands in one passage: so does every one that is not
    assert "".join(passage.text for passage in passages) == (text if text.strip() else "")
    assert all(a.span.end == b.span.start for a, b in pairwise(passages))
    for passage in passages:
        assert passage.sentences
        assert all(a.span.end == b.span.start for a, b in pairwise(passage.sentences))
        assert "".join(passage.document[s.span] for s in passage.sentences) == passage.text
        assert count_tokens([searchable(passage)])[0] <= budget
        assert count_pieces([searchable(passage)])[0] <= limit


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(16, 200), st.integers(16, 254))
@example("# A\n# B\n# C\n" * 30 + "Some text.", 16, 16)
@example("word " * 3000, 16, 254)
@example("    " * 100 + "indented", 16, 16)
def test_passages_hold_everything_and_fit(text: str, budget: int, limit: int) -> None:
    check_passages(text, budget, limit)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts, budget=st.sampled_from([16, 64, 160, 400]))
def test_passages_fit_the_packaged_encoder(encoder: Encoder, text: str, budget: int) -> None:
    check_passages(text, budget, encoder.max_tokens, encoder.count_tokens)


@pytest.mark.parametrize("huge", ["x" * 20_000, "木" * 5000, "\U0001f9ff" * 3000, "a\u0301" * 5000, "." * 9000])
def test_a_huge_sentence_without_blanks_is_cut(encoder: Encoder, huge: str) -> None:
    check_passages(huge, 160, encoder.max_tokens, encoder.count_tokens)
    assert len(passages_of(huge, 160, encoder.max_tokens, encoder.count_tokens)) > 1


def test_a_huge_sentence_with_blanks_is_cut_between_words() -> None:
    words = [f"word{n}" for n in range(2000)]
    passages = passages_of(" ".join(words), 100, 64)
    assert len(passages) > 1
    assert [word for passage in passages for word in passage.text.split()] == words


@pytest.mark.parametrize(("budget", "limit"), [(15, 254), (160, 15), (0, 0), (-1, 254)])
def test_a_budget_that_holds_no_sentence_is_refused(budget: int, limit: int) -> None:
    with pytest.raises(SettingsError, match="16"):
        passages_of("Some text.", budget, limit)


def test_a_blank_document_has_no_passage() -> None:
    assert passages_of(" \n\t ", 160, 254) == []


def test_a_heading_is_carried_with_every_passage_under_it_and_searched_once() -> None:
    section = " ".join(f"Sentence number {n} tells of the lighthouse." for n in range(30))
    text = f"An opening paragraph stands here.\n\n## The lighthouse\n\n{section}\n\n## The harbour\n\nIt is deep.\n"
    passages = passages_of(text, 60, 254)
    assert passages[0].heading == ""
    under = [passage for passage in passages if passage.heading == "The lighthouse"]
    assert len(under) > 2
    assert passages[-1].heading == "The harbour"
    assert all(searchable(passage).count("The lighthouse") == 1 for passage in under)
    assert searchable(under[1]).startswith("The lighthouse\n")
    assert searchable(under[0]).startswith("## The lighthouse")


def test_a_heading_too_long_to_carry_is_left_in_its_place_alone() -> None:
    heading = "# " + "very long heading " * 20
    text = f"{heading}\n\n" + "A sentence of some words stands here. " * 20
    passages = passages_of(text, 40, 60)
    assert {passage.heading for passage in passages} == {""}
    check_passages(text, 40, 60)


def test_short_paragraphs_are_kept_together_and_not_torn() -> None:
    paragraphs = [f"Paragraph {n} has this sentence. And it has this one too.\n\n" for n in range(20)]
    passages = passages_of("".join(paragraphs), 50, 254)
    assert len(passages) < len(paragraphs)
    for passage in passages:
        assert passage.text.count("has this sentence") == passage.text.count("this one too")


def test_the_article_fits_the_packaged_encoder(encoder: Encoder) -> None:
    (article,) = read([SEEDS])
    check_passages(article.text, 160, encoder.max_tokens, encoder.count_tokens)


@given(st.text("ab ,;\n\u3001", min_size=2, max_size=600))
@example("a" * 150 + " " + "a" * 400)
def test_a_text_is_cut_at_the_break_that_is_nearest_to_its_middle(text: str) -> None:
    """Against every break there is, looked at one by one."""
    inner = [
        place
        for place in range(1, len(text))
        if text[:place].strip()
        and text[place:].strip()
        and not text[place].isspace()
        and (text[place - 1].isspace() or text[place - 1] in ",;\u3001")
    ]
    half = len(text) // 2
    if inner:
        assert abs(_middle(text) - half) == min(abs(place - half) for place in inner)
    else:
        assert _middle(text) == half
