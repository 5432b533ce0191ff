"""The hits of an alert in words: how many there are, whom they are about, and what the new ones are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watcher.model import KINDS_OF_VALUES, AlertUpdate, JoinedHits
from watcher.notify.escaping import bounded_text, single_line
from watcher.timestamps import format_milliseconds

_SHOWN = 10  # values of a kind
_MAX_VALUE = 200  # characters of each
_MAX_LINE = 1_000


def joined_rows(joined: JoinedHits) -> tuple[tuple[str, str], ...]:
    """Return the hits of an alert as (label, text): none where there is a single one."""
    if joined.count < 2:
        return ()
    span = f"{joined.count:,}, from {format_milliseconds(joined.first)} to {format_milliseconds(joined.last)}"
    lists = (
        (kind.capitalize(), listed_values(joined.values.get(kind, ()), has_more=bool(joined.unlisted)))
        for kind in KINDS_OF_VALUES
        if len(joined.values.get(kind, ())) > 1
    )
    further = (("Not sent", f"{joined.further:,} further hits with new values"),) if joined.further else ()
    return (("Hits", span), *lists, *further)


def listed_values(values: Sequence[str], *, has_more: bool = False, shown: int = _SHOWN) -> str:
    """Return the first values of a list, and how many more there are."""
    listed = ", ".join(bounded_text(value, _MAX_VALUE) for value in values[:shown])
    more = len(values) - shown
    return f"{listed} and {more:,} {'or more ' if has_more else ''}more" if more > 0 else listed


def new_values(updates: Iterable[AlertUpdate]) -> tuple[tuple[str, str], ...]:
    """Return the new values of updates, as (kind, value)."""
    return tuple((kind, bounded_text(value, _MAX_VALUE)) for update in updates for kind, value in update.news)


def further_hits(updates: Iterable[AlertUpdate]) -> tuple[tuple[str, str], ...]:
    """Return the hits of updates, as (what is new, what happened)."""
    return tuple((_news(update), _event_line(update)) for update in updates)


def closed_before(updates: Iterable[AlertUpdate]) -> str:
    """Return when the alert was closed, where an update is its first hit afterwards; else the empty string."""
    return next((update.closed for update in updates if update.closed), "")


def _news(update: AlertUpdate) -> str:
    return (
        ", ".join(f"new {kind} {single_line(value, _MAX_VALUE)}" for kind, value in update.news) or "after its closing"
    )


def _event_line(update: AlertUpdate) -> str:
    summary = update.summary
    command = summary.command_line or summary.process or summary.service
    parts = (format_milliseconds(update.time), summary.host, summary.account, command)
    return single_line(" · ".join(part for part in parts if part), _MAX_LINE)
