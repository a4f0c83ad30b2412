"""The report: what it shows, that it escapes, and that it asks nothing of any other place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from eval.measures.bootstrap import Difference
from eval.measures.measures import MEASURES, measure, summarise
from eval.measures.types import Case
from eval.questions.data import Gold, Question
from eval.questions.documents import Documents, name_documents
from eval.run.evaluation import Evaluation, summary_table, systems_table
from eval.run.report import (
    KINDS,
    find_misses,
    highlighted,
    in_sentences,
    in_words,
    kind_of,
    render,
)
from index.types import Document, Span
from rag.types import Place, Turn

EVIL = '<script>alert("x")</script><img src="http://example.org/x.png">'
TEXT = f"Mara leads the fleet. It has three ships. The sign reads {EVIL} today. Nobody was hurt."


def documents() -> Documents:
    return name_documents([(f"harbour {EVIL}", Document.of(TEXT, title=f"Harbour {EVIL}"))])


def find(words: str) -> Span:
    start = TEXT.index(words)
    return Span(start, start + len(words))


def excerpt(words: str) -> dict[str, Any]:
    span = find(words)
    highlight = [span.start, span.start + 4]
    return {
        "document_id": f"harbour {EVIL}",
        "start": span.start,
        "end": span.end,
        "text": words,
        "highlight": highlight,
    }


def row(id: str, *shown: str, answered: bool = True, confidence: float = 0.5) -> dict[str, Any]:
    excerpts = [excerpt(words) for words in shown]
    return {
        "id": id,
        "status": "answered" if answered else "unanswered",
        "confidence": confidence,
        "citations": excerpts if answered else [],
        "closest": [] if answered else excerpts,
        "retrieved": excerpts,
        "searched_for": [f"{id}? {EVIL}"] + ([f"in full {EVIL}"] if id == "elsewhere" else []),
        "ms": {"total": 12.5},
    }


def question(id: str, words: str | None, **more: Any) -> Question:
    gold = () if words is None else (Gold(f"harbour {EVIL}", find(words)),)
    return Question(id, f"{id}? {EVIL}", words is not None, gold, **more)


SHIPS, MARA, SIGN = "It has three ships.", "Mara leads the fleet.", f"The sign reads {EVIL} today."
QUESTIONS = (
    question("right", "three ships", category=f"number {EVIL}"),
    question("below", "three ships"),
    question(
        "elsewhere",
        EVIL,
        history=(
            Turn(f"Before? {EVIL}", f"Sure. {EVIL}"),
            Turn("And then?", shown=(Place(documents().all[0].id, find("Nobody was hurt.")),)),
            Turn("And?", ""),
        ),
    ),
    question("abstained", "three ships"),
    question("fooled", None),
    question("empty", None),
    question("missing", "three ships"),
)
ROWS = (
    row("right", SHIPS, confidence=0.9),
    row("below", MARA, SHIPS),
    row("elsewhere", MARA),
    row("abstained", SHIPS, answered=False),
    row("fooled", SIGN),
    row("empty", MARA, answered=False, confidence=0.1),
)


def evaluation(*numbers: int, **more: Any) -> Evaluation:
    """The evaluation of the questions of these numbers, or of all."""
    questions = [QUESTIONS[n] for n in numbers] or list(QUESTIONS)
    return replace(Evaluation.of(questions, ROWS, documents(), {}), **more)


def html_of(evaluation: Evaluation, risk: float | None = None) -> str:
    title, reader = f"set {EVIL}", f"reader {EVIL}"
    return render(evaluation, documents(), title=title, reader=reader, edition="edition-1", risk=risk)


def page() -> str:
    summary = evaluation().summary
    systems = {"quoth": summary, f"other {EVIL}": summary}
    differences = {f"other {EVIL}": Difference(0.25, -0.125, 0.5, 7, 0.0321)}
    return html_of(evaluation(systems=systems, differences=differences))


class Page(HTMLParser):
    """Tags with their attributes, and the text outside tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in {"meta", "link", "br", "polyline", "polygon", "circle", "rect", "line"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_what_comes_from_documents_and_people_is_escaped() -> None:
    html = page()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    one = Page(html)
    assert one.open == []
    assert one.count("img") == 0
    for source in (
        "set",
        "reader",
        "Harbour",
        "number",
        "other",
        "Before?",
        "Sure.",
        "in full",
        "elsewhere?",
        "sign reads",
    ):
        assert f"{source} {EVIL}" in one.text


def test_an_earlier_answer_is_told_by_its_text_or_its_places_or_as_none() -> None:
    text = Page(page()).text
    for answer in (f"Sure. {EVIL}", "And then?Nobody was hurt.", "And?Not answered."):
        assert answer in text


def test_nothing_is_fetched() -> None:
    one = Page(page())
    places = [
        value for _, attributes in one.tags for name, value in attributes.items() if name in {"src", "href", "srcset"}
    ]
    assert places == ["data:,"]
    policy = next(a["content"] for _, a in one.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "url(" not in page()
    assert "@import" not in page()


def test_every_plot_says_what_it_shows_and_every_table_what_its_cells_are() -> None:
    one = Page(page())
    plots = [attributes for name, attributes in one.tags if name == "svg"]
    assert len(plots) == 4
    ids = {attributes["id"] for name, attributes in one.tags if name in {"title", "desc"} and "id" in attributes}
    assert all(set(str(plot["aria-labelledby"]).split()) <= ids for plot in plots)
    assert all("scope" in attributes for name, attributes in one.tags if name == "th")
    assert one.count("table") == 4


def test_every_measure_stands_in_the_page_with_its_meaning() -> None:
    text = Page(page()).text
    for name, one in MEASURES.items():
        assert f"{name}{one.meaning}{'; lower is better' if one.lower_is_better else ''}" in text


def test_a_difference_is_told_with_its_interval_its_p_and_in_words() -> None:
    text = Page(page()).text
    words = in_words(Difference(0.25, -0.125, 0.5, 7, 0.0321))
    assert "".join((f"other {EVIL}", words, "+0.250", "−0.125 to +0.500", "0.032", "7")) in text
    assert "more than chance" in text
    assert "more than chance" not in html_of(evaluation(systems={"quoth": evaluation().summary}))


@pytest.mark.parametrize(
    ("value", "p", "said"),
    [
        (0.1, 1 / 1001, "quoth is better: chance alone does as much in 0.1% of cases"),
        (-0.1, 0.049, "quoth is worse: chance alone does as much in 4.9% of cases"),
        (0.1, 0.06, "cannot be told apart: chance alone does as much in 6.0% of cases"),
        (0.0, 1.0, "cannot be told apart: chance alone does as much in 100.0% of cases"),
    ],
)
def test_a_difference_in_words(value: float, p: float, said: str) -> None:
    assert in_words(Difference(value, value - 0.1, value + 0.1, 10, p)) == said


def test_misses_are_told_apart() -> None:
    found = find_misses(evaluation().measured)
    assert {kind: [case.question.id for case in cases] for kind, cases in found.items()} == {
        "Not in the documents, yet answered": ["fooled"],
        "The wrong place": ["elsewhere"],
        "Another excerpt came first": ["below"],
        "Left unanswered": ["abstained", "missing"],
    }
    assert list(found) == list(KINDS)


def test_an_answer_that_nothing_tells_about_is_no_miss() -> None:
    assert kind_of(Case(Question("q", "?", True), row("q", MARA), documents())) is None


def test_a_miss_shows_the_highlight_and_the_gold_in_its_sentence() -> None:
    (case,) = find_misses(evaluation().measured)["Another excerpt came first"]
    assert [highlighted(case, excerpt) for excerpt in case.shown] == [
        (("Mara", True), (" leads the fleet.", False)),
        (("It h", True), ("as three ships.", False)),
    ]
    (gold,) = case.question.gold
    assert in_sentences(case, gold) == (("It has ", False), ("three ships", True), (".", False))


def test_gold_across_sentences_is_shown_with_both() -> None:
    gold = Gold(f"harbour {EVIL}", find("fleet. It has"))
    (case,) = find_misses(measure([Question("q", "?", True, (gold,))], [], documents()))["Left unanswered"]
    assert "".join(text for text, _ in in_sentences(case, gold)) == f"{MARA} {SHIPS}"


def test_a_set_without_misses_says_so() -> None:
    html = html_of(evaluation(0))
    assert "every question was answered by an excerpt that holds gold" in html
    assert "<details" not in html


def test_a_set_of_unanswerable_questions_alone_has_a_report() -> None:
    html = Page(html_of(evaluation(4, 5)))
    assert html.count("svg") == 3
    assert "Recall of the search" not in html.text
    assert "hit@1" not in html.text


@pytest.mark.parametrize("numbers", [(0,), (1, 2), range(len(QUESTIONS))])
def test_every_point_is_inside_its_plot(numbers: Sequence[int]) -> None:
    html = html_of(evaluation(*numbers), risk=0.15)
    points = re.findall(r"([0-9.]+),([0-9.]+) ", " ".join(re.findall(r'points="([^"]*)"', html)))
    points += re.findall(r'cx="([^"]*)" cy="([^"]*)"', html)
    assert len(points) >= 10
    assert all(52 <= float(x) <= 406 and 14 <= float(y) <= 252 for x, y in points)


@pytest.mark.parametrize("number", [0, 3])
def test_the_operating_point_and_the_risk_allowed_are_on_the_curve(number: int) -> None:
    plain, limited = html_of(evaluation(number)), html_of(evaluation(number), risk=0.15)
    assert [html.count('<circle class="here"') for html in (plain, limited)] == [1, 1]
    # besides: the diagonal of one other plot, and two quantiles of another
    assert [html.count('<polyline class="rule"') for html in (plain, limited)] == [3, 4]
    assert "15%" not in plain
    assert limited.count("It is set to allow 15%.") == 2


def test_tables_align_their_columns() -> None:
    summary = summarise(evaluation().measured)
    lines = summary_table(summary).splitlines()
    assert len(lines) == 1 + len(summary)
    assert lines[1].split() == ["hit@1", "0.400", *lines[1].split()[2:5], "5"]
    assert len({len(line) for line in lines}) == 1
    table = systems_table({"quoth": summary, "other": {}}, ("hit@1", "ms_p50")).splitlines()
    assert [line.split() for line in table] == [["hit@1", "ms_p50"], ["quoth", "0.400", "12"], ["other", "–", "–"]]
