"""Text → Rule: every part that the author wrote, and a place for every fault.

Source: Sigma specification 2.1, "Rules".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from watcher.errors import RuleError
from watcher.model import (
    All,
    AnyOf,
    Finding,
    Level,
    LogSource,
    Node,
    Place,
    Related,
    Rule,
    Selection,
    Severity,
)
from watcher.read.condition import ConditionError, bare_patterns, parse_condition, split_aggregation
from watcher.read.detection import read_selection
from watcher.read.document import ListNode, MapNode, ScalarNode, Value, plain

STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_NAMESPACE = UUID("5d0b8f0e-6c0c-5c57-9d7e-2f6f7a0c1b11")  # of rules without an id of their own
_RESERVED = ("condition", "timeframe")
_KNOWN = frozenset(
    (
        *("title", "id", "name", "related", "taxonomy", "status", "description", "license", "author", "references"),
        *("date", "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope"),
        *("custom", "action", "correlation", "filter", "simulation", "regression_tests_path"),
    )
)
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a rule's text comes from."""

    folder: str = ""  # the rules folder's name in settings
    path: str = ""  # relative to that folder
    number: int = 0  # of the document in its file
    text: str = ""  # the document's own source
    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_rule(document: Value, origin: Origin) -> Rule:
    """Read one document of a rule file.

    Oddities become findings of the rule; raises RuleError only where the rule has no meaning.
    """
    return _Reader(document=_map(document, "a rule"), origin=origin).read()


def _is_empty(value: Value) -> bool:
    if isinstance(value, ScalarNode):
        return value.value is None
    return not (value.items if isinstance(value, ListNode) else value.entries)


def _map(value: Value, what: str) -> MapNode:
    if isinstance(value, MapNode):
        return value
    raise RuleError(f"{what} must be a map of keys and values", place=value.place, code="not-a-map")


@dataclass(slots=True)
class _Reader:
    """Reads one document, collecting findings on the way."""

    document: MapNode
    origin: Origin
    findings: list[Finding] = field(default_factory=list)

    def read(self) -> Rule:
        self._duplicates(self.document)
        self._unknown_keys()
        detection = self._detection()
        selections = self._selections(detection)
        conditions, aggregation, node = self._condition(detection, selections)
        return Rule(
            id=self._id(),
            title=self._title(),
            logsource=self._logsource(),
            selections=selections,
            conditions=conditions,
            aggregation=aggregation,
            node=node,
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
            place=self.document.place,
            text=self.origin.text,
            hash=sha256(self.origin.text.encode("utf-8", "surrogateescape")).hexdigest(),
            findings=tuple(self.findings),
        )

    # ---- findings

    def _say(
        self, code: str, message: str, place: Place, *, fix: str = "", severity: Severity = Severity.WARNING
    ) -> None:
        self.findings.append(Finding(code=code, severity=severity, place=place, message=message, fix=fix))

    def _duplicates(self, node: MapNode, where: str = "the rule") -> None:
        for entries in node.duplicates():
            lines = ", ".join(str(entry.key_place.line) for entry in entries)
            self._say(
                "duplicate-key",
                f"`{entries[0].key}` stands {len(entries)} times in {where} (lines {lines})",
                entries[1].key_place,
                fix="all of them are kept: in a selection every one must hold, elsewhere lists are joined and the "
                "last value wins; write the key once",
            )

    def _unknown_keys(self) -> None:
        for entry in self.document.entries:
            if isinstance(entry.key, str) and entry.key in _KNOWN:
                continue
            close = difflib.get_close_matches(str(entry.key).lower(), sorted(_KNOWN), n=1, cutoff=0.75)
            if close and self.document.get(close[0]) is None:
                self._say(
                    "unknown-key", f"`{entry.key}` is no key of Sigma", entry.key_place, fix=f"write `{close[0]}`"
                )

    # ---- the parts that must be there

    def _detection(self) -> MapNode:
        found = self.document.all("detection")
        if not found:
            raise RuleError(
                "the rule has no `detection`",
                place=self.document.place,
                fix="add selections and a condition",
                code="missing-detection",
            )
        maps = tuple(_map(value, "`detection`") for value in found)
        if len(maps) == 1:
            return maps[0]
        return replace(maps[0], entries=tuple(entry for one in maps for entry in one.entries))

    def _selections(self, detection: MapNode) -> tuple[Selection, ...]:
        self._duplicates(detection, "`detection`")
        found: dict[str, Selection] = {}
        for entry in detection.entries:
            name = str(entry.key)
            if name.lower() in _RESERVED:
                continue
            if _is_empty(entry.value):
                self._say("empty-selection", f"the selection `{name}` is empty", entry.key_place, fix="remove it")
                continue
            node, findings = read_selection(name, entry, self.origin.placeholders)
            self.findings.extend(findings)
            if name in found:
                node = All((found[name].node, node))
            place = found[name].place if name in found else entry.key_place
            found[name] = Selection(name=name, node=node, place=place)
        if not found:
            raise RuleError("`detection` has no selection", place=detection.place, code="missing-selection")
        return tuple(found.values())

    def _condition(
        self, detection: MapNode, selections: Sequence[Selection]
    ) -> tuple[tuple[str, ...], str | None, Node]:
        values = [entry.value for entry in detection.entries if str(entry.key).lower() == "condition"]
        if not values:
            raise RuleError(
                "`detection` has no `condition`",
                place=detection.place,
                fix="add `condition: selection`",
                code="missing-condition",
            )
        named = {selection.name: selection.node for selection in selections}
        nodes, written, aggregations = [], [], []
        for value in values:
            lines = value.items if isinstance(value, ListNode) else (value,)
            branches = []
            for line in lines:
                text, aggregation, node = self._one_condition(line, named)
                written.append(text)
                branches.append(node)
                aggregations.append(aggregation)
            nodes.append(branches[0] if len(branches) == 1 else AnyOf(tuple(branches)))
        node = nodes[0] if len(nodes) == 1 else All(tuple(nodes))
        return tuple(written), next((one for one in aggregations if one), None), node

    def _one_condition(self, line: Value, named: Mapping[str, Node]) -> tuple[str, str | None, Node]:
        if not isinstance(line, ScalarNode) or not isinstance(line.value, str):
            raise RuleError("a condition must be a text", place=line.place, code="condition")
        text, aggregation = split_aggregation(line.value)
        try:
            node = parse_condition(text, named)
        except ConditionError as fault:
            raise RuleError(str(fault), place=line.place, code="condition") from fault
        for pattern in bare_patterns(text):
            self._say(
                "bare-pattern",
                f"`{pattern}` stands without a quantifier; it is read as `1 of {pattern}`",
                line.place,
                fix=f"write `1 of {pattern}` or `all of {pattern}`",
            )
        if aggregation:
            self._say(
                "aggregation",
                f"the condition counts (`{aggregation}`), which a rule for single events cannot",
                line.place,
                fix="the rule is read but not run; write a Sigma correlation, or drop what follows the pipe",
            )
        return line.value, aggregation, node

    def _logsource(self) -> LogSource:
        found = self.document.all("logsource")
        if not found:
            self._say(
                "missing-logsource",
                "the rule has no `logsource`, so every event is looked at",
                self.document.place,
                fix="add product and category or service",
            )
            return LogSource()
        maps = [_map(value, "`logsource`") for value in found]
        for one in maps:
            self._duplicates(one, "`logsource`")
        parts: dict[str, tuple[str, ...]] = {}
        for key in ("product", "category", "service", "definition"):
            values = [value for one in maps for value in one.all(key)]
            parts[key] = tuple(text for value in values for text in self._texts(value, f"logsource.{key}"))
            if key in ("category", "service") and len(parts[key]) > 1:
                self._say(
                    "logsource-list",
                    f"`{key}` is a list; any of {', '.join(parts[key])} is meant",
                    values[0].place,
                    fix="Sigma knows one value: write one rule for each",
                )
        return LogSource(
            product=parts["product"][0].strip().lower() if parts["product"] else None,
            category=tuple(one.strip().lower() for one in parts["category"]),
            service=tuple(one.strip().lower() for one in parts["service"]),
            definition="\n".join(parts["definition"]) or None,
            place=maps[0].place,
        )

    # ---- what describes the rule

    def _texts(self, value: Value, key: str) -> tuple[str, ...]:
        if isinstance(value, ScalarNode):
            return () if value.value is None else (value.text if not isinstance(value.value, str) else value.value,)
        if isinstance(value, ListNode):
            return tuple(text for item in value.items for text in self._texts(item, key))
        self._say("wrong-type", f"`{key}` is a map where a text or a list of texts is wanted", value.place)
        return tuple(f"{entry.key}: {text}" for entry in value.entries for text in self._texts(entry.value, key))

    def _strings(self, key: str) -> tuple[str, ...]:
        return tuple(text for value in self.document.all(key) for text in self._texts(value, key))

    def _string(self, key: str) -> str:
        value = self.document.get(key)
        return "\n".join(self._texts(value, key)) if value is not None else ""

    def _title(self) -> str:
        title = self._string("title").strip()
        if not title:
            self._say("missing-title", "the rule has no `title`", self.document.place, fix="add one")
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
                self.document.place,
                fix=f"add `id: {own}`",
                severity=Severity.INFO,
            )
            return own
        try:
            return str(UUID(written))
        except ValueError:
            place = self._place("id")
            self._say("invalid-id", f"`{written}` is no UUID", place, fix="it is used as it stands; write a UUID")
            return written

    def _place(self, key: str) -> Place:
        return next((entry.key_place for entry in self.document.entries if entry.key == key), self.document.place)

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
        self._say("invalid-date", f"`{key}` holds no date", value.place, fix="write it as YYYY-MM-DD")
        return None

    def _tags(self) -> tuple[str, ...]:
        values = self.document.all("tags")
        tags = tuple(text.strip() for text in self._strings("tags"))
        for value in values:
            if isinstance(value, ScalarNode) and value.value is not None:
                self._say("tags-no-list", "`tags` is a text", value.place, fix="write a list")
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
                    entry = plain(item)
                    found.append(Related(id=str(entry["id"]), type=str(entry.get("type") or "")))
                elif not isinstance(item, ScalarNode) or item.value is not None:
                    self._say("related", "an entry of `related` has no `id`", item.place, fix="add `id` and `type`")
        return tuple(found)

    def _custom(self) -> Mapping[str, Any]:
        value = self.document.get("custom")
        custom = plain(value) if value is not None else None
        own = custom.get("watcher") if isinstance(custom, dict) else None
        return own if isinstance(own, dict) else {}
