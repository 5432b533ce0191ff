"""The fields of rules that Winlogbeat's modules take apart in sampled events, and the values that they lose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from watcher.match.event_view import EventView
from watcher.model import Finding, Rule, Severity
from watcher.taxonomy.field_locations import field_locations
from watcher.taxonomy.logsources import LogSourceEvents, events_of
from watcher.taxonomy.lost_values import LOST_VALUES, LostValue
from watcher.translate.plan import Translator, rule_fields

_FIX = "docs/modules-shape.md lists the values that are lost"


@dataclass(slots=True)
class RebuiltFields:
    """The fields that are computed again or lose values, with the rules that use them."""

    rebuilt: dict[str, list[Rule]] = field(default_factory=dict)
    lossy: dict[tuple[str, LostValue], list[Rule]] = field(default_factory=dict)

    def add(self, rules: Sequence[Rule], views: Sequence[EventView], translator: Translator) -> None:
        """Add the fields of rules of one log source, by some of its events."""
        module_views = [view for view in views if view.at("event.module")]
        for rule in rules if module_views else ():
            events = events_of(rule.logsource, translator.source.logsources)
            for name in rule_fields(rule.node):
                if any(_is_rebuilt(name, view, events) for view in module_views):
                    self.rebuilt.setdefault(name, []).append(rule)
                for loss in LOST_VALUES.get(name, ()):
                    if any(map(loss.applies_to, events.event_classes)):
                        self.lossy.setdefault((name, loss), []).append(rule)

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each field."""
        for name, rules in self.rebuilt.items():
            yield Finding(
                code="rebuilt-field",
                severity=Severity.INFO,
                location=rules[0].location,
                message=f"`{name}`{_of(rules)} is taken apart by Winlogbeat's modules and put together again",
                fix=_FIX,
            )
        for (name, loss), rules in self.lossy.items():
            yield Finding(
                code="lossy-field",
                severity=Severity.INFO,
                location=rules[0].location,
                message=f"of `{name}`{_of(rules)} Winlogbeat's modules lose values for good: {loss.loss}",
                fix=f"where a rule asks for just that, write {loss.advice}",
            )


def _is_rebuilt(name: str, view: EventView, events: LogSourceEvents) -> bool:
    """Return whether an event holds only parts of a value of the field."""
    locations = [field_locations(name, event_class) for event_class in events.event_classes if view.is_of(event_class)]
    if not any(location.computed for location in locations) or not view.values(name):
        return False
    return not any(view.at(path) for location in locations for path in (*location.direct, *location.fallback))


def _of(rules: Sequence[Rule]) -> str:
    return f" ({len(rules)} rules)" if len(rules) > 1 else ""
