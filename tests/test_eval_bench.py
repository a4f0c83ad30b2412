"""The bench: its figures, its command, and that everything can be timed. The times are for the bench to tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from reader_support import tiny_model

from eval.bench.__main__ import main
from eval.bench.overhead import answering, trained_reader
from eval.bench.serving import in_browser, serving
from eval.bench.timing import Figure, in_turns, median, ratio
from eval.questions.documents import Documents, name_documents
from index.encoders.encoder import Encoder
from index.encoders.packaged import PackagedEncoder
from index.errors import SettingsError
from index.types import Document
from rag.readers.word_pieces import load_tokenizer
from rag.settings import Settings

TEXT = """The Harbour

Mara Doyle leads the harbour office. The fleet has three ships.
"""
GOOD, SLOW = Figure("quick", 2.0, 3.0, "so"), Figure("slow", 4.0, 3.0, "so")


@pytest.fixture
def documents() -> Documents:
    return name_documents([("harbour", Document.of(TEXT, title="The Harbour"))])


def test_a_machine_that_slows_down_favours_neither_side() -> None:
    clock = count(100)

    def side(given: int) -> float:
        return float(next(clock))

    pairs = in_turns(side, side, range(40))
    assert sum(ours < theirs for ours, theirs in pairs) == 20
    assert ratio("equals", pairs, 1).value == pytest.approx(1, abs=0.01)


def test_a_ratio_is_the_median_of_the_pairs_own_and_says_its_quartiles() -> None:
    figure = ratio("name", [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0), (10.0, 2.0)], 2.5)
    assert figure == Figure("name", 3.0, 2.5, "quartiles 2.00 and 4.00; medians 3000 ms and 1000 ms")
    assert not figure.good


def test_the_median_of_times_says_its_quartiles() -> None:
    assert median("name", [5.0, 1.0, 3.0, 2.0, 4.0], 2.5) == Figure("name", 3.0, 2.5, "median of 5, quartiles 2 and 4")


@pytest.mark.parametrize(("figures", "code"), [([GOOD], 0), ([GOOD, SLOW], 1)])
def test_the_command_prints_every_figure_and_fails_if_one_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], figures: list[Figure], code: int
) -> None:
    (tmp_path / "harbour.txt").write_text(TEXT)
    (tmp_path / "questions.jsonl").write_text('{"id": 1, "question": "How many?", "answerable": false}')
    timed: list[tuple[str, Sequence[str]]] = []

    def bench(settings: Settings, documents: Documents, questions: Sequence[str]) -> list[Figure]:
        timed.append((documents.all[0].text, questions))
        return figures

    arguments = ["--documents", str(tmp_path / "harbour.txt"), "--questions", str(tmp_path / "questions.jsonl")]
    assert main([*arguments, "--json"], bench) == code
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == [figure.name for figure in figures]
    assert timed == [(TEXT, ["How many?"])]
    assert main(arguments, bench) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == ["good" if figure.good else "OVER" for figure in figures]


def test_what_cannot_be_timed_ends_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--documents", str(tmp_path / "none")]) == 3
    monkeypatch.setenv("QUOTH_RISK", "all")
    assert main([]) == 4
    assert capsys.readouterr().err.count("\n") == 2


def test_the_trained_reader_is_timed_against_its_model_alone(documents: Documents, encoder: Encoder) -> None:
    packaged = cast(PackagedEncoder, encoder)
    questions = ["How many ships?", "Who leads it?"]
    figures = answering(packaged, tiny_model().eval(), load_tokenizer(), Settings(), documents, questions)
    assert [figure.at_most for figure in figures] == [1.25, 1.3]
    assert all(figure.value > 0 for figure in figures)


def test_another_reader_is_not_timed_and_a_line_says_so(
    documents: Documents, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained_reader(Settings(reader="similarity"), documents, ["How many ships?"]) == []
    assert "'similarity'" in capsys.readouterr().err


def test_without_a_browser_a_line_says_what_is_not_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert in_browser("http://127.0.0.1:1", 1) == []
    assert capsys.readouterr().err.count("\n") == 1


def test_settings_with_which_the_article_cannot_be_indexed_are_refused() -> None:
    with pytest.raises(SettingsError, match="'xx'"):
        serving(Settings(language="xx"), rounds=0)


@pytest.mark.slow
def test_the_server_is_timed_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # settings of the environment change neither who may ask nor how often, and nothing is written to its folder
    monkeypatch.setenv("QUOTH_ACCESS", "token")
    monkeypatch.setenv("QUOTH_DATA", str(tmp_path))
    monkeypatch.setenv("QUOTH_PER_MINUTE", "1")
    figures = serving(Settings(reader="similarity"), rounds=1, questions=4, visits=1)
    assert [figure.at_most for figure in figures][:4] == [0.3, 3.0, 3.0, 1 / 0.85]
    assert [figure.at_most for figure in figures[4:]] in ([300, 1500], [])
    assert all(figure.value > 0 for figure in figures)
    assert list(tmp_path.iterdir()) == []
