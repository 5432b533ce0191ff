"""Findings about `group_by` from sampled events: fields that no event has, and keys without any value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watcher.alerts.group_keys import key_parts
from watcher.counted_nouns import counted
from watcher.match.event_view import EventView
from watcher.model import Finding, Rule, Severity
from watcher.taxonomy.summary_fields import HOST_NAME
from watcher.translate.plan import Translator, grouping_paths

GroupBy = Mapping[str, tuple[str, ...]]
"""Rule id → the fields that its alerts are grouped by; rules whose hits are not grouped are absent."""

NOT_GROUPED: GroupBy = {}

_FIX = f"under `group_by` name a field that the events have, such as `{HOST_NAME}`"
_FIX_HOST = "map `Computer` to the field that names the computer under `fields` of the source, or set `group_by`"


@dataclass(slots=True, kw_only=True)
class _Sample:
    """Some rules, and how many sampled events of their log sources lack their fields."""

    rules: list[Rule] = field(default_factory=list)
    events: int = 0
    lacking: int = 0

    def add(self, rules: Sequence[Rule], *, events: int, lacking: int) -> None:
        self.rules.extend(rules)
        self.events += events
        self.lacking += lacking


@dataclass(slots=True, kw_only=True)
class GroupFieldFindings:
    """The group-by fields that sampled events lack."""

    group_by: GroupBy
    _without_key: dict[tuple[str, ...], _Sample] = field(default_factory=dict)  # by the fields
    _absent: dict[str, _Sample] = field(default_factory=dict)  # by the field

    def add(self, rules: Sequence[Rule], views: Sequence[EventView], translator: Translator) -> None:
        """Add the rules of one log source, with some of its events."""
        by_fields: dict[tuple[str, ...], list[Rule]] = {}
        for rule in rules if views else ():
            if fields := self.group_by.get(rule.id):
                by_fields.setdefault(fields, []).append(rule)
        for fields, grouped in by_fields.items():
            self._add(fields, grouped, views, translator)

    def _add(
        self, fields: tuple[str, ...], rules: Sequence[Rule], views: Sequence[EventView], translator: Translator
    ) -> None:
        computed = {name for name in fields if _is_computed(name, rules[0], translator)}
        present = [{part.field for part in key_parts(view, fields) if part.values} | computed for view in views]
        lacking = sum(not names for names in present)
        if lacking:
            sample = self._without_key.setdefault(fields, _Sample())
            sample.add(rules, events=len(views), lacking=lacking)
        for name in set(fields).difference(*present) if lacking < len(views) else ():
            self._absent.setdefault(name, _Sample()).add(rules, events=len(views), lacking=len(views))

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each list of fields and each field."""
        for fields, sample in self._without_key.items():
            names = " or ".join(f"`{name}`" for name in fields)
            yield Finding(
                code="group-by-empty",
                severity=Severity.WARNING,
                location=sample.rules[0].location,
                message=f"{sample.lacking:,} of {sample.events:,} sampled events have no {names}: such hits of "
                f"{_named(sample.rules)} become a single alert for all computers",
                fix=_FIX_HOST if HOST_NAME in fields else _FIX,
            )
        for name, sample in self._absent.items():
            yield Finding(
                code="group-by-field",
                severity=Severity.WARNING,
                location=sample.rules[0].location,
                message=f"none of {sample.events:,} sampled events has `{name}`, so it separates no alerts of "
                f"{_named(sample.rules)}",
                fix="correct the name under `group_by`, or remove it",
            )


def _is_computed(name: str, rule: Rule, translator: Translator) -> bool:
    """Whether the engine computes a field for each search, so that no sampled `_source` holds it."""
    fields = translator.mapping.fields
    paths = grouping_paths(rule, (name,), translator.source)
    return any(field_type.is_read_by_search for path in paths for field_type in fields.get(path, ()))


def _named(rules: Sequence[Rule]) -> str:
    more = len(rules) - 1
    return f"`{rules[0].title}`" + (f" and {counted(more, 'more rule')}" if more else "")
