"""Cases in test files: several events with their times, and the alerts that a correlation rule must open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from watcher.errors import InputError
from watcher.model import Event, Location
from watcher.sigma.sketched_events import SKETCH_KEYS, event_of_source, scalar_text
from watcher.timestamps import format_timestamp, latest_timestamp, parse_timestamp

CASE_KEYS = ("name", "rule", "start", "events", "end", "alerts")
_EVENT_KEYS = ("at", "repeat", "every", "rule", "event", *SKETCH_KEYS)
_ALERT_KEYS = ("group", "first", "last", "count", "hits")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"(?:([0-9]+)(ms|[dhms]))")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST_DIGITS = 9
_MOST_EVENTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One event of a case, with its time in the document."""

    number: int  # within the case, from 1
    event: Event
    sketch: bool  # a missing channel or code is taken from the log source of a base rule
    rule: str = ""  # that base rule: its id, name or title; empty: the first one that matches the event


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlert:
    """An alert that a case expects; what is None is not compared."""

    group: Mapping[str, str]  # field or alias of `group-by` → value; missing ones are not compared
    first: datetime | None = None
    last: datetime | None = None
    count: int | None = None  # of contributing events
    hits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationCase:
    """Several events, and the alerts that a correlation rule must open."""

    name: str
    events: tuple[CaseEvent, ...]
    alerts: tuple[ExpectedAlert, ...]  # empty: none must be opened
    start: datetime  # listed groups of absences are expected from then on
    end: datetime | None = None  # events are complete up to it; None: up to the last event
    rule: str = ""  # id, name or title of the correlation rule, where the rule file has several
    location: Location


def read_case(source: Mapping[str, Any], location: Location) -> CorrelationCase:
    """Return a case; raises InputError for a fault."""
    _check_keys(source, CASE_KEYS, "a case")
    start = _moment(source["start"], None) if "start" in source else _START
    events = tuple(_events(source.get("events"), start))
    alerts = source.get("alerts")
    if not isinstance(alerts, list):
        raise InputError(
            "the case has no `alerts`",
            fix="write `alerts: []` where none must be opened, else a list such as `[{group: {User: a}, count: 3}]`",
        )
    return CorrelationCase(
        name=scalar_text(source.get("name")) or f"case in line {location.line}",
        start=start,
        events=events,
        alerts=tuple(_alert(alert, start) for alert in alerts),
        end=_moment(source["end"], start) if "end" in source else None,
        rule=scalar_text(source.get("rule")),
        location=location,
    )


def _check_keys(source: object, keys: tuple[str, ...], what: str) -> None:
    if not isinstance(source, dict):
        raise InputError(f"{what} must be a mapping", fix=f"its keys are {', '.join(f'`{key}`' for key in keys)}")
    for key in source:
        if key not in keys:
            near = get_close_matches(str(key), keys, n=1)
            listed = ", ".join(f"`{name}`" for name in keys)
            raise InputError(f"`{key}` is not a key of {what}", fix=f"write `{near[0]}`" if near else f"use {listed}")


# --------------------------------------------------------------------------- events


def _events(sources: object, start: datetime) -> Iterator[CaseEvent]:
    if not isinstance(sources, list) or not sources:
        raise InputError("the case has no events", fix="add `events`, each with `at` and `data` or `event`")
    number = 0
    for place, source in enumerate(sources, start=1):
        what = f"event {place} of the case"
        _check_keys(source, _EVENT_KEYS, what)
        event, moment = event_of_source(_without_case_keys(source), what), _time_of(source, start, what)
        every = _offset(source.get("every", "0s"))
        for _ in range(_repeats(source, what)):
            number += 1
            yield CaseEvent(
                number=number,
                event={**event, "@timestamp": format_timestamp(moment)},
                sketch="event" not in source,
                rule=scalar_text(source.get("rule")),
            )
            moment += every


def _without_case_keys(source: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in source.items() if key in ("event", *SKETCH_KEYS)}


def _time_of(source: Mapping[str, Any], start: datetime, what: str) -> datetime:
    if "at" in source:
        return _moment(source["at"], start)
    event = source.get("event")
    own = source.get("time") or (event.get("@timestamp") if isinstance(event, dict) else None)
    moment = latest_timestamp([scalar_text(own)]) if own else None
    if moment is None:
        raise InputError(f"{what} has no time", fix="add e.g. `at: 90s`, counted from `start`, or a timestamp")
    return moment


def _repeats(source: Mapping[str, Any], what: str) -> int:
    text = scalar_text(source.get("repeat", 1))
    if not text.isdecimal() or not 1 <= int(text[:_MOST_DIGITS]) <= _MOST_EVENTS:
        raise InputError(f"`repeat` of {what} is not a number", fix=f"write how often, from 1 to {_MOST_EVENTS:,}")
    return int(text)


# --------------------------------------------------------------------------- alerts and times


def _alert(source: object, start: datetime) -> ExpectedAlert:
    _check_keys(source, _ALERT_KEYS, "an alert of the case")
    if not isinstance(source, dict):
        raise TypeError(source)
    group = source.get("group") or {}
    if not isinstance(group, dict):
        raise InputError("`group` must be a mapping", fix="write e.g. `group: {TargetUserName: alice}`")
    return ExpectedAlert(
        group={str(name): scalar_text(value) for name, value in group.items()},
        first=_moment(source["first"], start) if "first" in source else None,
        last=_moment(source["last"], start) if "last" in source else None,
        count=_number(source, "count"),
        hits=_number(source, "hits"),
    )


def _number(source: Mapping[str, Any], key: str) -> int | None:
    if key not in source:
        return None
    text = scalar_text(source[key])
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise InputError(f"`{key}: {text}` is not a whole number", fix="write e.g. `3`")
    return int(text)


def _moment(value: object, start: datetime | None) -> datetime:
    """Return the time of a duration after the start, or of a timestamp."""
    text = scalar_text(value).strip()
    moment = parse_timestamp(text)
    if moment is not None:
        return moment
    if start is None:
        raise InputError(f"`start: {text}` is not a timestamp", fix="write e.g. `2026-01-31T10:00:00Z`")
    return start + _offset(text)


def _offset(value: object) -> timedelta:
    text = scalar_text(value).strip()
    parts = _OFFSET.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise InputError(f"`{text}` is not a time", fix="write e.g. `0s`, `90s`, `1h30m`, or a timestamp")
    return sum((timedelta(**{_UNITS[unit]: int(number[:_MOST_DIGITS])}) for number, unit in parts), timedelta(0))
