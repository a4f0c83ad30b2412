"""Unanswered questions: grouped by meaning, and exported as a question set for `quoth eval`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mode

import numpy as np
from numpy.typing import NDArray

from index.encoders.encoder import Encoder
from ui.journal.journal import Gap

SIMILAR = 0.54
"""The cosine between a question and a group's centre at which the question joins the group. Chosen on questions that
people asked an intranet: a higher value splits paraphrases, a lower one merges whole topics."""

NOTE = "not judged yet: if the documents do answer this, set answerable and give the evidence"

Wording = tuple[str, tuple[Gap, ...]]
"""A question as it was first asked, and all gaps with this wording, oldest first."""


@dataclass(frozen=True, slots=True)
class Group:
    """Questions about the same thing."""

    headline: str
    """The question nearest to the group's centre."""
    gaps: tuple[Gap, ...]
    """At least one, oldest first."""

    @property
    def wordings(self) -> list[Wording]:
        """The different questions, most frequent first."""
        return _wordings(self.gaps)


def group(gaps: Sequence[Gap], encoder: Encoder) -> list[Group]:
    """Groups `gaps` by meaning, the most frequent group first. Each gap is in exactly one group."""
    wordings = _wordings(gaps)
    if not wordings:
        return []
    vectors = encoder.encode([text for text, _ in wordings])
    groups = []
    for rows, centre in _clusters(vectors, [len(gaps) for _, gaps in wordings]):
        central = max(rows, key=lambda row: float(vectors[row] @ centre))
        members = sorted((gap for row in rows for gap in wordings[row][1]), key=lambda gap: gap.at)
        groups.append(Group(wordings[central][0], tuple(members)))
    return sorted(groups, key=lambda group: -len(group.gaps))


def to_question_set(groups: Sequence[Group], file: Path) -> int:
    """Writes the different questions to `file`, one JSON object a line, as `quoth eval` reads them. Returns how many.

    Nobody has judged yet whether the documents answer them, so each is written as unanswerable, until a person corrects
    `answerable` and `evidence`. `category` is the gaps' reason. `quoth eval` ignores `group` (the headline), `asked`
    (how often), `comments` and `note`. Raises OSError if the file cannot be written.
    """
    rows = [
        {
            "id": gaps[0].id,
            "question": text,
            "answerable": False,
            "answers": [],
            "evidence": [],
            "history": [],
            "category": mode(gap.reason for gap in gaps),
            "group": group.headline,
            "asked": len(gaps),
            "comments": [gap.comment for gap in gaps if gap.comment],
            "note": NOTE,
        }
        for group in groups
        for text, gaps in group.wordings
    ]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return len(rows)


def _wordings(gaps: Sequence[Gap]) -> list[Wording]:
    """Most frequent first. Questions that differ only in blanks, case and final punctuation are the same."""
    same: dict[str, list[Gap]] = {}
    for gap in gaps:
        same.setdefault(" ".join(gap.question.casefold().split()).rstrip(" ?!.") or gap.question, []).append(gap)
    wordings = [(" ".join(gaps[0].question.split()), tuple(gaps)) for gaps in same.values()]
    return sorted(wordings, key=lambda wording: -len(wording[1]))


def _clusters(vectors: NDArray[np.float32], weights: Sequence[int]) -> list[tuple[list[int], NDArray[np.float32]]]:
    """(rows, centre) of each cluster: a row joins the nearest cluster that is similar enough, or begins a new one.

    Greedy, since full clustering of n questions would hold n² distances, too many for a busy journal.
    """
    sums, centres = np.zeros_like(vectors), np.zeros_like(vectors)
    members: list[list[int]] = []
    for row, vector in enumerate(vectors):
        cosines = centres[: len(members)] @ vector
        if len(members) and cosines.max() >= SIMILAR:
            cluster = int(cosines.argmax())
        else:
            cluster = len(members)
            members.append([])
        members[cluster].append(row)
        sums[cluster] += weights[row] * vector
        centres[cluster] = sums[cluster] / max(float(np.linalg.norm(sums[cluster])), 1e-9)
    return list(zip(members, centres, strict=False))
