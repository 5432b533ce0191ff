"""The test events beside a rule: `X.test.ndjson` belongs to `X.yml`, each line an event that must hit or must not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.match.predicate import Predicate
from watcher.model import Event, Rule

_ENDING = ".test.ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test event of a rule."""

    line: int
    name: str  # one sentence on what happens in the event
    hit: bool  # the rule must match it
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one test event."""

    name: str
    expected: str  # `hit` or `miss`
    got: str  # the same, or what is wrong with the line

    @property
    def passed(self) -> bool:
        """Tell whether the rule did as it must."""
        return self.expected == self.got


def outcomes(rule: Rule, predicate: Predicate) -> tuple[Outcome, ...]:
    """Try a rule on the events beside it, in memory; none where there are none."""
    return tuple(_tried(rule, predicate))


def _tried(rule: Rule, predicate: Predicate) -> Iterator[Outcome]:
    beside = Path(rule.place.file).with_suffix(_ENDING)
    if not beside.is_file():
        return
    for number, text in enumerate(beside.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            case = _case(number, json.loads(text))
        except (ValueError, KeyError, TypeError) as fault:
            yield Outcome(name=f"line {number}", expected="a test event", got=f"no test event: {fault}")
            continue
        got = predicate.matches(case.event)
        yield Outcome(name=case.name, expected=_said(hit=case.hit), got=_said(hit=got))


def _case(number: int, told: Any) -> Case:
    if told["expect"] not in ("hit", "miss"):
        raise ValueError(f"`expect` is `{told['expect']}`")
    return Case(line=number, name=str(told["name"]), hit=told["expect"] == "hit", event=dict(told["event"]))


def _said(*, hit: bool) -> str:
    return "hit" if hit else "miss"
