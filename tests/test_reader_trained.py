"""The trained reader keeps to the protocol with whatever weights: sentences ranked, whole words marked, no headings."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest
import torch
from corpus_support import HashEncoder, make_corpus, texts
from hypothesis import HealthCheck, given, settings
from reader_support import tiny_model
from safetensors.torch import load_file

from index.errors import ModelError, SettingsError
from index.text.chunk import chunk
from index.text.sentences import split_sentences
from index.text.words import Words
from index.types import Document, Hit, Query
from rag.answer import Answerer
from rag.calibration import Calibration
from rag.judge import Judge
from rag.readers.load import load_reader
from rag.readers.names import READERS
from rag.readers.similarity import SentenceMatcher
from rag.readers.trained import WEIGHTS, TrainedReader
from rag.readers.word_pieces import load_tokenizer
from rag.types import READINGS

ENCODER = HashEncoder()


def query(text: str) -> Query:
    return Query(text, ENCODER.encode_pieces([text])[0])


def hits_of(text: str) -> list[Hit]:
    document = Document.of(text, title="A document")
    passages = chunk(
        document, split_sentences(text), budget=64, limit=ENCODER.max_tokens, count_pieces=ENCODER.count_tokens
    )
    return [Hit(passage, 1.0, rank, {}) for rank, passage in enumerate(passages[:8], start=1)]


@pytest.fixture(scope="module")
def reader() -> TrainedReader:
    return TrainedReader(tiny_model().eval(), load_tokenizer(), SentenceMatcher(ENCODER))


@given(text=texts)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_text_the_protocol_is_kept(reader: TrainedReader, text: str) -> None:
    hits = hits_of(text)
    readings = reader.read(query("Who built it in 1888?"), hits)
    sentences = [sentence for hit in hits for sentence in hit.passage.sentences if not sentence.heading]
    assert len(readings) == min(READINGS, len(sentences))
    assert [one.score for one in readings] == sorted((one.score for one in readings), reverse=True)
    for one in readings:
        assert not one.sentence.heading
        assert one.sentence in one.hit.passage.sentences
        whole = one.sentence.span.trimmed(text)
        assert whole.covers(one.highlight)
        assert len(one.highlight) or not len(whole)
        for place in (one.highlight.start, one.highlight.end):
            if whole.start < place < whole.end:
                assert not (text[place - 1].isalnum() and text[place].isalnum())


def test_nothing_found_is_nothing_read(reader: TrainedReader) -> None:
    assert reader.read(query("Who?"), []) == []


def test_the_same_passages_give_the_same_scores_in_any_order(reader: TrainedReader, tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, *(f"# Part {n}\n\nThe tower is {n} metres high. It is old." for n in range(5)))
    asked = query("How high is the tower?")
    hits = corpus.search(asked, 5)
    one, other = (
        {(reading.hit.passage.document.id, reading.sentence.span): reading for reading in reader.read(asked, some)}
        for some in (hits, hits[::-1])
    )
    shared = one.keys() & other.keys()
    assert len(shared) >= 5
    for key in shared:
        assert one[key].score == pytest.approx(other[key].score, abs=1e-4)
        assert one[key].highlight == other[key].highlight


def test_scores_that_are_no_numbers_are_no_answer(tmp_path: Path) -> None:
    model = tiny_model().eval()
    with torch.no_grad():
        next(parameter for parameter in model.parameters() if parameter.requires_grad).fill_(math.nan)
    corpus = make_corpus(tmp_path, "The harbour was built in 1902.", encoder=ENCODER)
    reader = TrainedReader(model, load_tokenizer(), SentenceMatcher(ENCODER))
    judge = Judge(reader, Calibration.shipped("trained"), ENCODER, Words("en"))
    answerer = Answerer(corpus, ENCODER, judge, 0.3)
    with pytest.raises(ModelError, match="not finite numbers"):
        answerer.ask("When was the harbour built?")
    corpus.close()


def test_what_ships_is_what_its_card_says() -> None:
    card = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() in card
    assert WEIGHTS.stat().st_size <= 24_000_000
    assert {tensor.dtype for tensor in load_file(WEIGHTS).values()} == {torch.float16}
    # of nothing else are there any
    assert {file.name for file in WEIGHTS.parent.iterdir()} == {"README.md", "reader.safetensors", "table.json"}
    assert [row["name"] for row in json.loads((WEIGHTS.parent / "table.json").read_text())] == [
        *("squad2", "squad1", "new_wiki", "fairytaleqa", "qed", "all")
    ]


def test_a_reader_without_weights_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no weights yet\. Train them"):
        TrainedReader.load(SentenceMatcher(ENCODER), tmp_path / "reader.safetensors")
    with pytest.raises(SettingsError, match=", ".join(READERS)):
        load_reader("oracle", ENCODER, Words("en"))
