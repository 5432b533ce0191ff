"""Which fields of rules Winlogbeat's modules take apart in the events at hand, and what is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from watcher.match.event_view import EventView
from watcher.model import Finding, Rule, Severity
from watcher.taxonomy.field_locations import field_locations
from watcher.taxonomy.logsources import LogSourceEvents, events_of
from watcher.taxonomy.lost_values import LOST_VALUES, LostValue
from watcher.translate.plan import Translator, rule_fields

_FIX = "docs/modules-shape.md counts what is lost on the way"


@dataclass(slots=True)
class RebuiltFields:
    """Collects the fields that are rebuilt or lose values, with the rules that ask for them."""

    rebuilt: dict[str, list[Rule]] = field(default_factory=dict)
    lossy: dict[tuple[str, LostValue], list[Rule]] = field(default_factory=dict)

    def note(self, rules: Sequence[Rule], views: Sequence[EventView], translator: Translator) -> None:
        """Look at some events of the log source that the rules share."""
        made_by_modules = [view for view in views if view.at("event.module")]
        for rule in rules if made_by_modules else ():
            where = events_of(rule.logsource, translator.source.logsources)
            for name in rule_fields(rule.node):
                if any(_is_rebuilt(name, view, where) for view in made_by_modules):
                    self.rebuilt.setdefault(name, []).append(rule)
                for loss in LOST_VALUES.get(name, ()):
                    if any(map(loss.applies_to, where.event_classes)):
                        self.lossy.setdefault((name, loss), []).append(rule)

    def findings(self) -> Iterator[Finding]:
        """Tell each field once."""
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


def _is_rebuilt(name: str, view: EventView, where: LogSourceEvents) -> bool:
    """Tell whether an event holds a value of the field in parts alone."""
    there = [field_locations(name, one) for one in where.event_classes if view.is_of(one)]
    if not any(one.computed for one in there) or not view.values(name):
        return False
    return not any(view.at(path) for one in there for path in (*one.direct, *one.fallback))


def _of(rules: Sequence[Rule]) -> str:
    return f" ({len(rules)} rules)" if len(rules) > 1 else ""
