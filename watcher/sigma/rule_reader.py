"""Text → Rule: every part that the author wrote, and a place for every fault.

Source: Sigma specification 2.1, "Rules".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from watcher.errors import RuleError
from watcher.model import Level, Location, LogSource, Related, Rule, Severity
from watcher.sigma.detection import KEPT, read_detection
from watcher.sigma.finding_collector import FindingCollector, as_map, in_lower_case
from watcher.sigma.placeholders import Placeholders
from watcher.sigma.rule_logsource import read_logsource
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode, to_python

STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_NAMESPACE = UUID("5d0b8f0e-6c0c-5c57-9d7e-2f6f7a0c1b11")  # of rules without an id of their own
_RESERVED = ("condition", "timeframe")
KNOWN_KEYS = frozenset(
    (
        *("title", "id", "name", "related", "taxonomy", "status", "description", "license", "author", "references"),
        *("date", "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope"),
        *("custom", "action", "correlation", "filter", "simulation", "regression_tests_path"),
    )
)
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOrigin:
    """Where a rule's text comes from."""

    folder: str = ""  # the rules folder's name in settings
    path: str = ""  # relative to that folder
    number: int = 0  # of the document in its file
    text: str = ""  # the document's own source
    placeholders: Placeholders = field(default_factory=dict)


def read_rule(document: YamlNode, origin: RuleOrigin) -> Rule:
    """Read one document of a rule file.

    Oddities become findings of the rule; raises RuleError only where the rule has no meaning.
    """
    notes = FindingCollector()
    whole = in_lower_case(as_map(document, "a rule"), KNOWN_KEYS, notes)
    return _RuleReader(document=whole, origin=origin, notes=notes).read()


@dataclass(slots=True)
class _RuleReader:
    """Reads one document, collecting findings on the way."""

    document: MapNode
    origin: RuleOrigin
    notes: FindingCollector = field(default_factory=FindingCollector)

    def read(self) -> Rule:
        self.notes.duplicates(self.document, "the rule", KEPT)
        self._unknown_keys()
        logic = read_detection(self._detection(), "detection", self.origin.placeholders, self.notes, reserved=_RESERVED)
        return Rule(
            id=self._id(),
            title=self._title(),
            logsource=self._logsource(),
            selections=logic.selections,
            conditions=logic.conditions,
            aggregation=logic.aggregation,
            node=logic.node,
            status=self._status(),
            level=self._level(),
            description=self._string("description"),
            author=self._author(),
            date=self._date("date"),
            modified=self._date("modified"),
            references=self._strings("references"),
            tags=self._tags(),
            falsepositives=self._strings("falsepositives"),
            fields=self._strings("fields"),
            related=self._related(),
            license=self._string("license"),
            name=self._string("name"),
            custom=self._custom(),
            folder=self.origin.folder,
            path=self.origin.path,
            location=self.document.location,
            text=self.origin.text,
            hash=sha256(self.origin.text.encode("utf-8", "surrogateescape")).hexdigest(),
            findings=tuple(self.notes.findings),
        )

    def _say(
        self, code: str, message: str, location: Location, *, fix: str = "", severity: Severity = Severity.WARNING
    ) -> None:
        self.notes.say(code, message, location, fix=fix, severity=severity)

    def _unknown_keys(self) -> None:
        for entry in self.document.entries:
            if isinstance(entry.key, str) and entry.key in KNOWN_KEYS:
                continue
            close = difflib.get_close_matches(str(entry.key).lower(), sorted(KNOWN_KEYS), n=1, cutoff=0.75)
            if close and self.document.get(close[0]) is None:
                self._say(
                    "unknown-key", f"`{entry.key}` is no key of Sigma", entry.key_location, fix=f"write `{close[0]}`"
                )

    # ---- the parts that must be there

    def _detection(self) -> MapNode:
        found = self.document.all("detection")
        if not found:
            raise RuleError(
                "the rule has no `detection`",
                location=self.document.location,
                fix="add selections and a condition",
                code="missing-detection",
            )
        maps = tuple(as_map(value, "`detection`") for value in found)
        if len(maps) == 1:
            return maps[0]
        return replace(maps[0], entries=tuple(entry for one in maps for entry in one.entries))

    def _logsource(self) -> LogSource:
        found = self.document.all("logsource")
        if not found:
            self._say(
                "missing-logsource",
                "the rule has no `logsource`, so every event is looked at",
                self.document.location,
                fix="add product and category or service",
            )
            return LogSource()
        return read_logsource(found, self.notes)

    # ---- what describes the rule

    def _strings(self, key: str) -> tuple[str, ...]:
        return tuple(text for value in self.document.all(key) for text in self.notes.texts(value, key))

    def _string(self, key: str) -> str:
        value = self.document.get(key)
        return "\n".join(self.notes.texts(value, key)) if value is not None else ""

    def _title(self) -> str:
        title = self._string("title").strip()
        if not title:
            self._say("missing-title", "the rule has no `title`", self.document.location, fix="add one")
            return self.origin.path or "(untitled)"
        return title

    def _author(self) -> str:
        return ", ".join(text.strip() for text in self._strings("author")[-1:]) or ""

    def _id(self) -> str:
        written = self._string("id").strip()
        own = str(uuid5(_NAMESPACE, f"{self.origin.folder}/{self.origin.path}#{self.origin.number}"))
        if not written:
            self._say(
                "missing-id",
                "the rule has no `id`; the one made from its path changes when the file moves",
                self.document.location,
                fix=f"add `id: {own}`",
                severity=Severity.INFO,
            )
            return own
        try:
            return str(UUID(written))
        except ValueError:
            location = self._place("id")
            self._say("invalid-id", f"`{written}` is no UUID", location, fix="it is used as it stands; write a UUID")
            return written

    def _place(self, key: str) -> Location:
        return next((entry.key_location for entry in self.document.entries if entry.key == key), self.document.location)

    def _status(self) -> str | None:
        status = self._string("status").strip().lower()
        if status and status not in STATUSES:
            self._say(
                "unknown-status",
                f"`{status}` is no status",
                self._place("status"),
                fix=f"write one of {', '.join(STATUSES)}",
            )
        return status or None

    def _level(self) -> Level:
        written = self._string("level").strip().lower()
        try:
            return Level(written)
        except ValueError:
            what = f"`{written}` is no level" if written else "the rule has no `level`"
            self._say(
                "unknown-level",
                f"{what}; it is taken as `medium`",
                self._place("level"),
                fix=f"write one of {', '.join(Level)}",
            )
            return Level.MEDIUM

    def _date(self, key: str) -> date | None:
        value = self.document.get(key)
        if value is None or (isinstance(value, ScalarNode) and value.value is None):
            return None
        if isinstance(value, ScalarNode):
            if isinstance(value.value, datetime):
                return value.value.date()
            if isinstance(value.value, date):
                return value.value
            found = _DATE.search(value.text)
            if found:
                try:
                    return date(int(found[1]), int(found[2]), int(found[3]))
                except ValueError:
                    pass
        self._say("invalid-date", f"`{key}` holds no date", value.location, fix="write it as YYYY-MM-DD")
        return None

    def _tags(self) -> tuple[str, ...]:
        values = self.document.all("tags")
        tags = tuple(text.strip() for text in self._strings("tags"))
        for value in values:
            if isinstance(value, ScalarNode) and value.value is not None:
                self._say("tags-no-list", "`tags` is a text", value.location, fix="write a list")
        for tag in tags:
            if "." not in tag:
                self._say(
                    "tag-no-namespace",
                    f"the tag `{tag}` has no namespace",
                    self._place("tags"),
                    fix=f"write for example `attack.{tag}`",
                )
        return tuple(dict.fromkeys(tag.lower() for tag in tags))

    def _related(self) -> tuple[Related, ...]:
        found = []
        for value in self.document.all("related"):
            for item in value.items if isinstance(value, ListNode) else (value,):
                if isinstance(item, MapNode) and item.get("id") is not None:
                    entry = to_python(item)
                    found.append(Related(id=str(entry["id"]), type=str(entry.get("type") or "")))
                elif not isinstance(item, ScalarNode) or item.value is not None:
                    self._say("related", "an entry of `related` has no `id`", item.location, fix="add `id` and `type`")
        return tuple(found)

    def _custom(self) -> Mapping[str, Any]:
        value = self.document.get("custom")
        custom = to_python(value) if value is not None else None
        own = custom.get("watcher") if isinstance(custom, dict) else None
        return own if isinstance(own, dict) else {}
