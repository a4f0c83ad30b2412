"""The fit of confidence: from questions to coefficients, and what cannot be fitted on."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from eval.fitting.calibrate import main
from eval.questions.data import Question
from eval.questions.history import crossed
from index.encoders.encoder import Encoder
from rag.answer import Answerer
from rag.calibration import Calibration
from rag.types import Answer, Turn

TEXT = """The Harbour

Mara Doyle leads the harbour office. The fleet has three ships. The pier was built in 1888. Fish is sold on Fridays.
"""
RIGHT = {
    "How many ships has the fleet?": "three",
    "Who leads the harbour office?": "Mara Doyle",
    "When was the pier built?": "1888",
    "When is fish sold?": "Fridays",
    "Which office does Mara Doyle lead?": "harbour",
}
UNANSWERABLE = ("Who paid for it?", "How deep is the water?", "Which bird nests there?", "Who sails?", "What burns?")


def rows() -> list[dict[str, object]]:
    answerable = [
        {"question": question, "answerable": True,
         "evidence": [{"start": TEXT.index(words), "end": TEXT.index(words) + len(words), "kind": "answer"}]}
        for question, words in RIGHT.items()
    ]  # fmt: skip
    unanswerable = [{"question": question, "answerable": False} for question in UNANSWERABLE]
    return [{"id": n, **row} for n, row in enumerate(answerable + unanswerable)]


@pytest.fixture
def given(tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("index.encoders.load.load_encoder", lambda name: encoder)
    (tmp_path / "harbour.txt").write_text(TEXT)
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows())))
    (tmp_path / "foreign.jsonl").write_text('{"question": "What does the mayor of Lisbon eat?"}\n\n')
    asked = ["--set", str(tmp_path / "harbour.txt"), str(tmp_path / "questions.jsonl")]
    asked += ["--reader", "similarity"]
    return [*asked, "--foreign", str(tmp_path / "foreign.jsonl"), "--out", str(tmp_path / "out.json")]


def test_what_is_written_is_what_a_reader_s_confidence_is_made_of(tmp_path: Path, given: list[str]) -> None:
    assert main(given) == 0
    fitted = json.loads((tmp_path / "out.json").read_text())
    assert list(fitted) == ["reader", "weights", "bias", "thresholds", "features", "fitted_on"]
    (its,) = fitted["fitted_on"]["sets"]
    assert (its["asked"], its["half"], fitted["fitted_on"]["foreign_asked"]) == (11, None, 1)
    read = Calibration.read(tmp_path / "out.json", "similarity")
    assert {"reader": "similarity", **read.to_json()}.items() <= fitted.items()


def test_several_sets_each_with_its_own_documents(tmp_path: Path, given: list[str]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(json.dumps({"doc_id": "a", "title": "Harbour", "text": TEXT}))
    halves = [{**row, "half": "tune" if n % 2 else "report"} for n, row in enumerate(rows())]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, halves)))
    assert main([*given, "--set", str(folder), "--tune", str(folder), "--asked", "9", "--foreign-asked", "0"]) == 0
    about = json.loads((tmp_path / "out.json").read_text())["fitted_on"]
    assert [(one["half"], one["asked"]) for one in about["sets"]] == [(None, 9), (None, 9), ("tune", 5)]
    assert about["sets"][1]["questions"].endswith("folder/questions.jsonl")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Turn, ...]]]:
    """What the answerer is asked, and after what."""
    recorded: list[tuple[str, tuple[Turn, ...]]] = []
    ask = Answerer.ask

    def recording(self: Answerer, question: str, history: Sequence[Turn] = (), **more: float) -> Answer:
        recorded.append((question, tuple(history)))
        return ask(self, question, history, **more)

    monkeypatch.setattr(Answerer, "ask", recording)
    return recorded


def test_a_question_is_asked_after_its_history(
    tmp_path: Path, given: list[str], asked: list[tuple[str, tuple[Turn, ...]]]
) -> None:
    first, *others = rows()
    first["history"] = [{"question": "What is in the harbour?", "answer": "The fleet."}]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, [first, *others])))
    assert main(given) == 0
    assert (first["question"], 1) in [(question, len(history)) for question, history in asked]


def test_a_follow_up_is_asked_out_of_place_too(
    tmp_path: Path, given: list[str], asked: list[tuple[str, tuple[Turn, ...]]]
) -> None:
    (tmp_path / "mill.txt").write_text("The Mill\n\nThe mill grinds corn. Its wheel has eight blades.\n")
    other = {"id": "mill", "question": "What does it grind?", "answerable": False, "doc_id": "mill.txt"}
    other["history"] = [{"question": "What is the mill?", "answer": "It is red."}]
    later = [{**row, "doc_id": "harbour.txt"} for row in rows()]
    for row in later[::2]:
        row["history"] = [{"question": "What is in the harbour?", "answer": "The fleet."}]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, [*later, other])))
    documents = [str(tmp_path / name) for name in ("harbour.txt", "mill.txt", "questions.jsonl")]
    assert main(["--set", *documents, *given[3:]]) == 0
    out_of_place = [question for question, history in asked if history and "mill" in history[0].question]
    assert {"What does it grind?"} < set(out_of_place) <= {str(row["question"]) for row in [*later, other]}


def test_some_that_follow_others_are_asked_after_those_of_another_document_too() -> None:
    def question(n: int, document: str, *history: Turn) -> Question:
        return Question(str(n), f"Why {n}?", True, history=history, document_id=document)

    about = {document: Turn(f"What of {document}?", "It is.", (document,)) for document in "abc"}
    questions = [question(n, "abc"[n % 3], about["abc"[n % 3]]) for n in range(30)]
    found = crossed([question(99, "a"), *questions], random.Random(1))
    assert len(found) == 15
    for one in found:
        own = questions[int(one.id.removesuffix(" crossed"))]
        assert (one.text, one.document_id, len(one.history)) == (own.text, own.document_id, 1)
        assert one.history[0].documents != (own.document_id,)
    assert len({one.history for one in found}) > 1
    assert crossed(questions[::3], random.Random(1)) == []
    assert crossed([question(n, "abc"[n % 3]) for n in range(9)], random.Random(1)) == []


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        (None, "No such file or directory"),
        ("\n{", "foreign.jsonl:2 is not JSON"),
        ('{"query": "?"}', "foreign.jsonl:1 is no object with a text for question"),
        ("[]", "foreign.jsonl:1 is no object with a text for question"),
        ('{"question": 1}', "foreign.jsonl:1 is no object with a text for question"),
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
    assert message.startswith("eval.fitting.calibrate: ")
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
