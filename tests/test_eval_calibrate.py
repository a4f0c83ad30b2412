"""The fit of confidence: from questions to coefficients, and what cannot be fitted on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.calibrate import fit, main
from index.encoder import Encoder
from index.errors import QuestionSetError

TEXT = """The Harbour

Mara Doyle leads the harbour office. The fleet has three ships.
"""
QUESTION = {"id": "q", "question": "How many ships has the fleet?", "answerable": True}
EVIDENCE = [{"start": TEXT.index("three"), "end": TEXT.index("three") + 5, "kind": "answer"}]


@pytest.fixture
def given(tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("index.encoder.load_encoder", lambda name: encoder)
    (tmp_path / "harbour.txt").write_text(TEXT)
    (tmp_path / "questions.jsonl").write_text(json.dumps(QUESTION | {"evidence": EVIDENCE}))
    (tmp_path / "foreign.jsonl").write_text('{"question": "What does the mayor of Lisbon eat?"}\n\n')
    files = {"documents": "harbour.txt", "questions": "questions.jsonl", "foreign": "foreign.jsonl", "out": "out.json"}
    return [part for name, file in files.items() for part in (f"--{name}", str(tmp_path / file))]


def test_coefficients_and_what_they_were_fitted_on(tmp_path: Path, given: list[str]) -> None:
    assert main(given) == 0
    fitted = json.loads((tmp_path / "out.json").read_text())
    assert list(fitted) == ["weights", "bias", "fitted_on"]
    assert (fitted["fitted_on"]["asked"], fitted["fitted_on"]["right"]) == (2, 1)


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (None, "No such file or directory"),
        ("\n{", "foreign.jsonl:2 is not JSON"),
        ('{"query": "?"}', "foreign.jsonl:1 is no object with a question"),
        ("[]", "foreign.jsonl:1 is no object with a question"),
        ('{"question": 1}', "foreign.jsonl:1 is no object with a question"),
        ('{"question": " "}', "the question is empty"),
    ],
)
def test_foreign_questions_that_cannot_be_read_end_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], foreign: str | None, said: str
) -> None:
    (tmp_path / "foreign.jsonl").unlink()
    if foreign is not None:
        (tmp_path / "foreign.jsonl").write_text(foreign)
    assert main(given) == 3
    message = capsys.readouterr().err
    assert message.startswith("eval.calibrate: ")
    assert said in message
    assert message.splitlines() == [message.rstrip("\n")]
    assert not (tmp_path / "out.json").exists()


def test_the_language_of_the_settings_is_that_of_the_corpus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    monkeypatch.setenv("QUOTH_LANGUAGE", "xx")
    assert main(given) == 4
    assert "there is no stemmer for the language 'xx'" in capsys.readouterr().err


def test_a_reader_that_there_is_not_is_a_wrong_setting(given: list[str]) -> None:
    assert main([*given, "--reader", "nope"]) == 4


@pytest.mark.parametrize("wrong", [["--asked", "-1"], ["--out", ""], ["--foreign", ""]])
def test_a_wrong_usage(given: list[str], wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*given, *wrong])
    assert left.value.code == 2


def test_what_is_read_is_not_written_over(tmp_path: Path, given: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*given, "--out", str(tmp_path / "foreign.jsonl")])
    assert left.value.code == 2


@pytest.mark.parametrize("right", [True, False])
def test_a_fit_needs_both_kinds(right: bool) -> None:
    with pytest.raises(QuestionSetError, match="were answered right, and some must be"):
        fit([{"best": 0.5}, {"best": 0.7}], [right, right])
