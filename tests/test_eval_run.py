"""`quoth eval` from its arguments to its exit code, over a small corpus and the system as it is."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eval.measures.measures import MEASURES
from eval.questions.data import ARTICLE_QUESTIONS, read_questions
from eval.questions.documents import read_documents
from eval.run.asking import progress
from eval.run.evaluate import main
from index.exit_codes import run_command
from index.sources.read import SEEDS


def quoth(argv: Sequence[str]) -> int:
    """As the command `quoth` hands its arguments over."""
    return run_command("quoth", lambda: main(argv[1:]))


HARBOUR = """The Harbour

Mara Doyle leads the harbour office. She was appointed in 2019.

The fleet has three ships. The largest of them is the Alder, which was built in Bergen.

The harbour froze in the winter of 1962. Nobody was hurt.
"""
HILL = """The Hill

The hill above the village is 212 metres high. A chapel from the twelfth century stands on its top.
"""
ROW_KEYS = ["version", "id", "status", "confidence", "citations", "closest", "retrieved"]
ROW_KEYS += ["searched_for", "searched_in", "ms", "edition"]


def question(id: str, text: str, words: str | None, document: str = "harbour.txt", **more: Any) -> dict[str, Any]:
    row = {"id": id, "question": text, "answerable": words is not None, "doc_id": document, **more}
    if words is not None:
        start = {"harbour.txt": HARBOUR, "hill.txt": HILL}[document].index(words)
        row |= {"answers": [words], "evidence": [{"start": start, "end": start + len(words), "kind": "answer"}]}
    return row


QUESTIONS = [
    question("leader", "Who leads the harbour office?", "Mara Doyle", category="who", half="tune"),
    question("ships", "How many ships does the fleet have?", "three", category="number", half="tune"),
    question("height", "How high is the hill?", "212 metres", "hill.txt", category="number", half="report"),
    question(
        "built",
        "Where was it built?",
        "Bergen",
        history=[{"question": "What is the largest ship?", "answer": "The largest of them is the Alder."}],
        half="tune",
    ),
    question("absent", "What does the mayor of Lisbon eat for breakfast?", None, half="report"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eval")
    (folder / "documents").mkdir()
    (folder / "documents" / "harbour.txt").write_text(HARBOUR, encoding="utf-8")
    (folder / "documents" / "hill.txt").write_text(HILL, encoding="utf-8")
    write_questions(folder / "questions.jsonl", QUESTIONS)
    return folder


def write_questions(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def arguments(folder: Path, *more: str) -> list[str]:
    return ["--documents", str(folder / "documents"), "--questions", str(folder / "questions.jsonl"), *more]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_whole_evaluation(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, report = tmp_path / "rows.jsonl", tmp_path / "report.html"
    assert main(arguments(folder, "--rows", str(rows), "--report", str(report), "--baselines", "--json")) == 0
    out, err = capsys.readouterr()
    assert err == ""

    answers = lines(rows)
    assert [row["id"] for row in answers] == [row["id"] for row in QUESTIONS]
    documents = read_documents([folder / "documents"])
    for row in answers:
        assert list(row) == ROW_KEYS
        assert (row["status"] == "answered") == bool(row["citations"])
        for excerpt in [*row["citations"], *row["closest"]]:
            text = documents.by_row_id[excerpt["document_id"]].text
            assert text[excerpt["start"] : excerpt["end"]] == excerpt["text"]
            assert excerpt["start"] <= excerpt["highlight"][0] < excerpt["highlight"][1] <= excerpt["end"]

    values = json.loads(out)
    assert list(values) == ["summary", "categories", "systems", "differences"]
    assert set(values["summary"]) == set(MEASURES)
    assert values["summary"]["verbatim"] == {"value": 1, "low": 1, "high": 1, "n": 5}
    assert values["summary"]["hit@1"]["n"] == 4
    assert all(math.isfinite(number) for one in values["summary"].values() for number in one.values())
    # Resampling adds error to the measures of calibration, so their intervals may lie above the value.
    plain = [one for name, one in values["summary"].items() if name not in {"aurc", "ece"}]
    assert all(one["low"] <= one["value"] <= one["high"] for one in plain)
    assert set(values["categories"]) == {"who", "number"}
    baselines = ["random sentence", "BM25 sentence", "dense sentence", "hybrid sentence"]
    assert list(values["systems"]) == ["quoth", "history ignored", "history joined", *baselines]
    assert list(values["differences"]) == list(values["systems"])[1:]
    differences = [one["hit@1"] for one in values["differences"].values()]
    assert all(one["n"] == 4 and 0 < one["p"] <= 1 for one in differences)
    assert values["systems"]["quoth"] == values["summary"]
    assert values["systems"]["BM25 sentence"]["hit@3"]["value"] >= 0.75

    html = report.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "hybrid sentence" in html.partition("more than chance?")[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "rows.jsonl"]


def test_the_same_questions_get_the_same_answers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    for name in ("first", "second"):
        path = tmp_path / name
        assert main(arguments(folder, "--rows", str(path))) == 0
        seen.append([{key: value for key, value in row.items() if key not in {"ms", "edition"}} for row in lines(path)])
    assert seen[0] == seen[1]
    out, _ = capsys.readouterr()
    table = out.split("\n\n")[0].splitlines()
    assert table[0].split() == ["measure", "value", "95%", "interval", "n"]
    assert "systems" not in out
    assert "random sentence" not in out


def test_a_corpus_file_gives_rows_its_own_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "corpus.jsonl"
    texts = {"harbour.txt": HARBOUR, "hill.txt": HILL}
    corpus.write_text("".join(json.dumps({"doc_id": k, "title": k, "text": v}) + "\n" for k, v in texts.items()))
    questions = write_questions(tmp_path / "questions.jsonl", QUESTIONS[:3])
    rows = tmp_path / "rows.jsonl"
    assert main(["--documents", str(corpus), "--questions", str(questions), "--rows", str(rows)]) == 0
    places = [place for row in lines(rows) for place in [*row["citations"], *row["closest"], *row["retrieved"]]]
    assert {place["document_id"] for place in places} == {"harbour.txt", "hill.txt"}


def test_half_of_the_questions(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    assert main(arguments(folder, "--half", "report", "--rows", str(rows))) == 0
    assert [row["id"] for row in lines(rows)] == ["height", "absent"]


def test_an_unrelated_history_is_compared_with_none(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = write_questions(tmp_path / "questions.jsonl", [*QUESTIONS[:3], QUESTIONS[4]])
    given = ["--documents", str(folder / "documents"), "--questions", str(questions), "--unrelated-history"]
    assert main(given) == 0
    table = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert table[0].split() == ["hit@1", "above", "difference", "95%", "interval", "p", "n"]
    assert [line[:15].strip() for line in table[1:]] == ["history ignored", "history joined"]


@pytest.mark.parametrize(
    ("thresholds", "code", "said"),
    [
        (["verbatim=1", "ms_p50=1e9"], 0, []),
        (["verbatim=1.5"], 1, ["verbatim is 1.000, worse than 1.5"]),
        (["ms_p50=0", "recall@10=2"], 1, ["ms_p50 is", "recall@10 is"]),
        (["correct_empty=0"], 1, ["correct_empty has no value: it applies to none of the questions"]),
    ],
)
def test_a_measure_that_falls_short(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], thresholds: list[str], code: int, said: list[str]
) -> None:
    questions = write_questions(tmp_path / "questions.jsonl", QUESTIONS[:2])
    given = [part for threshold in thresholds for part in ("--fail-under", threshold)]
    assert main(["--documents", str(folder / "documents"), "--questions", str(questions), *given]) == code
    messages = capsys.readouterr().err.splitlines()
    assert len(messages) == len(said)
    assert all(expected in message for expected, message in zip(said, messages, strict=True))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--fail-under", "hit@1"], "'hit@1' is not MEASURE=VALUE"),
        (["--fail-under", "hit@2=0.5"], "there is no measure 'hit@2'; choose one of hit@1, hit@3"),
        (["--fail-under", "hit@1=most"], "the value of hit@1 is 'most', which is not a number"),
        (["--fail-under", "hit@1=nan"], "the value of hit@1 is 'nan', which is not a number"),
        (["--half", "both"], "invalid choice: 'both'"),
        (["--rows", "/nowhere/at/all/rows.jsonl"], "name a file in a folder that exists"),
        (["--report", "/"], "name a file in a folder that exists"),
        (["--rows", ""], "name a file in a folder that exists"),
        (["--rows", "/tmp/" + "x" * 300], "cannot be written (File name too long)"),
        (["--documents", "", "--questions", "q.jsonl"], "the path is empty"),
        (["--documents", "/", "--questions", ""], "the path is empty"),
        (["--documents", "\udcff", "--questions", "q.jsonl"], "is not UTF-8"),
        (["--rows", "/tmp/r", "--report", "/tmp/../tmp/r"], "/tmp/../tmp/r is to be written twice"),
        (["--rows", str(ARTICLE_QUESTIONS)], "is to be read: write elsewhere"),
        (["--rows", str(SEEDS / "new.txt")], "is to be read: write elsewhere"),
        (["--documents", "/"], "--documents needs --questions"),
    ],
)
def test_a_wrong_usage(capsys: pytest.CaptureFixture[str], given: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(given)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_a_question_that_cannot_be_asked_is_left_unanswered(folder: Path, tmp_path: Path) -> None:
    rows = [QUESTIONS[0], QUESTIONS[1] | {"question": "ships\u0000"}, QUESTIONS[1] | {"id": "none", "question": " "}]
    questions = write_questions(tmp_path / "questions.jsonl", rows)
    out = tmp_path / "rows.jsonl"
    given = ["--documents", str(folder / "documents"), "--questions", str(questions), "--rows", str(out)]
    assert main(given) == 0
    _, *refused = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert [row["status"] for row in refused] == ["unanswered", "unanswered"]
    assert [row["confidence"] for row in refused] == [0.0, 0.0]
    assert [list(row) for row in refused] == [[*ROW_KEYS, "refused"]] * 2
    assert "U+0000" in refused[0]["refused"]
    assert "is empty" in refused[1]["refused"]


@pytest.mark.parametrize(
    ("documents", "rows", "half", "said"),
    [
        ("missing", QUESTIONS, None, "missing"),
        ("x" * 300, QUESTIONS, None, "File name too long"),
        ("documents", [], None, "there are no questions in"),
        ("documents", [QUESTIONS[0] | {"doc_id": "moor.txt"}], None, "'moor.txt', which is not among those read"),
        ("documents", [QUESTIONS[0] | {"answers": ["Mara"]}], None, "which is none of the answers"),
        (
            "documents",
            [QUESTIONS[1], {k: v for k, v in QUESTIONS[0].items() if k != "half"}],
            "tune",
            "half is None",
        ),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    documents: str,
    rows: list[dict[str, Any]],
    half: str | None,
    said: str,
) -> None:
    questions = write_questions(tmp_path / "questions.jsonl", rows)
    more = ["--half", half] if half else []
    out = tmp_path / "rows.jsonl"
    given = ["--documents", str(folder / documents), "--questions", str(questions), "--rows", str(out), *more]
    assert main(given) == 3
    message = capsys.readouterr().err
    assert message.startswith("quoth eval: ")
    assert said in message
    assert message.count("\n") == 1
    assert not out.exists()


def test_the_questions_of_the_article_fit_it() -> None:
    questions = read_questions(ARTICLE_QUESTIONS, read_documents([SEEDS]))
    halves = [read_questions(ARTICLE_QUESTIONS, read_documents([SEEDS]), half) for half in ("tune", "report")]
    assert sorted(one.id for half in halves for one in half) == sorted(one.id for one in questions)
    assert all(half and {one.answerable for one in half} == {True, False} for half in halves)


@pytest.mark.parametrize("given", [["--reader", "nope"], ["--reader", ""]])
def test_settings_that_cannot_be_are_not_input(
    folder: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    for command, argv in ((main, arguments(folder, *given)), (quoth, ["eval", *arguments(folder, *given)])):
        assert command(argv) == 4
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("quoth eval: ")


def evaluate(folder: Path, *more: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "eval.run", *arguments(folder, *more)]
    return subprocess.run(command, cwd=SEEDS.parent, stderr=subprocess.PIPE, check=False, **options)


def test_a_full_disk_and_a_closed_pipe_end_as_they_do_everywhere(folder: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = evaluate(folder, "--json", stdout=full)
    assert done.returncode == 4
    assert done.stderr == b"quoth eval: output: No space left on device. Make room or choose another place.\n"
    reading, writing = os.pipe()
    os.close(reading)
    done = evaluate(folder, "--rows", "/dev/stdout", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_rows_to_standard_output_stand_before_the_table(folder: Path, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        assert evaluate(folder, "--rows", "/dev/stdout", stdout=out).returncode == 0
    before, _, table = (tmp_path / "out").read_text(encoding="utf-8").partition("measure ")
    *rows, blank = before.split("\n")
    assert [json.loads(row)["id"] for row in rows] == [row["id"] for row in QUESTIONS]
    assert blank == ""
    assert "\nhit@1 " in table


@pytest.mark.parametrize(("terminal", "said"), [(False, ""), (True, "\rAsking 1/2\rAsking 2/2\r\033[K")])
def test_progress_is_told_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool, said: str
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    say = progress("Asking")
    say(1, 2)
    say(2, 2)
    assert capsys.readouterr().err == said


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, eval.run.evaluate, eval.questions.data, eval.measures.measures, eval.run.evaluation\n"
        "print(sorted({'torch', 'faiss', 'bm25s', 'ir_measures', 'sklearn', 'jinja2', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
