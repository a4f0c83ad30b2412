"""What is timed against what, and in which order; the times themselves are for the bench to tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from reader_support import tiny_model

from eval.bench import inner as bench
from eval.bench import serving as bench_serving
from eval.bench.inner import _reading, _Recorder, main
from eval.bench.serving import serving
from eval.bench.timing import Figure, in_turns, median, ratio
from eval.questions.documents import Documents, name_documents
from eval.run.asking import opened
from index.encoders.encoder import Encoder
from index.types import Document
from rag.answer import build_answerer
from rag.settings import Settings

TEXT = """The Harbour

Mara Doyle leads the harbour office. The fleet has three ships.
"""
SENTENCES = {"Mara Doyle leads the harbour office.", "The fleet has three ships."}


@pytest.fixture
def documents() -> Documents:
    return name_documents([("harbour", Document.of(TEXT, title="The Harbour"))])


def test_which_side_goes_first_changes_from_pair_to_pair() -> None:
    order: list[tuple[str, int]] = []

    def side(name: str, seconds: float) -> Callable[[int], float]:
        def run(given: int) -> float:
            order.append((name, given))
            return seconds

        return run

    assert in_turns(side("ours", 3.0), side("theirs", 2.0), range(3)) == [(3.0, 2.0)] * 3
    assert order == [("ours", 0), ("theirs", 0), ("theirs", 1), ("ours", 1), ("ours", 2), ("theirs", 2)]


def test_a_ratio_is_the_median_of_the_pairs_own_and_says_its_quartiles() -> None:
    figure = ratio("name", [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0), (10.0, 2.0)], 2.5)
    assert figure == Figure("name", 3.0, 2.5, "quartiles 2.00 and 4.00; medians 3000 ms and 1000 ms")
    assert not figure.good
    assert ratio("one", [(1.0, 2.0)], 1).detail.startswith("quartiles 0.50 and 0.50; ")


def test_of_times_their_median_is_told() -> None:
    assert median("name", [5.0, 1.0, 3.0, 2.0, 4.0], 2.5) == Figure("name", 3.0, 2.5, "median of 5, quartiles 2 and 4")


@pytest.mark.slow
def test_the_server_is_timed_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("_ROUNDS", "_VISITS"):
        monkeypatch.setattr(bench_serving, name, 1)
    monkeypatch.setattr(bench_serving, "_QUESTIONS", 4)
    # what else is set where it runs changes neither who may ask nor how often, and nothing is written there
    monkeypatch.setenv("QUOTH_ACCESS", "token")
    monkeypatch.setenv("QUOTH_DATA", str(tmp_path))
    monkeypatch.setenv("QUOTH_PER_MINUTE", "1")
    figures = serving(Settings(reader="similarity"))
    assert [(figure.name, figure.at_most) for figure in figures][:4] == [
        ("quoth --help, seconds of processor time", 0.3),
        ("quoth serve to its first answer, to importing torch", 3.0),
        ("the API adds to Answerer.ask, milliseconds", 3.0),
        ("4 answers over the API, 8 asked for at once, to as many in turn in process", 1 / 0.85),
    ]
    assert all(figure.value > 0 for figure in figures)
    assert [figure.at_most for figure in figures[4:]] in ([300, 1500], [])
    assert list(tmp_path.iterdir()) == []


def test_without_a_browser_a_line_says_what_is_not_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert bench_serving._browser("http://127.0.0.1:1") == []
    assert capsys.readouterr().err.count("\n") == 1


def test_a_cold_answer_reads_the_sentences_and_a_warm_one_the_question_alone(
    documents: Documents, encoder: Encoder
) -> None:
    recorder = _Recorder(encoder)
    with opened(documents, recorder, Settings()) as corpus:
        answerer = build_answerer(corpus, recorder, Settings())
        question, sentences = recorder.during(answerer.ask, "How many  ships?")
        assert question == ["How many ships?"]
        assert set(sentences) == SENTENCES
        assert recorder.during(answerer.ask, "Who leads it?") == [["Who leads it?"]]


def test_the_command(
    tmp_path: Path, documents: Documents, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = Figure("start", 2.0, 3.0, "")
    monkeypatch.setattr(bench, "serving", lambda settings: [start])
    monkeypatch.setattr(bench, "_embedding", lambda settings, documents: start)
    monkeypatch.setattr(bench, "_reading", lambda settings, documents, questions: [])
    monkeypatch.setattr(bench, "_ROUNDS", 1)
    monkeypatch.setenv("QUOTH_READER", "similarity")
    (tmp_path / "harbour.txt").write_text(TEXT)
    questions = tmp_path / "questions.jsonl"
    rows = [{"id": n, "question": text, "answerable": False} for n, text in enumerate(["How many?", "Who leads it?"])]
    questions.write_text("\n".join(map(json.dumps, rows)))
    given = ["--documents", str(tmp_path / "harbour.txt"), "--questions", str(questions)]
    code = main([*given, "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert [figure["name"] for figure in figures] == [
        "start",
        "question to answer, its sentences not met before, to its bare forwards",
        "question to answer, its sentences met before, to its bare forward",
        "start",
    ]
    assert code == any(figure["value"] > figure["at_most"] for figure in figures)
    monkeypatch.setattr(bench, "_answering", lambda settings, documents, questions: [Figure("slow", 4.0, 3.0, "so")])
    assert main(given) == 1
    assert "OVER  slow: 4.00, at most 3 (so)\n" in capsys.readouterr().out


@pytest.mark.parametrize(("variable", "value", "code"), [("QUOTH_READER", "nope", 4), ("QUOTH_LANGUAGE", "xx", 4)])
def test_settings_that_cannot_be_end_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, code: int
) -> None:
    monkeypatch.setattr(bench, "serving", lambda settings: [])
    monkeypatch.setenv(variable, value)
    assert main([]) == code
    message = capsys.readouterr().err
    assert message.startswith("eval.bench.inner: ")
    assert message.count("\n") == 1


def test_documents_that_are_not_there_end_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--documents", str(tmp_path / "none")]) == 3
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("reader", ["similarity", "trained"])
def test_the_trained_reader_is_timed_against_its_model_alone(
    documents: Documents, encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reader: str
) -> None:
    (tmp_path / "reader.safetensors").touch()
    monkeypatch.setattr("rag.readers.trained.WEIGHTS", tmp_path / "reader.safetensors")
    monkeypatch.setattr("rag.readers.model.load_reader_model", lambda file, dtype: tiny_model().eval())
    monkeypatch.setattr("index.encoders.encoder.PackagedEncoder.load", lambda: encoder)
    figures = _reading(Settings(reader=reader), documents, ["How many ships?", "Who leads it?"])
    assert [figure.at_most for figure in figures] == ([1.25, 1.3] if reader == "trained" else [1.25])
    assert all(figure.value > 0 for figure in figures)


def test_without_weights_a_line_says_that_readings_are_not_timed(
    documents: Documents, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rag.readers.trained.WEIGHTS", tmp_path / "none.safetensors")
    assert _reading(Settings(), documents, ["How many ships?"]) == []
    assert capsys.readouterr().err.count("\n") == 1


def test_an_index_that_cannot_be_made_ends_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_serving, "_processor_seconds", lambda command: 0.0)
    monkeypatch.setenv("QUOTH_LANGUAGE", "xx")
    monkeypatch.setattr(bench, "read_documents", lambda paths, language: None)
    monkeypatch.setattr(bench, "read_questions", lambda path, documents: ())
    assert main([]) == 4
    message = capsys.readouterr().err
    assert message.startswith("eval.bench.inner: quoth index ended with the exit code 4, expected 0: quoth: ")
    assert "'xx'" in message
    assert message.count("\n") == 1
