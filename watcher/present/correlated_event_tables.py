"""What a correlation rule says of some events, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watcher.correlate.correlation_texts import condition_text, number_text
from watcher.correlate.trailing_windows import TrailingWindow
from watcher.counted_nouns import counted
from watcher.model.correlation_hits import CorrelationHit
from watcher.present.correlation_tables import correlation_json
from watcher.present.explanations import explanation_json, render_explanation
from watcher.present.rule_json import rule_json
from watcher.present.terminal import cell, table
from watcher.printable import printable_text
from watcher.ruletests.correlated_events import CorrelatedEvents, EvaluatedEvent
from watcher.timestamps import format_since_1970
from watcher.usecases.explain_correlated_events import ExplainedEvents

_MOST_ROWS = 200
_HitKey = tuple[int, tuple[tuple[str, str], ...]]


def print_correlated_events(console: Console, explained: ExplainedEvents) -> None:
    """Print which base rules match each event, and what the window of its group holds then."""
    correlated, titles = explained.correlated, explained.named.plan.titles
    title = Text(printable_text(explained.named.rule.title), style="bold")
    hits, events = counted(len(correlated.hits), "hit"), counted(len(correlated.events), "event")
    console.print(Text.assemble(title, f": {hits} in {events}"))
    console.print(cell(f"condition: {condition_text(correlated.correlation, titles)}"), soft_wrap=True)
    if correlated.undecided:
        console.print(f"{len(correlated.undecided):,} undecided: later events could still end them", style="yellow")
    console.print(_events_table(correlated.events))
    windows = correlated.windows()
    if windows:
        console.print(windows_table(correlated, windows, titles))
    for explanation in explained.explanations:
        console.print(render_explanation(explanation))


def _events_table(events: Sequence[EvaluatedEvent]) -> Table:
    shown = table("event", "time (UTC)", "base rules that match", title="Events")
    for event in events[:_MOST_ROWS]:
        rules = [cell(rule.title) for rule in event.rules] or [cell("none", style="dim")]
        rules.extend(cell(f"{rule.title}: undecided", style="yellow") for rule in event.undecided)
        time = "no time: not counted" if event.time is None else _short(event.time)
        shown.add_row(cell(event.label, style="cyan"), cell(time), Text("\n").join(rules))
    if len(events) > _MOST_ROWS:
        shown.add_row(cell(f"… and {len(events) - _MOST_ROWS:,} more"), "", "")
    return shown


def windows_table(
    correlated: CorrelatedEvents, windows: Sequence[TrailingWindow], titles: Mapping[str, str], most: int = _MOST_ROWS
) -> Table:
    """Show the trailing windows of a correlation, and whether the condition holds at the end of each."""
    outcomes = _outcomes(correlated)
    shown = table("group", "from and to (UTC)", "counted", "condition", title="Windows")
    for window in windows[:most]:
        group = [cell(f"{name}: {value}") for name, value in window.group] or [cell("all events")]
        outcome = outcomes.get(_key(window.time, window.group), "does not hold")
        shown.add_row(
            Text("\n").join(group),
            Text("\n").join(cell(_short(at)) for at in dict.fromkeys((window.first, window.time))),
            Text("\n").join(cell(line) for line in counted_lines(window, titles)),
            cell(outcome, style="green" if outcome == "holds" else ""),
        )
    if len(windows) > most:
        shown.add_row(cell(f"… and {len(windows) - most:,} more"), "", "", "")
    return shown


def _outcomes(correlated: CorrelatedEvents) -> Mapping[_HitKey, str]:
    """Return what the condition says at the completing base hit of each group."""
    outcomes = {_hit_key(hit): "undecided" for hit in correlated.undecided}
    return outcomes | {_hit_key(hit): "holds" for hit in correlated.hits}


def _hit_key(hit: CorrelationHit) -> _HitKey:
    return _key(hit.completing.time, hit.group)


def _key(time: int, group: tuple[tuple[str, str], ...]) -> _HitKey:
    return time, tuple((name, value.casefold()) for name, value in group)


def counted_lines(window: TrailingWindow, titles: Mapping[str, str]) -> Iterator[str]:
    """Yield what a window holds: the compared number, and the hits of each base rule."""
    if window.number is not None and window.number != sum(window.counts.values()):
        yield number_text(window.number)
    for rule_id, count in window.counts.items():
        yield f"{count:,} of `{titles.get(rule_id, rule_id)}`"


def nearest_windows(windows: Sequence[TrailingWindow]) -> tuple[TrailingWindow, ...]:
    """Return the fullest window of each group, the fullest first."""

    def fullness(window: TrailingWindow) -> tuple[object, ...]:
        return len(window.counts), window.number or 0, sum(window.counts.values())

    ordered = sorted(windows, key=lambda window: window.group)
    fullest = (max(entries, key=fullness) for _, entries in groupby(ordered, key=lambda window: window.group))
    return tuple(sorted(fullest, key=fullness, reverse=True))


def correlated_events_json(explained: ExplainedEvents) -> dict[str, Any]:
    """Return which base rules match each event, and what the windows hold."""
    correlated, plan = explained.correlated, explained.named.plan
    outcomes = _outcomes(correlated)
    return {
        "rule": rule_json(explained.named.rule),
        "condition": condition_text(correlated.correlation, plan.titles),
        "matches": bool(correlated.hits),
        "events": [
            {
                "event": event.label,
                "@timestamp": None if event.time is None else format_since_1970(event.time),
                "rules": [rule_json(rule) for rule in event.rules],
                "undecided": [rule_json(rule) for rule in event.undecided],
            }
            for event in correlated.events
        ],
        "windows": [
            {
                **window_json(window, plan.titles),
                "outcome": outcomes.get(_key(window.time, window.group), "does not hold"),
            }
            for window in correlated.windows()
        ],
        "hits": [correlation_json(hit, plan, plan.titles) for hit in correlated.hits],
        "undecided": len(correlated.undecided),
        "explanations": [explanation_json(explanation) for explanation in explained.explanations],
    }


def window_json(window: TrailingWindow, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return a trailing window as JSON."""
    return {
        "group": dict(window.group),
        "first": format_since_1970(window.first),
        "last": format_since_1970(window.time),
        "number": None if window.number is None else float(window.number),
        "by_rule": [
            {"id": rule_id, "title": titles.get(rule_id, ""), "count": count}
            for rule_id, count in window.counts.items()
        ],
    }


def _short(at: int) -> str:
    """Return a time for a table: without the milliseconds where they are zero."""
    return format_since_1970(at).replace("T", " ").removesuffix("Z").removesuffix(".000")
