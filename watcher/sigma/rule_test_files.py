"""Reader of rule tests: files next to a rule with events that it must or must not match.

`X.test.ndjson` and `X.test.yml` belong to `X.yml`. A test has a complete document as `event`, or a sketch: some
values, from which a document in Winlogbeat's raw shape is created. Cases of correlation rules have several events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from watcher.errors import InputError, RuleError
from watcher.model import Event, Finding, Location, Severity
from watcher.sigma.correlation_cases import CorrelationCase, read_case
from watcher.sigma.sketched_events import SKETCH_KEYS, event_of_source, scalar_text
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode
from watcher.yaml_nodes.yaml_documents import read_documents

SUFFIXES = (".test.ndjson", ".test.jsonl", ".test.yml", ".test.yaml")
"""The suffixes of rule test files."""

_RULE_SUFFIXES = (".yml", ".yaml")
_EXPECTED = {"hit": True, "miss": False}
_KEYS = ("name", "expect", "rule", "event", *SKETCH_KEYS)
_CASES = "cases"
_FORM = "write `hit:` and `miss:`, each with a list of tests, or `cases:` of a correlation rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """One event, and whether the rule must match it."""

    name: str
    hit: bool  # whether the rule must match the event
    event: Event
    sketch: bool = False  # a missing channel or code is taken from the rule's log source
    rule: str = ""  # the rule's id or title, where the rule file has several rules
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestFile:
    """The tests of one file."""

    path: Path
    tests: tuple[RuleTest, ...] = ()
    cases: tuple[CorrelationCase, ...] = ()
    findings: tuple[Finding, ...] = ()


def is_test_file(path: Path) -> bool:
    """Whether a file has the name of a rule test file."""
    return path.name.lower().endswith(SUFFIXES)


def rule_test_files(rule: Path) -> tuple[Path, ...]:
    """Return the test files of a rule file."""
    paths = (rule.with_name(f"{rule.stem}{suffix}") for suffix in SUFFIXES)
    return tuple(path for path in paths if path.is_file())


def rule_file_of(tests: Path) -> Path | None:
    """Return the rule file that a test file belongs to, None if it does not exist."""
    stem = next(tests.name[: -len(suffix)] for suffix in SUFFIXES if tests.name.lower().endswith(suffix))
    paths = (tests.with_name(f"{stem}{suffix}") for suffix in _RULE_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def read_rule_tests(path: Path) -> RuleTestFile:
    """Read a test file; a faulty test becomes a finding, and the others are read all the same."""
    reader = _TestFileReader(file=str(path), findings=[], names={})
    try:
        text = path.read_bytes().decode("utf-8-sig")
        sources = _from_yaml(text, reader) if path.suffix.lower() in _RULE_SUFFIXES else _from_lines(text, reader)
        entries = tuple(entry for source, location in sources for entry in reader.entry(source, location))
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else f"byte {fault.start + 1} is not valid UTF-8"
        return RuleTestFile(
            path=path, findings=(_finding(f"the file cannot be read: {reason}", Location(file=str(path), line=1)),)
        )
    if not entries and not reader.findings:
        reader.report("the file contains no test", Location(file=str(path), line=1), _FORM)
    return RuleTestFile(
        path=path,
        tests=tuple(entry for entry in entries if isinstance(entry, RuleTest)),
        cases=tuple(entry for entry in entries if isinstance(entry, CorrelationCase)),
        findings=tuple(reader.findings),
    )


def _finding(message: str, location: Location, fix: str = "") -> Finding:
    return Finding(code="test-file", severity=Severity.ERROR, location=location, message=message, fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TestFileReader:
    """Reads the tests of one file and collects findings."""

    file: str
    findings: list[Finding]
    names: dict[str, Location]

    def report(self, message: str, location: Location, fix: str = "") -> None:
        """Add a finding."""
        self.findings.append(_finding(message, location, fix))

    def entry(self, source: Mapping[str, Any], location: Location) -> Iterator[RuleTest | CorrelationCase]:
        """Yield the test or case if it is valid; else report the fault."""
        entry: RuleTest | CorrelationCase
        try:
            entry = read_case(source, location) if "events" in source else _test(source, location)
        except InputError as fault:
            self.report(fault.message, location, fix=fault.fix)
            return
        if isinstance(entry, RuleTest) and not entry.name:
            entry = replace(entry, name=f"{'hit' if entry.hit else 'miss'} in line {location.line}")
        elif entry.name in self.names:
            first = self.names[entry.name].line
            self.report(
                f"two tests have the name `{entry.name}`, the first in line {first}", location, "give each its own name"
            )
            return
        else:
            self.names[entry.name] = location
        yield entry


# --------------------------------------------------------------------------- the two forms


def _from_lines(text: str, reader: _TestFileReader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    for number, line in enumerate(text.split("\n"), start=1):
        location = Location(file=reader.file, line=number)
        if not line.strip():
            continue
        try:
            source = json.loads(line)
        except ValueError as fault:
            reader.report(f"the line is not JSON: {fault}", location, "write one test per line")
            continue
        if isinstance(source, dict):
            yield source, location
        else:
            reader.report("the line is not a JSON object", location, "write `expect`, `name` and `event`")


def _from_yaml(text: str, reader: _TestFileReader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    try:
        documents = read_documents(text, file=reader.file)
    except RuleError as fault:
        reader.report(fault.message, fault.location or Location(file=reader.file, line=1), fault.fix)
        return
    for document in documents:
        if not isinstance(document, MapNode):
            reader.report("the document is not a mapping", document.location, _FORM)
            continue
        for entry in document.entries:
            if entry.key_text not in (*_EXPECTED, _CASES) or not isinstance(entry.value, ListNode):
                reader.report(f"`{entry.key_text}` is not a list of tests", entry.key_location, _FORM)
                continue
            for item in entry.value.items:
                if entry.key_text == _CASES:
                    yield from _from_case(item, reader)
                else:
                    yield from _from_item(item, entry.key_text, reader)


def _from_item(item: YamlNode, expect: str, reader: _TestFileReader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    if not isinstance(item, MapNode):
        reader.report("a test must be a mapping", item.location, "write `name` and `event` or `data`")
    elif duplicate := _duplicate(item):
        reader.report(f"`{duplicate[0]}` appears twice", duplicate[1], "keep one of them")
    elif item.get("expect") is not None:
        reader.report(f"`expect` is not allowed under `{expect}`", item.location, "remove it")
    else:
        yield {**_plain(item), **_as_written(item), "expect": expect}, item.location


def _from_case(item: YamlNode, reader: _TestFileReader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    if not isinstance(item, MapNode):
        reader.report("a case must be a mapping", item.location, "write `name`, `events` and `alerts`")
    elif duplicate := _duplicate(item):
        reader.report(f"`{duplicate[0]}` appears twice", duplicate[1], "keep one of them")
    else:
        events, alerts = item.get("events"), item.get("alerts")
        source = {"events": None, **_plain(item)}
        if isinstance(events, ListNode):
            source["events"] = [_case_event(event) for event in events.items]
        if isinstance(alerts, ListNode):
            source["alerts"] = _strings(alerts)
        yield source, item.location


def _case_event(node: YamlNode) -> Any:
    return {**_plain(node), **_as_written(node)} if isinstance(node, MapNode) else _plain(node)


def _as_written(item: MapNode) -> dict[str, Any]:
    """Return the values of a sketch as written: `0x1410` and `010` are strings in an event."""
    nodes = {key: node for key in SKETCH_KEYS if (node := item.get(key)) is not None}
    return {key: _strings(node) for key, node in nodes.items()}


def _strings(node: YamlNode) -> Any:
    if isinstance(node, MapNode):
        return {entry.key_text: _strings(entry.value) for entry in node.entries}
    if isinstance(node, ListNode):
        return [_strings(item) for item in node.items]
    return None if node.value is None else node.text


def _duplicate(node: YamlNode) -> tuple[str, Location] | None:
    if isinstance(node, ListNode):
        return next((key for item in node.items if (key := _duplicate(item))), None)
    if not isinstance(node, MapNode):
        return None
    if node.duplicates():
        second = node.duplicates()[0][1]
        return second.key_text, second.key_location
    return next((key for entry in node.entries if (key := _duplicate(entry.value))), None)


def _plain(node: YamlNode) -> Any:
    """Convert YAML to JSON types; timestamps stay as written."""
    if isinstance(node, MapNode):
        return {entry.key_text: _plain(entry.value) for entry in node.entries}
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    return node.text if isinstance(node, ScalarNode) and isinstance(node.value, date) else node.value


# --------------------------------------------------------------------------- one test


def _test(source: Mapping[str, Any], location: Location) -> RuleTest:
    for key in source:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            raise InputError(
                f"`{key}` is not a key of a test", fix=f"write `{near[0]}`" if near else f"{_allowed_keys()}"
            )
    expect = source.get("expect")
    if not isinstance(expect, str) or expect not in _EXPECTED:
        raise InputError("`expect` must be `hit` or `miss`", fix="write whether the rule must match the event")
    event = event_of_source(source, "the test")
    return RuleTest(
        name=scalar_text(source.get("name")),
        hit=_EXPECTED[expect],
        event=event,
        sketch="event" not in source,
        rule=scalar_text(source.get("rule")),
        location=location,
    )


def _allowed_keys() -> str:
    return "the keys are " + ", ".join(f"`{key}`" for key in _KEYS)
