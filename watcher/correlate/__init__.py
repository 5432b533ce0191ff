"""Correlations, exact in event time: base hits in, correlation hits out. Nothing here reads or writes.

- `correlate(correlations, base_hits, end=…)` evaluates a closed set of base hits: files, backfills, rule tests.
- `CorrelationStates(correlations)` evaluates base hits as they arrive: `add` what a search returns, or
  `decide` it together with the spans that were searched completely. `forget` what lies before every gap that may
  still be searched.

Both return the same. The order of arrival does not matter, duplicates are ignored, and each correlation hit is
returned once. Its id depends on the correlation rule, the group and the completing base hit alone; a state that is
filled again after a restart returns hits with the same ids.

What more base hits can only strengthen is returned by `add`: counts with lower bounds, and temporal types without
`not`. Everything else waits for `decide`: upper bounds, `eq`, `neq`, sums, averages, percentiles, medians, absence,
and `not`. It is returned once all times that it depends on were searched, so that an outage never reads as silence.
A span is searched up to a time when base hits before it are not expected any more, lateness included.

`histories` has how far back base hits are needed when a state is filled, `fields` which values they need.
"""

from watcher.correlate.chains import CorrelatedHits, CorrelationStates, LackingGroups, Uncounted, correlate, inner_first
from watcher.correlate.correlation_state import CorrelationState
from watcher.correlate.cut_values import CutEvents
from watcher.correlate.memory_limit import MOST_BASE_HITS
from watcher.correlate.spans import BEGINNING, END, EVERYWHERE, Spans

__all__ = [
    "BEGINNING",
    "END",
    "EVERYWHERE",
    "MOST_BASE_HITS",
    "CorrelatedHits",
    "CorrelationState",
    "CorrelationStates",
    "CutEvents",
    "LackingGroups",
    "Spans",
    "Uncounted",
    "correlate",
    "inner_first",
]
