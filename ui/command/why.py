"""`quoth ask --why`: tables of the passages, the sentences and the confidence behind an answer."""

import math
from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rag.types import Answer, Judgement
from ui.command.terminal import marked, visible

_SEARCHERS = ("dense", "lexical", "reranker")


def explanation(answer: Answer) -> Iterator[RenderableType]:
    """The parts to print, one below the other."""
    chosen = answer.judgements[0]
    yield Text("Why it is answered" if answer.status == "answered" else "Why it is not answered", "bold underline")
    yield Text(_decision(answer, chosen))
    for judgement in answer.judgements:
        taken = ", and this form was taken" if judgement is chosen and len(answer.judgements) > 1 else ""
        form = visible(f"“{judgement.form.text}”")
        yield Text.assemble(("\nSearched for ", "bold"), form, f": {judgement.confidence:.1%}{taken}")
        if judgement.hits:
            yield Text("\nPassages found", "bold")
            yield _passages(judgement)
        if judgement.readings:
            yield Text("\nSentences read, with the [answering words]", "bold")
            yield _sentences(judgement)
        yield Text("\nConfidence: 1 / (1 + exp(-logit))", "bold")
        yield _confidence(judgement)


def _decision(answer: Answer, chosen: Judgement) -> str:
    if not chosen.readings:
        return "The passages found hold no sentence to show."
    confidence, risk = f"The confidence is {chosen.confidence:.1%}", f"{100 * answer.risk:g}%"
    if not math.isfinite(answer.threshold):
        return f"{confidence}; no threshold is known that keeps wrong answers to {risk}."
    relation = "at least" if chosen.confidence >= answer.threshold else "less than"
    return f"{confidence}, {relation} the {answer.threshold:.1%} that keeps wrong answers to {risk}."


def _passages(judgement: Judgement) -> Table:
    searchers = [name for name in _SEARCHERS if any(name in hit.found_by for hit in judgement.hits)]
    table = _table("rank", "score", *searchers, "characters", "passage", text="passage")
    for hit in judgement.hits:
        span = hit.passage.span
        scores = [f"{hit.found_by[name]:.3f}" if name in hit.found_by else "–" for name in searchers]
        place = " – ".join(filter(None, (hit.passage.heading, hit.passage.document.title)))
        table.add_row(str(hit.rank), f"{hit.score:.3f}", *scores, f"{span.start}–{span.end}", visible(place))
    return table


def _sentences(judgement: Judgement) -> Table:
    table = _table("score", "passage", "sentence", text="sentence")
    for reading in judgement.readings:
        # brackets too, since not every terminal shows bold
        sentence = marked(reading.excerpt, reading.highlight, "bold", "[{}]")
        table.add_row(f"{reading.score:.3f}", str(reading.hit.rank), sentence)
    return table


def _confidence(judgement: Judgement) -> Table:
    table = _table("feature", "weight", "value", "contribution", text="feature")
    logit = judgement.bias
    table.add_row("bias", "", "", f"{logit:+.3f}")
    for name, part in judgement.contributions.items():
        logit += part.value * part.weight
        table.add_row(name, f"{part.weight:.3f}", f"{part.value:.3f}", f"{part.weight * part.value:+.3f}")
    table.add_row("logit", "", "", f"{logit:+.3f}", style="bold")
    return table


def _table(*columns: str, text: str) -> Table:
    """A table of numbers, which keep their width if the terminal is narrow, and of one column `text`, which wraps."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="left" if name == text else "right", no_wrap=name != text)
    return table
