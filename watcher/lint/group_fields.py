"""Lint of `group_by`: fields that no event of a rule's log source can have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches

from watcher.lint.finding_codes import make_finding
from watcher.lint.known_fields import fields_of
from watcher.model import Finding, Location, Rule
from watcher.settings import Settings, Source
from watcher.settings.effective import RuleSettings, rule_settings
from watcher.taxonomy.ecs_fields import FIELD_SETS
from watcher.taxonomy.field_locations import DATA, is_path
from watcher.taxonomy.logsources import events_of

_FIELD_SETS = FIELD_SETS.union(("winlog", "sysmon", "powershell", "fields"))  # the last ones are of Winlogbeat
_EVERYWHERE = ("User",)  # read from the account where the events name it by its role

_SINGLE_ALERT = "all their hits become a single alert for all computers"
_NO_EFFECT = "it separates no alerts"


def lint(rules: Sequence[Rule], settings: Settings, mapped: Collection[str] = ()) -> Iterator[Finding]:
    """Yield a finding for each group-by field of a selector or a rule that events of some rules cannot have.

    `mapped` are paths that indices are known to have.
    """
    by_field: dict[tuple[Location, str, str], list[Rule]] = {}
    for rule in rules:
        effective = rule_settings(rule, settings)
        group_by = effective.group_by or ()
        result = _SINGLE_ALERT if len(group_by) == 1 else _NO_EFFECT
        for name in group_by:
            if name not in mapped and not any(is_possible_field(name, rule, source) for source in settings.sources):
                by_field.setdefault((_location(rule, effective), name, result), []).append(rule)
    for (location, name, result), affected in by_field.items():
        more = f" and of {len(affected) - 1:,} more" if len(affected) > 1 else ""
        message = f"events of the rule `{affected[0].title}`{more} have no field `{name}` of `group_by`, so {result}"
        yield make_finding("group-by-field", message, location, field_advice(name, affected[0]))


def is_possible_field(name: str, rule: Rule, source: Source) -> bool:
    """Return whether an event of the rule's log source may have a field; only Windows events are known."""
    events = events_of(rule.logsource, source.logsources)
    if name in source.fields or name in _EVERYWHERE or any(name in paths for paths in source.fields.values()):
        return True
    if not all(event_class.channel for event_class in events.event_classes):
        return True
    data = next((prefix for prefix in DATA if name.startswith(prefix)), "")
    if is_path(name) and not data:
        return name.partition(".")[0] in _FIELD_SETS or name == "@timestamp"
    fields = fields_of(events)
    return fields is None or name.removeprefix(data) in fields


def _location(rule: Rule, effective: RuleSettings) -> Location:
    file, _, line = effective.origins["group_by"].rpartition(":")
    return Location(file=file, line=int(line)) if file and line.isdecimal() else rule.location


def field_advice(name: str, rule: Rule) -> str:
    """Return what to write instead of a field that events of a rule cannot have."""
    fields = fields_of(events_of(rule.logsource)) or frozenset()
    first, *rest = name.split(".")
    near = get_close_matches(first, _FIELD_SETS if is_path(name) else fields, n=1)
    if near:
        return f"did you mean `{'.'.join((*near, *rest))}`"
    return "name a Sigma field or a path that the events have, or map it under `fields` of the source in settings"
