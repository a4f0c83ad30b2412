"""Measures of latency: the median and the 95th percentile of the time that an answer takes."""

from functools import partial

import numpy as np

from eval.measures.types import Case, Measure, Table


def _milliseconds(case: Case) -> float | None:
    return case.row["ms"].get("total") if case.row else None


_percentile = partial(partial, np.quantile, axis=-1, method="inverted_cdf")
MEASURES = (
    Measure("ms_p50", "median milliseconds an answer took", _milliseconds, _percentile(q=0.5),
            tables=Table.SYSTEMS, lower_is_better=True, milliseconds=True),
    Measure("ms_p95", "milliseconds that 95% of the answers did not exceed", _milliseconds, _percentile(q=0.95),
            lower_is_better=True, milliseconds=True),
)  # fmt: skip
