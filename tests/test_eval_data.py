"""Question sets and documents: what is read, what is matched and what is refused."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

import pytest

from eval.questions.data import Gold, Question, read_questions
from eval.questions.documents import Documents, name_documents, read_documents
from index.errors import QuestionSetError, SourceError
from index.types import Document, Span
from rag.types import Turn

TEXT = "Mara Doyle leads the fleet.\n\nIt has three ships.\n"
SHIPS = {"start": 36, "end": 47, "kind": "answer"}


def one_document() -> Documents:
    return name_documents([(PurePath("docs/sea/harbour.txt"), Document.of(TEXT, title="Harbour"))])


def three_documents() -> Documents:
    return name_documents(
        [
            ("harbour", Document.of(TEXT, title="Harbour")),
            ("copy", Document.of(TEXT, title="The same again")),
            (PurePath("docs/land/hill.txt"), Document.of("A hill.", title="Hill")),
            (PurePath("docs/dale.md"), Document.of("A dale.", title="Dale")),
            (PurePath("docs/land/dale.md"), Document.of("Another dale.", title="Dale")),
        ]
    )


def row(**changes: Any) -> dict[str, Any]:
    values = {
        "id": "q1",
        "question": "How many ships?",
        "answerable": True,
        "answers": ["three ships"],
        "evidence": [SHIPS],
    }
    return {key: value for key, value in (values | changes).items() if value is not ...}


def read(tmp_path: Path, *rows: object, documents: Documents | None = None, **more: Any) -> tuple[Question, ...]:
    path = tmp_path / "questions.jsonl"
    lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_questions(path, documents or one_document(), **more)


def test_a_question_is_read_whole(tmp_path: Path) -> None:
    history = [{"question": "Who leads it?", "answer": "Mara Doyle", "start": 0}]
    (question,) = read(tmp_path, row(history=history, category="number", paragraph={"start": 1}))
    document_id = one_document().all[0].id
    assert question == Question(
        "q1",
        "How many ships?",
        True,
        (Gold(document_id, Span(36, 47)),),
        ("three ships",),
        (Turn("Who leads it?", "Mara Doyle"),),
        "number",
        document_id,
    )


def test_an_unanswerable_question_needs_neither_evidence_nor_answers(tmp_path: Path) -> None:
    (question,) = read(tmp_path, row(answerable=False, evidence=..., answers=...))
    assert (question.answerable, question.gold, question.answers) == (False, (), ())


def test_the_evidence_of_an_unanswerable_question_is_not_looked_at(tmp_path: Path) -> None:
    (question,) = read(tmp_path, row(answerable=False, evidence=[{"start": "?", "doc_id": "moor"}]))
    assert (question.answerable, question.gold) == (False, ())


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ({"answer": "Mara", "start": 0, "end": 4}, "Mara Doyle leads the fleet."),
        ({"answer": "yes", "start": 36, "end": 41}, "It has three ships."),
        ({"answer": "both", "start": 20, "end": 40}, "Mara Doyle leads the fleet.\n\nIt has three ships."),
        ({"answer": "Mara", "start": 0}, "Mara"),
        ({"answer": "Mara"}, "Mara"),
        ({"answer": "", "start": 0, "end": 4}, ""),
        ({"answer": None, "start": 0, "end": 4}, ""),
    ],
)
def test_a_turn_with_a_place_was_answered_by_the_sentences_there(
    tmp_path: Path, turn: dict[str, Any], shown: str
) -> None:
    (question,) = read(tmp_path, row(doc_id="harbour.txt", history=[{"question": "Who?", **turn}]))
    (read_turn,) = question.history
    document = one_document().all[0]
    assert (" ".join(document[place.span] for place in read_turn.shown) or read_turn.answer) == shown
    assert {place.document_id for place in read_turn.shown} <= {document.id}
    assert bool(read_turn.shown) == ({"start", "end"} <= turn.keys() and bool(turn["answer"]))


@pytest.mark.parametrize(("start", "end"), [(5, 5), (9, 4), (-1, 4), (0, 1000), (27, 29)])
def test_a_turn_with_a_place_that_is_none_is_refused(tmp_path: Path, start: int, end: int) -> None:
    turn = {"question": "Who?", "answer": "Mara", "start": start, "end": end}
    with pytest.raises(QuestionSetError, match=r"the answer of a turn \["):
        read(tmp_path, row(doc_id="harbour.txt", history=[turn]))


def test_numbers_are_ids_and_null_is_an_empty_answer(tmp_path: Path) -> None:
    documents = name_documents([("7", Document.of(TEXT, title="")), ("8", Document.of("Another.", title=""))])
    history = [{"question": "Who leads it?", "answer": None}]
    (question,) = read(tmp_path, row(id=12, doc_id=7, history=history), documents=documents)
    assert (question.id, question.gold[0].document_id) == ("12", "7")
    assert question.history == (Turn("Who leads it?", ""),)


def test_a_turn_tells_from_which_document_it_was_answered_where_it_has_a_place_or_a_document(tmp_path: Path) -> None:
    texts = {"7": Document.of(TEXT, title=""), "8": Document.of("Another.", title="")}
    documents = name_documents(list(texts.items()))
    turns = [{"start": 0}, {"doc_id": "8"}, {"doc_id": 8, "start": 0}, {"start": None}, {}]
    history = [{"question": "Who?", "answer": "Mara", **turn} for turn in turns]
    (question,) = read(tmp_path, row(doc_id="7", history=history), documents=documents)
    from_7, from_8 = (texts["7"].id,), (texts["8"].id,)
    assert [turn.documents for turn in question.history] == [from_7, from_8, from_8, (), ()]
    assert {turn.answer for turn in question.history} == {"Mara"}
    with pytest.raises(QuestionSetError, match=r"question q1.*'9'"):
        read(
            tmp_path, row(doc_id="7", history=[{"question": "Who?", "answer": "", "doc_id": "9"}]), documents=documents
        )


def test_blank_lines_line_separators_and_a_byte_order_mark_are_no_trouble(tmp_path: Path) -> None:
    questions = read(tmp_path, "\ufeff" + json.dumps(row()), "", row(id="q2", question="How\u2028many?"), "  ")
    assert [question.text for question in questions] == ["How many ships?", "How\u2028many?"]


def test_gold_is_the_answering_words_and_only_without_them_the_looser_kinds(tmp_path: Path) -> None:
    sentence = {"start": 29, "end": 49, "kind": "sentence"}
    both, loose = read(tmp_path, row(evidence=[sentence, SHIPS]), row(id="q2", evidence=[sentence]))
    assert [(gold.span, gold.exact) for gold in both.gold] == [(Span(36, 47), True)]
    # The line break at its end is no part of what has to be shown.
    assert [(gold.span, gold.exact) for gold in loose.gold] == [(Span(29, 48), False)]
    assert both.gold[0].document_id == loose.gold[0].document_id


def test_evidence_may_stand_in_a_document_of_its_own(tmp_path: Path) -> None:
    hill = {"start": 2, "end": 6, "kind": "answer", "doc_id": "hill.txt"}
    (question,) = read(
        tmp_path,
        row(doc_id="harbour", evidence=[SHIPS, hill], answers=["hill", "three ships"]),
        documents=three_documents(),
    )
    assert [gold.document_id for gold in question.gold] == ["harbour", Document.of("A hill.", title="").id]


@pytest.mark.parametrize(
    "name",
    [
        *("docs/land/hill.txt", "land/hill.txt", "hill.txt"),
        *("docs/land/hill", "land/hill", "hill"),
        Document.of("A hill.", title="").id,
    ],
)
def test_a_file_is_known_by_its_id_and_the_ends_of_its_path_with_and_without_suffix(name: str) -> None:
    documents = three_documents()
    assert documents.find(name).text == "A hill."
    assert documents.row_id(documents.find(name).id) == documents.find(name).id


def test_a_name_with_its_suffix_comes_before_one_without() -> None:
    files = {"sea/fox": "A ship.", "sea/fox.txt": "A text.", "hill/fox.txt": "Another."}
    documents = name_documents([(PurePath(file), Document.of(text, title="")) for file, text in files.items()])
    assert documents.find("sea/fox").text == documents.find("fox").text == "A ship."
    assert documents.find("hill/fox").text == "Another."


def test_one_text_under_two_names_is_one_document() -> None:
    documents = three_documents()
    assert len(documents.all) == 4
    assert documents.find("harbour") is documents.find("copy")
    assert documents.row_id(documents.find("copy").id) == "harbour"
    assert documents.by_row_id["harbour"].text == TEXT


@pytest.mark.parametrize(
    ("name", "why"), [("dale", "several"), ("dale.md", "several"), ("moor", "not among"), (None, "names no")]
)
def test_a_name_that_is_none_or_several_of_many_is_refused(name: str | None, why: str) -> None:
    with pytest.raises(QuestionSetError, match=why):
        three_documents().find(name)


@pytest.mark.parametrize("name", ["anything", None])
def test_a_lone_document_is_meant_by_every_name(name: str | None) -> None:
    assert one_document().find(name).text == TEXT


def test_two_texts_under_one_doc_id_are_refused() -> None:
    with pytest.raises(QuestionSetError, match="'x' stands before two"):
        name_documents([("x", Document.of("one", title="")), ("x", Document.of("two", title=""))])


def test_no_documents_are_refused() -> None:
    with pytest.raises(QuestionSetError, match="no documents"):
        name_documents([])


def test_documents_are_read_from_files_folders_and_corpora(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hill.txt").write_text("A hill.")
    (tmp_path / "set").mkdir()
    lines = [{"doc_id": "h", "title": "Harbour", "text": TEXT}, {"doc_id": "again", "title": "", "text": TEXT}]
    (tmp_path / "set" / "corpus.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (tmp_path / "set" / "README.md").write_text("What this set is.")
    documents = read_documents([tmp_path / "files", tmp_path / "set"])
    assert [document.text for document in documents.all] == ["A hill.", TEXT]
    assert documents.row_id(documents.find("again").id) == "h"
    assert documents.find("hill").text == "A hill."
    corpus = read_documents([tmp_path / "set" / "corpus.jsonl", tmp_path / "files" / "hill.txt"])
    assert sorted(corpus.by_row_id) == sorted(["h", Document.of("A hill.", title="").id])


def test_half_of_a_set(tmp_path: Path) -> None:
    rows = [row(half="tune"), row(id="q2", half="report"), row(id="q3", half="tune")]
    assert [question.id for question in read(tmp_path, *rows, half="tune")] == ["q1", "q3"]
    assert [question.id for question in read(tmp_path, *rows, half="report")] == ["q2"]
    assert len(read(tmp_path, *rows)) == 3


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", r"questions.jsonl:2 is not JSON"),
        ("[1]", r"questions.jsonl:2: the line is \[1\]"),
        (row(id=...), r"questions.jsonl:2: id is missing"),
        (row(id=" "), r":2 \(question  \): id is ' '"),
        (row(id=True), r":2 \(question True\): id is True: .*string"),
        (row(id=7, question=...), r":2 \(question 7\): question is missing"),
        (row(id="q1"), r":2 \(question q1\): the id 'q1' was met before"),
        (row(id="q2", question=...), r":2 \(question q2\): question is missing"),
        (row(id="q2", answerable="yes"), r"\(question q2\): answerable is 'yes': .*boolean"),
        (row(id="q2", evidence=...), r"\(question q2\): evidence is missing"),
        (row(id="q2", evidence=SHIPS), r"\(question q2\): evidence is .*list"),
        (row(id="q2", evidence=[3]), r"\(question q2\): evidence.0 is 3: "),
        (row(id="q2", evidence=[{"start": 36, "end": 47}]), r"\(question q2\): evidence.0.kind is missing"),
        (row(id="q2", evidence=[SHIPS | {"start": "36"}]), r"evidence.0.start is '36': .*integer"),
        (row(id="q2", evidence=[SHIPS | {"start": True}]), r"evidence.0.start is True: .*integer"),
        (row(id="q2", evidence=[SHIPS | {"start": -1}]), r"\(question q2\): the evidence \[-1, 47\) is not a range"),
        (row(id="q2", evidence=[SHIPS | {"end": 36}]), r"\(question q2\): the evidence \[36, 36\) is not a range"),
        (row(id="q2", evidence=[SHIPS | {"end": 50}]), r"the evidence \[36, 50\) is not a range of its document's 49"),
        (row(id="q2", evidence=[SHIPS | {"end": 46}]), r"the evidence \[36, 46\) is 'three ship', which is none of"),
        (row(id="q2", evidence=[SHIPS | {"start": 27, "end": 29, "kind": "?"}]), r"\[27, 29\) is nothing but blanks"),
        (row(id="q2", answers=["three ships", 3]), r"\(question q2\): answers.1 is 3: .*string"),
        (row(id="q2", history=[{"question": "Who?"}]), r"\(question q2\): history.0.answer is missing"),
        (row(id="q2", history=[{"question": " ", "answer": ""}]), r"\(question q2\): history.0.question is ' '"),
        (row(id="q2", category=1), r"\(question q2\): category is 1: .*string"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, line: object, expected: str) -> None:
    with pytest.raises(QuestionSetError, match=expected):
        read(tmp_path, row(), line)


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match=r"\(question q1\): it names the document 'moor', which is not among"):
        read(tmp_path, row(doc_id="moor"), documents=three_documents())


@pytest.mark.parametrize(
    ("half", "expected"), [(..., "half is None, expected tune"), ("both", "half is 'both', expected tune")]
)
def test_a_row_without_a_half_is_refused_where_others_have_one(tmp_path: Path, half: Any, expected: str) -> None:
    with pytest.raises(QuestionSetError, match=expected):
        read(tmp_path, row(half="report"), row(id="q2", half=half), half="tune")


def test_without_halves_a_set_is_halved_by_document(tmp_path: Path) -> None:
    texts = [f"Document {number}." for number in range(40)]
    documents = name_documents([(f"d{number}", Document.of(text, title="")) for number, text in enumerate(texts)])
    word = {"start": 0, "end": 8, "kind": "answer"}
    rows = []
    for number in range(40):
        names = {"doc_id": f"d{number}"}
        rows += [
            row(id=f"{number} named", answers=["Document"], evidence=[word], **names),
            row(id=f"{number} in its evidence", answers=["Document"], evidence=[word | names]),
            row(id=f"{number} unanswerable", answerable=False, evidence=..., answers=..., **names),
        ]
    tune, report = (read(tmp_path, *rows, documents=documents, half=half) for half in ("tune", "report"))
    about = [{question.document_id for question in half} for half in (tune, report)]
    assert about[0] | about[1] == {f"d{number}" for number in range(40)}
    assert not about[0] & about[1]
    assert all(about)
    assert len(tune) + len(report) == len(rows)
    # which half a document is in depends on nothing but its id
    assert read(tmp_path, *rows[::-2], documents=documents, half="tune") == tuple(
        question for question in reversed(tune) if question.id in {row["id"] for row in rows[::-2]}
    )


def test_the_names_of_a_document_are_in_one_half(tmp_path: Path) -> None:
    rows = [
        row(id=name, answerable=False, evidence=..., doc_id=name)
        for name in ("harbour", "copy", Document.of(TEXT, title="").id)
    ]
    half = read(tmp_path, *rows, documents=three_documents())
    assert {question.document_id for question in half} == {"harbour"}
    found = []
    for name in ("tune", "report"):
        try:
            found.append(len(read(tmp_path, *rows, documents=three_documents(), half=name)))
        except QuestionSetError:
            found.append(0)
    assert sorted(found) == [0, 3]


def test_a_row_with_neither_half_nor_document_is_refused_where_a_half_is_asked(tmp_path: Path) -> None:
    lost = row(answerable=False, evidence=...)
    assert read(tmp_path, lost, documents=three_documents())[0].document_id is None
    with pytest.raises(QuestionSetError, match=r"\(question q1\): it has no half, and names no document"):
        read(tmp_path, lost, documents=three_documents(), half="tune")


def test_a_set_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="there are no questions in"):
        read(tmp_path, "")
    with pytest.raises(QuestionSetError, match="of the half 'report'"):
        read(tmp_path, row(half="tune"), half="report")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.jsonl: No such file"):
        read_questions(tmp_path / "none.jsonl", one_document())
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(SourceError, match="byte 8 is 0xe9, which is not UTF-8"):
        read_questions(tmp_path / "latin.jsonl", one_document())
