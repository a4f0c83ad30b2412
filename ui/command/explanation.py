"""What an answer comes from, as tables for the terminal: passages, sentences and the parts of the confidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rag.types import Answer, Judgement

_SEARCHERS = ("dense", "lexical", "reranker")
_NUMBER = 7
"""Characters of a column of numbers, which a long text beside it must not squeeze."""


def explanation(answer: Answer, visible: Callable[[str], str]) -> Iterator[RenderableType]:
    """What to print, part below part; `visible` makes the text of a document or a person safe to print."""
    chosen = answer.judgements[0]
    yield Text("Why it is answered" if answer.status == "answered" else "Why it is not answered", "bold underline")
    yield Text(_verdict(answer, chosen))
    for attempt in answer.judgements:
        taken = ", and this form was taken" if attempt is chosen and len(answer.judgements) > 1 else ""
        yield Text.assemble(
            ("\nSearched for ", "bold"),
            visible(f"“{attempt.form.text}”"),
            f": {attempt.confidence:.1%}{taken}",
        )
        if attempt.hits:
            yield Text("\nPassages found", "bold")
            yield _passages(attempt, visible)
        if attempt.readings:
            yield Text("\nSentences read, with the [answering words]", "bold")
            yield _sentences(attempt, visible)
        if attempt.contributions:
            yield Text("\nConfidence: 1 / (1 + exp(-logit))", "bold")
            yield _features(attempt)


def _verdict(answer: Answer, chosen: Judgement) -> str:
    if not chosen.readings:
        return "The passages found hold no sentence to show."
    confidence, risk = f"The confidence is {chosen.confidence:.1%}", f"{100 * answer.risk:g}%"
    if not math.isfinite(answer.threshold):
        return f"{confidence}; none is known that keeps wrong answers to {risk}."
    relation = "at least" if chosen.confidence >= answer.threshold else "less than"
    return f"{confidence}, {relation} the {answer.threshold:.1%} that keeps wrong answers to {risk}."


def _passages(attempt: Judgement, visible: Callable[[str], str]) -> Table:
    by = [name for name in _SEARCHERS if any(name in hit.found_by for hit in attempt.hits)]
    table = _table("rank", "score", *by)
    table.add_column("characters", justify="right", no_wrap=True, min_width=10)
    table.add_column("passage", no_wrap=True)
    several = len({hit.passage.document.id for hit in attempt.hits}) > 1
    for hit in attempt.hits:
        passage = hit.passage
        heading, title = passage.heading, passage.document.title
        place = " – ".join(part for part in (heading, title) if part) if several else heading or title
        own = [f"{hit.found_by[name]:.3f}" if name in hit.found_by else "–" for name in by]
        span = f"{passage.span.start}–{passage.span.end}"
        shortened = Text(visible(place), overflow="ellipsis", no_wrap=True)
        table.add_row(str(hit.rank), f"{hit.score:.3f}", *own, span, shortened)
    return table


def _sentences(attempt: Judgement, visible: Callable[[str], str]) -> Table:
    table = _table("score", "passage")
    table.add_column("sentence")
    for reading in attempt.readings:
        text = reading.hit.passage.document.text
        span, words = reading.excerpt.span, reading.highlight
        marked = Text.assemble(
            visible(text[span.start : words.start]),
            # brackets too, since not every terminal shows what is bold
            (f"[{visible(text[words.start : words.end])}]", "bold"),
            visible(text[words.end : span.end]),
        )
        table.add_row(f"{reading.score:.3f}", str(reading.hit.rank), marked)
    return table


def _features(attempt: Judgement) -> Table:
    table = _table()
    table.add_column("feature")
    for name in ("weight", "value", "contribution"):
        table.add_column(name, justify="right")
    logit = attempt.bias
    table.add_row("bias", "", "", f"{attempt.bias:+.3f}")
    for name, part in attempt.contributions.items():
        logit += part.weight * part.value
        table.add_row(name, f"{part.weight:.3f}", f"{part.value:.3f}", f"{part.weight * part.value:+.3f}")
    table.add_row("logit", "", "", f"{logit:+.3f}", style="bold")
    return table


def _table(*numbers: str) -> Table:
    """A table without lines beside it, whose first columns are these, of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True, min_width=min(_NUMBER, max(5, len(name))))
    return table
