"""Log sources that say too little, and selections that say again what the log source says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.model import Finding
from watcher.settings import LogSourceMapping
from watcher.taxonomy.logsources import SYSMON, LogSourceEvents, categories_of, events_of

_KEYS = ("product", "category", "service", "definition")
_PROVIDERS = {  # of the categories that Sysmon alone feeds, and of Security's
    "Microsoft-Windows-Sysmon/Operational": "microsoft-windows-sysmon",
    "Security": "microsoft-windows-security-auditing",
}


def lint(rule: RuleSource, extra: Sequence[LogSourceMapping]) -> Iterator[Finding]:
    """Look at the log source and at the fields that belong to it."""
    where = events_of(rule.rule.logsource, extra)
    location = rule.rule.logsource.location or rule.rule.location
    for entry in rule.entries("logsource"):
        if entry.key_text not in _KEYS:
            yield make_finding(
                "logsource-key",
                f"`{entry.key_text}` is no key of a log source",
                rule.at(entry.key_location),
                f"Sigma knows {', '.join(f'`{key}`' for key in _KEYS)}; it is left aside",
            )
    if where.unknown:
        yield make_finding(
            "unknown-logsource",
            f"no table knows the log source {', '.join(f'`{name}`' for name in where.unknown)}",
            location,
            "add it under `logsources` of the source in settings; until then it narrows nothing",
        )
    elif rule.rule.logsource.product and not any(one.channel or one.codes for one in where.event_classes):
        yield make_finding(
            "no-channel",
            "the log source names neither category nor service, so every event is looked at",
            location,
            "add one",
        )
    yield from _event_ids(rule, where)
    yield from _redundant(rule, where)


def _event_ids(rule: RuleSource, where: LogSourceEvents) -> Iterator[Finding]:
    known = {code for one in where.event_classes for code in one.codes}
    every = all(one.codes for one in where.event_classes)
    lines = [line for line in rule.lines if line.field == "EventID" and not line.modifiers]
    for line in lines:
        asked = [node.text.strip() for node in line.values]
        odd = [code for code in asked if code not in known]
        if every and odd and len(odd) == len(asked):
            codes = ", ".join(sorted(known, key=lambda code: (len(code), code)))
            yield make_finding(
                "event-outside-logsource",
                f"events of the log source have the id {codes}, never {' or '.join(odd)}",
                line.location,
                "name the log source that has them",
            )
        elif every:
            yield make_finding(
                "redundant-eventid", "the log source says already which event ids are meant", line.location, "remove it"
            )
        elif "sysmon" in rule.rule.logsource.service:
            yield from _category(line, asked)
        elif rule.rule.logsource.service == ("security",) and asked == ["4688"]:
            yield make_finding(
                "specific-logsource",
                "a started process is looked for in the Security log alone, and not in Sysmon's",
                line.location,
                "write `category: process_creation` and the fields by its names: `Image`, `ParentImage`",
            )
    if "sysmon" in rule.rule.logsource.service and not rule.rule.logsource.category and not lines:
        yield make_finding(
            "sysmon-without-eventid",
            "the rule looks at every event of Sysmon",
            rule.rule.logsource.location or rule.rule.location,
            "name a category, e.g. `process_creation`, or an `EventID`",
        )


def _category(line: SourceLine, codes: Sequence[str]) -> Iterator[Finding]:
    names = [names for code in codes if (names := categories_of(code))]
    if names and len(names) == len(codes):
        told = " or ".join(f"`category: {name}`" for name in dict.fromkeys(names[0]))
        yield make_finding(
            "specific-logsource",
            f"Sysmon's event {', '.join(codes)} has a category of its own, which other programs feed too",
            line.location,
            f"write {told} in place of `service: sysmon`",
        )


def _redundant(rule: RuleSource, where: LogSourceEvents) -> Iterator[Finding]:
    channels = {one.channel for one in where.event_classes}
    if None in channels:
        return
    told = {str(channel).lower() for channel in channels}
    providers = {_PROVIDERS.get(str(channel), "") for channel in channels}
    for line in rule.lines:
        values = {node.text.lower() for node in line.values}
        same = line.field == "Channel" and values == told
        feeds = line.field == "Provider_Name" and rule.rule.logsource.category and values <= providers
        if same or (feeds and SYSMON in channels):
            yield make_finding(
                "redundant-field",
                f"the log source says already which `{line.field}` is meant",
                line.location,
                "remove it",
            )
