"""Cases of correlation rules that failed: what is missing, and the windows that come near."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from watcher.correlate.correlation_texts import condition_text, group_values_text
from watcher.present.correlated_event_tables import counted_lines, nearest_windows, window_json, windows_table
from watcher.present.rule_json import rule_json
from watcher.printable import printable_text
from watcher.ruletests.case_results import CaseAlert, CaseResult, expected_text
from watcher.timestamps import format_milliseconds, format_since_1970

_MOST_WINDOWS = 10
_MOST_EVENTS = 10


def case_failure(result: CaseResult) -> Iterator[RenderableType]:
    """Yield a failed case with its near misses."""
    location, name = printable_text(result.case.location), printable_text(result.case.name)
    yield Text.assemble(("FAILED ", "bold red"), (location, "cyan"), f" {name}")
    for line in _reason_lines(result):
        yield Text(printable_text(line))
    windows = nearest_windows(result.correlated.windows())
    if windows:
        yield windows_table(result.correlated, windows, result.titles, _MOST_WINDOWS)


def _reason_lines(result: CaseResult) -> Iterator[str]:
    yield result.reason
    yield from (f"  expected: {expected_text(expected)}" for expected in result.missing)
    yield from (f"  opened: {alert}" for alert in (result.unexpected or result.alerts))
    if result.correlated.undecided:
        yield f"  undecided: {len(result.correlated.undecided)}; write `end` where the time after the events matters"
    yield f"  condition: {condition_text(result.correlated.correlation, result.titles)}"
    unmatched = [event.label.removeprefix("event ") for event in result.correlated.events if not event.rules]
    if unmatched:
        more = ", …" if len(unmatched) > _MOST_EVENTS else ""
        yield f"  events that match no base rule: {', '.join(unmatched[:_MOST_EVENTS])}{more}"


def case_lines(result: CaseResult) -> Iterator[str]:
    """Yield a failed case as plain lines, for reports without colours."""
    yield from map(printable_text, _reason_lines(result))
    for window in nearest_windows(result.correlated.windows())[:_MOST_WINDOWS]:
        times = " to ".join(format_since_1970(at) for at in (window.first, window.time))
        counted = ", ".join(counted_lines(window, result.titles))
        yield printable_text(f"  window of {group_values_text(window.group)}: {times}, {counted}")


def case_json(result: CaseResult) -> dict[str, Any]:
    """Return the result of a case as JSON."""
    outcome = {
        "rule": rule_json(result.rule),
        "name": result.case.name,
        "file": result.case.location.file,
        "line": result.case.location.line,
        "passed": result.passed,
        "alerts": [_alert_json(alert) for alert in result.alerts],
    }
    if result.passed:
        return outcome
    windows = nearest_windows(result.correlated.windows())
    return {
        **outcome,
        "why": result.reason,
        "missing": [expected_text(expected) for expected in result.missing],
        "unexpected": [_alert_json(alert) for alert in result.unexpected],
        "nearest": [window_json(window, result.titles) for window in windows[:_MOST_WINDOWS]],
    }


def _alert_json(alert: CaseAlert) -> dict[str, Any]:
    return {
        "group": dict(alert.group),
        "first": format_milliseconds(alert.first),
        "last": format_milliseconds(alert.last),
        "count": alert.count,
        "hits": alert.hits,
    }
