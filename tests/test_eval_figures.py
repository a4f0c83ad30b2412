"""The README's figures are put in their place, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.measures.measures import MEASURES
from eval.run import figures
from eval.run.figures import BEGIN, END, main

ESTIMATE = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 4}


def measured(module: str, *arguments: str) -> Any:
    if module == "eval.bench":
        return [{"name": "a ratio", "value": 1.25, "at_most": 1.5, "detail": "so"}]
    if module == "eval.run.beir":
        return {"dense": {"nDCG@10": ESTIMATE}}
    summary = dict.fromkeys(MEASURES, ESTIMATE)
    differences = {"history ignored": {"hit@1": {**ESTIMATE, "p": 0.01}}, "BM25 sentence": {"hit@1": ESTIMATE}}
    return {"summary": summary, "systems": {"quoth": summary, "BM25 sentence": summary}, "differences": differences}


@pytest.fixture
def readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(figures, "_json", measured)
    return tmp_path / "README.md"


def test_figures_stand_between_the_marks_with_blank_lines_about(readme: Path) -> None:
    readme.write_text(f"Before.\r\n\n{BEGIN}\nold\n{END}", newline="")
    assert main([str(readme), "--data", "data"]) == 0
    once = readme.read_bytes().decode()
    assert once.startswith(f"Before.\r\n\n{BEGIN}\n\nBeside simple baselines")
    assert once.endswith(f"| a ratio | 1.25 | 1.5 | so |\n\n{END}")
    assert "old" not in once
    for row in ("auroc", "aurc (lower is better)", "ece (lower is better)"):
        assert f"\n| {row} | 0.500 (0.250 to 0.750) |" in once
    assert once.count("| BM25 sentence |") == 4
    assert "to history ignored: 0.500 (0.250 to 0.750), p = 0.010; squad2 with" in once
    assert main([str(readme), "--data", "data"]) == 0
    assert readme.read_bytes().decode() == once


def test_what_is_written_meanwhile_stays(readme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(data: Path) -> str:
        readme.write_text(f"After.\n{BEGIN}\n{END}\n")
        return "measured"

    monkeypatch.setattr(figures, "_measured", edit)
    readme.write_text(f"Before.\n{BEGIN}\n{END}\n")
    assert main([str(readme), "--data", "data"]) == 0
    assert readme.read_text() == f"After.\n{BEGIN}\n\nmeasured\n\n{END}\n"


@pytest.mark.parametrize(
    "text", ["", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{END}\n{END}", f"{BEGIN}\n{BEGIN}\n{END}"]
)
def test_a_text_without_just_one_place_is_left_as_it_is(
    readme: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(figures, "_measured", lambda data: pytest.fail("measured in vain"))
    readme.write_text(text)
    assert main([str(readme), "--data", "data"]) == 3
    message = capsys.readouterr().err
    assert message.startswith("eval.run.figures: ")
    assert message.count("\n") == 1
    assert readme.read_text() == text


def test_a_text_that_is_not_there_ends_in_a_line(readme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(readme), "--data", "data"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
