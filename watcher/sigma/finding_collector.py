"""What is said about a file on the way through it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from watcher.errors import RuleError
from watcher.model import Finding, Location, Severity
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode


@dataclass(slots=True)
class FindingCollector:
    """Collects findings."""

    findings: list[Finding] = field(default_factory=list)

    def say(
        self, code: str, message: str, location: Location, *, fix: str = "", severity: Severity = Severity.WARNING
    ) -> None:
        """Add a finding."""
        self.findings.append(Finding(code=code, severity=severity, location=location, message=message, fix=fix))

    def duplicates(self, node: MapNode, where: str, fix: str) -> None:
        """Say which keys of a map stand in it more than once."""
        for entries in node.duplicates():
            lines = ", ".join(str(entry.key_location.line) for entry in entries)
            self.say(
                "duplicate-key",
                f"`{entries[0].key}` stands {len(entries)} times in {where} (lines {lines})",
                entries[1].key_location,
                fix=fix,
            )

    def texts(self, value: YamlNode, key: str) -> tuple[str, ...]:
        """Give the texts of a value, which should be a text or a list of texts."""
        if isinstance(value, ScalarNode):
            return () if value.value is None else (value.text if not isinstance(value.value, str) else value.value,)
        if isinstance(value, ListNode):
            return tuple(text for item in value.items for text in self.texts(item, key))
        self.say("wrong-type", f"`{key}` is a map where a text or a list of texts is wanted", value.location)
        return tuple(f"{entry.key}: {text}" for entry in value.entries for text in self.texts(entry.value, key))


def as_map(value: YamlNode, what: str) -> MapNode:
    """Give a map; raises RuleError where the value is none."""
    if isinstance(value, MapNode):
        return value
    raise RuleError(f"{what} must be a map of keys and values", location=value.location, code="not-a-map")


def in_lower_case(node: MapNode, known: Collection[str], notes: FindingCollector) -> MapNode:
    """Read keys that Sigma knows in lower case alone, and say so; where the right one is there too it stays alone."""
    there = {entry.key for entry in node.entries}
    entries = []
    for entry in node.entries:
        lowered = entry.key_text.lower()
        if entry.key not in known and lowered in known and lowered not in there:
            notes.say(
                "key-case", f"`{entry.key_text}` is read as `{lowered}`", entry.key_location, fix=f"write `{lowered}`"
            )
            entry = replace(entry, key=lowered, key_text=lowered)  # noqa: PLW2901 - the same entry, put right
        entries.append(entry)
    return replace(node, entries=tuple(entries))
