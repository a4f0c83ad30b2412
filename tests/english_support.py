"""Examples of English, one a line in tests/data: rules of language are right for a share of them, not for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def check_share(name: str, right: Callable[[Mapping[str, Any]], object], least: float) -> None:
    """`right` holds of at least this share of the examples in tests/data/NAME.jsonl; the others are shown if not."""
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not right(json.loads(line))]
    share = 1 - len(wrong) / len(lines)
    assert share >= least, f"{share:.3f} of {name} are right, expected {least}; wrong are:\n" + "\n".join(wrong)
