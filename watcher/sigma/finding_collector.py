"""Collects the findings of a file while it is read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from msgspec import structs

from watcher.errors import RuleError
from watcher.model import Finding, Location, Severity
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode


@dataclass(slots=True)
class FindingCollector:
    """The findings of one document, in the order found."""

    findings: list[Finding] = field(default_factory=list)

    def report(
        self, code: str, message: str, location: Location, *, fix: str = "", severity: Severity = Severity.WARNING
    ) -> None:
        """Add a finding."""
        self.findings.append(Finding(code=code, severity=severity, location=location, message=message, fix=fix))

    def duplicates(self, node: MapNode, where: str, fix: str) -> None:
        """Report the keys that appear more than once in a mapping."""
        for entries in node.duplicates():
            lines = [str(entry.key_location.line) for entry in entries]
            times = "twice" if len(entries) == 2 else f"{len(entries)} times"
            self.report(
                "duplicate-key",
                f"`{entries[0].key}` appears {times} in {where} (lines {', '.join(lines[:-1])} and {lines[-1]})",
                entries[1].key_location,
                fix=fix,
            )

    def strings(self, value: YamlNode, key: str) -> tuple[str, ...]:
        """Return the strings of a value; anything but a string or a list of strings is reported."""
        if isinstance(value, ScalarNode):
            return () if value.value is None else (value.text if not isinstance(value.value, str) else value.value,)
        if isinstance(value, ListNode):
            texts = [item.value for item in value.items if isinstance(item, ScalarNode) and isinstance(item.value, str)]
            if len(texts) == len(value.items):  # nearly all lists
                return tuple(texts)
            return tuple([text for item in value.items for text in self.strings(item, key)])
        self.report("wrong-type", f"`{key}` is a mapping; expected a string or a list of strings", value.location)
        return tuple(f"{entry.key}: {text}" for entry in value.entries for text in self.strings(entry.value, key))


def as_mapping(value: YamlNode, what: str) -> MapNode:
    """Return the value as a mapping; raises RuleError if it is anything else."""
    if isinstance(value, MapNode):
        return value
    raise RuleError(f"{what} must be a mapping of keys and values", location=value.location, code="not-a-map")


def lowercase_keys(node: MapNode, known_keys: Collection[str], collector: FindingCollector) -> MapNode:
    """Return the mapping with known keys in lower case, unless that key is present too; report each change."""
    present = {entry.key for entry in node.entries}
    if present.issubset(known_keys):
        return node
    entries = []
    for entry in node.entries:
        lowered = entry.key_text.lower()
        if entry.key not in known_keys and lowered in known_keys and lowered not in present:
            collector.report(
                "key-case", f"`{entry.key_text}` is read as `{lowered}`", entry.key_location, fix=f"write `{lowered}`"
            )
            entry = structs.replace(entry, key=lowered, key_text=lowered)  # noqa: PLW2901 - the same entry, corrected
        entries.append(entry)
    return structs.replace(node, entries=tuple(entries))
