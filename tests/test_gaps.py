"""Unanswered questions: grouping by meaning, and the question set made of them."""

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from corpus_support import HashEncoder
from hypothesis import given
from hypothesis import strategies as st

from eval.questions.data import read_questions
from eval.questions.documents import name_documents
from index.encoders.encoder import Encoder
from index.types import Document
from ui.journal.journal import Gap
from ui.journal.unanswered import NOTE, Group, group, to_question_set

_number = count()


def gap(question: str, *, down: bool = False, comment: str = "") -> Gap:
    number = next(_number)
    return Gap(f"id-{number}", question, "down" if down else "unanswered", comment, "edition", float(number))


def gaps(*questions: str) -> list[Gap]:
    return [gap(question) for question in questions]


def asked(groups: Sequence[Group]) -> list[set[str]]:
    return [{gap.question for gap in group.gaps} for group in groups]


def test_questions_about_the_same_thing_are_one_group(encoder: Encoder) -> None:
    given = [
        ["How many days of holiday do I have?", "How many vacation days do I get per year?"],
        ["How do I reset my password?", "I forgot my password, what now?", "Where can I change my password?"],
        ["When is the canteen open?", "What are the cafeteria's opening hours?"],
        ["Who approves travel expenses?", "Who has to sign off my travel costs?"],
        ["Is parental leave paid?", "Do I get money during parental leave?"],
        ["How do I connect to the VPN from home?"],
    ]
    mixed = [questions[n] for n in range(3) for questions in given if n < len(questions)]
    found = asked(group(gaps(*mixed), encoder))
    assert sorted(map(sorted, found)) == sorted(map(sorted, given))


def test_the_most_frequent_comes_first_and_the_headline_is_the_most_central(encoder: Encoder) -> None:
    found = group(
        gaps(
            "When is the library open?",
            "How do I reset my password?",
            "I forgot my password, what now?",
            "how do I  reset my password",
            "How can I reset a forgotten password?",
        ),
        encoder,
    )
    assert [(one.headline, len(one.gaps)) for one in found] == [
        ("How do I reset my password?", 4),
        ("When is the library open?", 1),
    ]


def test_a_question_asked_twice_is_counted_twice(encoder: Encoder) -> None:
    first, second, third = gaps("When  is the library open?", "when is the library open", "Where is the library?")
    (found,) = group([third, second, first], encoder)
    # as it was put first among those given, the most frequent first
    assert found.wordings == [("When is the library open?", (first, second)), ("Where is the library?", (third,))]


def test_no_questions_make_no_groups() -> None:
    assert group([], HashEncoder()) == []


questions = st.lists(st.sampled_from(["Who?", "who", "Why not?", "The cat sat", "The cat sat down", "?", "! ?", "…"]))


@given(questions)
def test_every_question_is_in_one_group_and_equal_ones_in_the_same(asked: list[str]) -> None:
    every = gaps(*asked)
    found = group(every, HashEncoder())
    assert sorted((gap for one in found for gap in one.gaps), key=lambda gap: gap.at) == every
    sizes = [len(one.gaps) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    for one in found:
        assert list(one.gaps) == sorted(one.gaps, key=lambda gap: gap.at)
        assert one.headline in [text for text, _ in one.wordings]
        assert sum(len(gaps) for _, gaps in one.wordings) == len(one.gaps)
        counts = [len(gaps) for _, gaps in one.wordings]
        assert counts == sorted(counts, reverse=True)
    places = {gap.id: n for n, one in enumerate(found) for gap in one.gaps}
    assert len({places[gap.id] for gap in every if gap.question in ("Who?", "who")}) <= 1


def test_quoth_eval_reads_the_question_set(tmp_path: Path) -> None:
    file = tmp_path / "gaps.jsonl"
    given = [
        gap("Who won?"),
        gap("who  won", down=True, comment="No, she\nlost"),
        gap("who won?", down=True),
        gap("“Wo” ist\u2028der Schlüssel?", comment="\x07"),
    ]
    assert to_question_set(group(given, HashEncoder()), file) == 2
    documents = name_documents([("harbour", Document.of("The harbour has three ships.", title="Harbour"))])
    won, key = read_questions(file, documents)
    assert (won.id, won.text, won.answerable, won.gold, won.answers) == (given[0].id, "Who won?", False, (), ())
    assert (key.id, key.text) == (given[3].id, "“Wo” ist der Schlüssel?")
    assert (won.category, key.category) == ("down", "unanswered")
    row = json.loads(file.read_text(encoding="utf-8").split("\n")[0])
    assert (row["group"], row["asked"], row["comments"], row["note"]) == ("Who won?", 3, ["No, she\nlost"], NOTE)


def test_a_judged_row_is_read_with_its_evidence(tmp_path: Path) -> None:
    file = tmp_path / "gaps.jsonl"
    to_question_set(group([gap("How many ships?")], HashEncoder()), file)
    row = json.loads(file.read_text(encoding="utf-8"))
    row |= {"answerable": True, "answers": ["three"], "evidence": [{"start": 16, "end": 21, "kind": "answer"}]}
    file.write_text(json.dumps(row), encoding="utf-8")
    documents = name_documents([("harbour", Document.of("The harbour has three ships.", title="Harbour"))])
    (question,) = read_questions(file, documents)
    assert (question.answerable, len(question.gold), question.answers) == (True, 1, ("three",))
