"""Measures of the excerpts shown: hit@k, word F1, and whether every excerpt is verbatim."""

import re
import string
from collections import Counter
from collections.abc import Mapping
from typing import Any
from unicodedata import category

from eval.measures.bootstrap import ratio
from eval.measures.types import Case, Measure, Table
from index.types import Span


def f1(text: str, gold: str) -> float:
    """Word F1, 0 to 1, after SQuAD's normalisation: lower case, no punctuation, articles or extra space.

    Formula: Rajpurkar et al., "SQuAD", EMNLP 2016; if either is left without words, 1 if both are (SQuAD 2.0).
    Punctuation is all of Unicode's, not only ASCII's: articles are printed with ‘ and —.
    """
    shown, wanted = Counter(_words(text)), Counter(_words(gold))
    if not shown or not wanted:
        return float(shown == wanted)
    return 2 * (shown & wanted).total() / (shown.total() + wanted.total())


def _words(text: str) -> list[str]:
    kept = "".join(c for c in text.lower() if c not in string.punctuation and not category(c).startswith("P"))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def _f1_of_highlight(case: Case) -> float | None:
    question, texts = case.question, case.documents.by_row_id
    answers = question.answers or [texts[gold.document_id][gold.span] for gold in question.gold]
    if not question.answerable or not answers:
        return None
    highlights = [texts[excerpt["document_id"]].text[slice(*excerpt["highlight"])] for excerpt in case.shown[:1]]
    return max((f1(highlight, answer) for highlight in highlights for answer in answers), default=0.0)


def _f1_of_all(case: Case) -> float | None:
    if not case.question.gold:
        return None
    return f1(" ".join(excerpt["text"] for excerpt in case.shown), _gold_text(case)) if case.shown else 0.0


def _gold_text(case: Case) -> str:
    """The text of all gold in the order of the documents. Overlapping spans count once."""
    merged: list[tuple[str, Span]] = []
    for gold in sorted(case.question.gold, key=lambda gold: (gold.document_id, gold.span)):
        document_id, span = gold.document_id, gold.span
        if merged and merged[-1][0] == document_id and span.start <= merged[-1][1].end:
            last = merged.pop()[1]
            span = Span(last.start, max(last.end, span.end))
        merged.append((document_id, span))
    return " ".join(case.documents.by_row_id[document_id][span] for document_id, span in merged)


def _verbatim(case: Case) -> tuple[float, float] | None:
    """(how many excerpts are verbatim, how many there are)."""
    excerpts = [] if case.row is None else [*case.row["citations"], *case.row["closest"]]
    return (sum(_is_verbatim(excerpt, case) for excerpt in excerpts), len(excerpts)) if excerpts else None


def _is_verbatim(excerpt: Mapping[str, Any], case: Case) -> bool:
    text = case.documents.by_row_id[excerpt["document_id"]].text
    start, end = excerpt["start"], excerpt["end"]
    first, last = excerpt["highlight"]
    return bool(0 <= start <= first < last <= end <= len(text) and text[start:end] == excerpt["text"])


_EVERY_TABLE = Table.SYSTEMS | Table.CATEGORIES | Table.FIGURES
MEASURES = (
    Measure("hit@1", "share of answerable questions whose first excerpt shown holds gold",
            lambda case: case.is_hit(1) if case.question.gold else None, tables=_EVERY_TABLE),
    Measure("hit@3", "share of answerable questions with gold in the first three excerpts shown",
            lambda case: case.is_hit(3) if case.question.gold else None, tables=_EVERY_TABLE),
    Measure("f1", "word F1 of the first highlight shown against the best of the answers",
            _f1_of_highlight, tables=_EVERY_TABLE),
    Measure("f1_shown", "word F1 of all excerpts shown against all gold", _f1_of_all, tables=Table.FIGURES),
    Measure("verbatim", "share of all excerpts that are their document's text at their span, highlight inside",
            _verbatim, ratio),
)  # fmt: skip
