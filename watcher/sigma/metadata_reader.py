"""Reader of the metadata that rules and correlation rules have in common.

Source: Sigma specification 2.1, "Rules".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from watcher.model import Level, Location, Related, RuleMetadata, Severity
from watcher.sigma.finding_collector import FindingCollector
from watcher.sigma.placeholders import Placeholders
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode, to_python

STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
KNOWN_KEYS = frozenset(
    (
        *("title", "id", "name", "related", "taxonomy", "status", "description", "license", "author", "references"),
        *("date", "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope"),
        *("custom", "action", "correlation", "filter", "simulation", "regression_tests_path"),
    )
)
_NAMESPACE = UUID("5d0b8f0e-6c0c-5c57-9d7e-2f6f7a0c1b11")  # for rules without an id
_CANONICAL_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as `str(UUID(…))` writes it
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_LEVELS = {level.value: level for level in Level}
_METADATA = tuple(each.name for each in fields_of(RuleMetadata))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOrigin:
    """The file and folder of a rule, and its source."""

    folder: str = ""  # the rules folder's name in settings
    path: str = ""  # relative to that folder
    number: int = 0  # of the document in its file
    text: str = ""  # the document's own source
    placeholders: Placeholders = field(default_factory=dict)

    def of_document(self, number: int, text: str) -> RuleOrigin:
        """Return the origin of one document of the file."""
        return RuleOrigin(folder=self.folder, path=self.path, number=number, text=text, placeholders=self.placeholders)


def metadata_of(rule: RuleMetadata) -> Mapping[str, Any]:
    """Return the metadata of a rule by the names of its fields."""
    return {name: getattr(rule, name) for name in _METADATA}


def report_unknown_keys(document: MapNode, known_keys: frozenset[str], collector: FindingCollector) -> None:
    """Report the keys that are similar to a known key that the mapping lacks."""
    for entry in document.entries:
        if isinstance(entry.key, str) and entry.key in known_keys:
            continue
        close = difflib.get_close_matches(str(entry.key).lower(), sorted(known_keys), n=1, cutoff=0.75)
        if close and document.get(close[0]) is None:
            message = f"`{entry.key}` is not a Sigma key"
            collector.report("unknown-key", message, entry.key_location, fix=f"write `{close[0]}`")


@dataclass(slots=True)
class MetadataReader:
    """Reads the metadata of one document and collects findings."""

    document: MapNode
    values: Mapping[Any, Sequence[YamlNode]]  # by key
    origin: RuleOrigin
    collector: FindingCollector

    def read(self) -> RuleMetadata:
        """Return the metadata without the findings, which the collector holds."""
        return RuleMetadata(**self.fields())

    def fields(self) -> dict[str, Any]:
        """Return the metadata by the names of its fields, without the findings."""
        return {
            "id": self._id(),
            "title": self._title(),
            "status": self._status(),
            "level": self._level(),
            "description": self._string("description"),
            "author": self._author(),
            "date": self._date("date"),
            "modified": self._date("modified"),
            "references": self._strings("references"),
            "tags": self._tags(),
            "falsepositives": self._strings("falsepositives"),
            "fields": self._strings("fields"),
            "related": self._related(),
            "license": self._string("license"),
            "name": self._string("name"),
            "custom": self._custom(),
            "folder": self.origin.folder,
            "path": self.origin.path,
            "location": self.document.location,
            "text": self.origin.text,
            "hash": sha256(self.origin.text.encode("utf-8", "surrogateescape")).hexdigest(),
        }

    def _report(
        self, code: str, message: str, location: Location, *, fix: str = "", severity: Severity = Severity.WARNING
    ) -> None:
        self.collector.report(code, message, location, fix=fix, severity=severity)

    def _strings(self, key: str) -> tuple[str, ...]:
        values = self.values.get(key)
        if values is None:
            return ()
        if len(values) == 1:
            return self.collector.strings(values[0], key)
        return tuple([text for value in values for text in self.collector.strings(value, key)])

    def _string(self, key: str) -> str:
        value = self._last(key)
        if value is None:
            return ""
        if isinstance(value, ScalarNode) and isinstance(value.value, str):  # nearly all
            return value.value
        return "\n".join(self.collector.strings(value, key))

    def _last(self, key: str) -> YamlNode | None:
        values = self.values.get(key)
        return values[-1] if values else None

    def _title(self) -> str:
        title = self._string("title").strip()
        if not title:
            self._report("missing-title", "the rule has no `title`", self.document.location, fix="add one")
            return self.origin.path or "(untitled)"
        return title

    def _author(self) -> str:
        return ", ".join(text.strip() for text in self._strings("author")[-1:]) or ""

    def _id(self) -> str:
        text = self._string("id").strip()
        if _CANONICAL_ID.fullmatch(text):
            return text
        if not text:
            derived = str(uuid5(_NAMESPACE, f"{self.origin.folder}/{self.origin.path}#{self.origin.number}"))
            self._report(
                "missing-id",
                "the rule has no `id`; the id derived from its path changes when the file moves",
                self.document.location,
                fix=f"add `id: {derived}`",
                severity=Severity.INFO,
            )
            return derived
        try:
            return str(UUID(text))
        except ValueError:
            location = self._key_location("id")
            self._report("invalid-id", f"`{text}` is not a UUID; it is used unchanged", location, fix="write a UUID")
            return text

    def _key_location(self, key: str) -> Location:
        return next((entry.key_location for entry in self.document.entries if entry.key == key), self.document.location)

    def _status(self) -> str | None:
        status = self._string("status").strip().lower()
        if status and status not in STATUSES:
            self._report(
                "unknown-status",
                f"`{status}` is not a status",
                self._key_location("status"),
                fix=f"write one of {', '.join(STATUSES)}",
            )
        return status or None

    def _level(self) -> Level:
        text = self._string("level").strip().lower()
        try:
            return _LEVELS[text]
        except KeyError:
            problem = f"`{text}` is not a level" if text else "the rule has no `level`"
            self._report(
                "unknown-level",
                f"{problem}; `medium` is used",
                self._key_location("level"),
                fix=f"write one of {', '.join(Level)}",
            )
            return Level.MEDIUM

    def _date(self, key: str) -> date | None:
        value = self._last(key)
        if value is None or (isinstance(value, ScalarNode) and value.value is None):
            return None
        if isinstance(value, ScalarNode):
            if isinstance(value.value, datetime):
                return value.value.date()
            if isinstance(value.value, date):
                return value.value
            match = _DATE.search(value.text)
            if match:
                try:
                    return date(int(match[1]), int(match[2]), int(match[3]))
                except ValueError:
                    pass
        self._report("invalid-date", f"`{key}` is not a date", value.location, fix="write it as YYYY-MM-DD")
        return None

    def _tags(self) -> tuple[str, ...]:
        values = self.values.get("tags", ())
        tags = [text.strip() for text in self._strings("tags")]
        for value in values:
            if isinstance(value, ScalarNode) and value.value is not None:
                self._report("tags-no-list", "`tags` is a string; expected a list", value.location, fix="write a list")
        for tag in tags:
            if "." not in tag:
                self._report(
                    "tag-no-namespace",
                    f"the tag `{tag}` has no namespace",
                    self._key_location("tags"),
                    fix=f"write e.g. `attack.{tag}`",
                )
        return tuple(dict.fromkeys([tag.lower() for tag in tags]))

    def _related(self) -> tuple[Related, ...]:
        related = []
        for value in self.values.get("related", ()):
            for item in value.items if isinstance(value, ListNode) else (value,):
                if isinstance(item, MapNode) and item.get("id") is not None:
                    entry = to_python(item)
                    related.append(Related(id=str(entry["id"]), type=str(entry.get("type") or "")))
                elif not isinstance(item, ScalarNode) or item.value is not None:
                    self._report(
                        "related", "an entry of `related` has no `id`", item.location, fix="add `id` and `type`"
                    )
        return tuple(related)

    def _custom(self) -> Mapping[str, Any]:
        value = self._last("custom")
        custom = to_python(value) if value is not None else None
        watcher = custom.get("watcher") if isinstance(custom, dict) else None
        return watcher if isinstance(watcher, dict) else {}
