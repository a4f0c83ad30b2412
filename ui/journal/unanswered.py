"""Groups the questions that were not answered well by their meaning, and makes a question set of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.encoders.encoder import Encoder
from index.errors import SettingsError
from ui.journal.journal import Gap

ALIKE = 0.54
"""The cosine between a question and the middle of a group from which it belongs to it. Of .50 to .74 this parted
33 questions that people put to an intranet best by what they ask about (adjusted Rand index .68). With more, other
words for the same question stand alone; with less, all that is about leave, say, comes together."""

NOTE = "not judged yet: where the documents do answer, set answerable and give the evidence"


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that ask about the same."""

    headline: str
    """The most central of them."""
    gaps: tuple[Gap, ...]
    """At least one, oldest first."""

    @property
    def wordings(self) -> list[tuple[str, tuple[Gap, ...]]]:
        """Each different question, as it was first put, with all that put it so; the most frequent first."""
        return sorted(_wordings(self.gaps), key=lambda wording: -len(wording[1]))


def group(questions: Sequence[Gap], encoder: Encoder) -> list[Group]:
    """`questions` by meaning: the most frequent group first, and each question in one of them."""
    wordings = sorted(_wordings(questions), key=lambda wording: -len(wording[1]))
    if not wordings:
        return []
    vectors = encoder.encode([text for text, _ in wordings])
    weights = [len(gaps) for _, gaps in wordings]
    groups = []
    for members, middle in _near(vectors, weights):
        best = max(members, key=lambda row: float(vectors[row] @ middle))
        gaps = sorted((gap for row in members for gap in wordings[row][1]), key=lambda gap: gap.at)
        groups.append(Group(wordings[best][0], tuple(gaps)))
    return sorted(groups, key=lambda group: -len(group.gaps))


def to_question_set(groups: Sequence[Group], file: Path) -> int:
    """Writes the different questions of `groups` to `file`, one line each, as `quoth eval` reads them; how many.

    Nobody has said yet whether the documents answer them, so each counts as unanswerable: what `quoth eval` measures
    is which of them are answered now. Whoever knows better corrects `answerable` and gives the `evidence`. Keys that
    it passes over: `group`, the headline; `asked`, how often; `comments`; `note`. `category` is the reason.

    Raises SettingsError where the file cannot be written.
    """
    rows = [_row(group, text, gaps) for group in groups for text, gaps in group.wordings]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        file.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"the question set {file} cannot be written ({error.strerror})", "Name a file that can be"
        ) from error
    return len(rows)


def _row(group: Group, text: str, gaps: Sequence[Gap]) -> dict[str, object]:
    reasons = Counter(gap.reason for gap in gaps)
    return {
        "id": gaps[0].id,
        "question": text,
        "answerable": False,
        "answers": [],
        "evidence": [],
        "history": [],
        "category": reasons.most_common(1)[0][0],
        "group": group.headline,
        "asked": len(gaps),
        "comments": [gap.comment for gap in gaps if gap.comment],
        "note": NOTE,
    }


def _wordings(gaps: Sequence[Gap]) -> list[tuple[str, tuple[Gap, ...]]]:
    """Questions that differ in nothing but blanks, case and how they end are the same."""
    same: dict[str, list[Gap]] = {}
    for gap in gaps:
        same.setdefault(" ".join(gap.question.casefold().split()).rstrip(" ?!.") or gap.question, []).append(gap)
    return [(" ".join(gaps[0].question.split()), tuple(gaps)) for gaps in same.values()]


def _near(vectors: NDArray[np.float32], weights: Sequence[int]) -> list[tuple[list[int], NDArray[np.float32]]]:
    """(rows, middle) of each group: a row joins the nearest that is near enough, or begins one.

    Greedy, since a full clustering of n questions holds n² distances: a busy journal would fill the memory.
    """
    sums = np.zeros_like(vectors)
    middles = np.zeros_like(vectors)
    members: list[list[int]] = []
    for row, vector in enumerate(vectors):
        near = middles[: len(members)] @ vector
        if len(members) and near.max() >= ALIKE:
            chosen = int(near.argmax())
        else:
            chosen = len(members)
            members.append([])
        members[chosen].append(row)
        sums[chosen] += weights[row] * vector
        middles[chosen] = sums[chosen] / max(float(np.linalg.norm(sums[chosen])), 1e-9)
    return list(zip(members, middles, strict=False))
