"""Log sources that say too little, and selections that say again what the log source says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.model import Finding, LogSource
from watcher.settings import LogSourceMapping
from watcher.taxonomy.logsources import SYSMON, LogSourceEvents, categories_of, events_of

_KEYS = ("product", "category", "service", "definition")
_PROVIDERS = {  # of the categories of Sysmon, and of the Security log
    "Microsoft-Windows-Sysmon/Operational": "microsoft-windows-sysmon",
    "Security": "microsoft-windows-security-auditing",
}


def lint(rule: RuleSource, extra: Sequence[LogSourceMapping]) -> Iterator[Finding]:
    """Yield the findings about the log source and the fields that it implies."""
    logsource_events = events_of(rule.rule.logsource, extra)
    location = rule.rule.logsource.location or rule.rule.location
    for entry in rule.entries("logsource"):
        if entry.key_text not in _KEYS:
            yield make_finding(
                "logsource-key",
                f"`{entry.key_text}` is not a key of a log source",
                rule.at(entry.key_location),
                f"Sigma has {', '.join(f'`{key}`' for key in _KEYS)}; it is ignored",
            )
    if logsource_events.unknown:
        yield make_finding(
            "unknown-logsource",
            f"unknown log source {', '.join(f'`{name}`' for name in logsource_events.unknown)}",
            location,
            "add it under `logsources` of the source in settings; until then it does not narrow the events",
        )
    elif rule.rule.logsource.product and _is_unlimited(rule.rule.logsource, logsource_events):
        yield make_finding(
            "no-channel",
            "the log source names neither category nor service, so every event is searched",
            location,
            "add one",
        )
    yield from _event_ids(rule, logsource_events)
    yield from _redundant(rule, logsource_events)


def _is_unlimited(source: LogSource, logsource_events: LogSourceEvents) -> bool:
    """Whether a log source names a product alone; those of other products than Windows have no channels."""
    if any(event_class.non_windows for event_class in logsource_events.event_classes):
        return not (source.category or source.service) and source.product in ("linux", "macos")
    return not any(event_class.channel or event_class.codes for event_class in logsource_events.event_classes)


def _event_ids(rule: RuleSource, logsource_events: LogSourceEvents) -> Iterator[Finding]:
    implied = {code for event_class in logsource_events.event_classes for code in event_class.codes}
    is_narrowed = all(event_class.codes for event_class in logsource_events.event_classes)
    lines = [line for line in rule.lines if line.field == "EventID" and not line.modifiers]
    for line in lines:
        values = [node.text.strip() for node in line.values]
        if is_narrowed:
            yield _implied_event_ids(line, values, implied)
        elif "sysmon" in rule.rule.logsource.service:
            yield from _category(line, values)
        elif rule.rule.logsource.service == ("security",) and values == ["4688"]:
            yield make_finding(
                "specific-logsource",
                "only the Security log is searched for process creation, not Sysmon's",
                line.location,
                "write `category: process_creation` and its field names: `Image`, `ParentImage`",
            )
    if "sysmon" in rule.rule.logsource.service and not rule.rule.logsource.category and not lines:
        yield make_finding(
            "sysmon-without-eventid",
            "the rule searches every event of Sysmon",
            rule.rule.logsource.location or rule.rule.location,
            "name a category, e.g. `process_creation`, or an `EventID`",
        )


def _implied_event_ids(line: SourceLine, codes: Sequence[str], implied: set[str]) -> Finding:
    """Return the finding about event ids of a log source that implies some."""
    if not codes or implied.intersection(codes):
        return make_finding(
            "redundant-eventid", "the log source already implies the event ids", line.location, "remove it"
        )
    return make_finding(
        "event-outside-logsource",
        f"events of the log source have the event id {', '.join(sorted(implied, key=lambda code: (len(code), code)))}, "
        f"never {' or '.join(codes)}",
        line.location,
        "use the log source that has them",
    )


def _category(line: SourceLine, codes: Sequence[str]) -> Iterator[Finding]:
    names = [names for code in codes if (names := categories_of(code))]
    if names and len(names) == len(codes):
        categories = " or ".join(f"`category: {name}`" for name in dict.fromkeys(names[0]))
        yield make_finding(
            "specific-logsource",
            f"Sysmon's event {', '.join(codes)} has its own category, which includes other providers",
            line.location,
            f"write {categories} instead of `service: sysmon`",
        )


def _redundant(rule: RuleSource, logsource_events: LogSourceEvents) -> Iterator[Finding]:
    channels = {event_class.channel for event_class in logsource_events.event_classes}
    if None in channels:
        return
    expected = {str(channel).lower() for channel in channels}
    providers = {_PROVIDERS.get(str(channel), "") for channel in channels}
    for line in rule.lines:
        values = {node.text.lower() for node in line.values}
        same = line.field == "Channel" and values == expected
        feeds = line.field == "Provider_Name" and rule.rule.logsource.category and values <= providers
        if same or (feeds and SYSMON in channels):
            yield make_finding(
                "redundant-field",
                f"the log source already implies `{line.field}`",
                line.location,
                "remove it",
            )
