"""The tests of a rule: files beside it that say which events it must match and which it must not.

`X.test.ndjson` and `X.test.yml` belong to `X.yml`. A test holds a whole document, or a sketch: some data, from which
the document is made as Winlogbeat ships it raw.
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
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode, read_documents

SUFFIXES = (".test.ndjson", ".test.jsonl", ".test.yml", ".test.yaml")
"""What the names of files of tests end with."""

_RULE_SUFFIXES = (".yml", ".yaml")
_EXPECTED = {"hit": True, "miss": False}
_SKETCH = ("channel", "code", "computer", "data", "message", "provider", "time")
_KEYS = ("name", "expect", "rule", "event", *_SKETCH)
_FORM = "write `hit:` and `miss:`, each with a list of tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """One event, and whether the rule must match it."""

    name: str
    hit: bool  # else it must miss
    event: Event
    sketch: bool = False  # channel and code may be missing: they are then those of the rule's log source
    rule: str = ""  # the id or title of the rule, where the file beside holds several
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestFile:
    """What one file of tests holds."""

    path: Path
    cases: tuple[RuleTest, ...] = ()
    findings: tuple[Finding, ...] = ()


def is_case_file(path: Path) -> bool:
    """Tell by its name whether a file holds tests."""
    return path.name.lower().endswith(SUFFIXES)


def case_files(rule: Path) -> tuple[Path, ...]:
    """Give the files of tests that belong to a rule file."""
    return tuple(found for suffix in SUFFIXES if (found := rule.with_name(f"{rule.stem}{suffix}")).is_file())


def rule_file(cases: Path) -> Path | None:
    """Give the rule file that a file of tests belongs to, None where there is none."""
    stem = next(cases.name[: -len(suffix)] for suffix in SUFFIXES if cases.name.lower().endswith(suffix))
    return next((found for suffix in _RULE_SUFFIXES if (found := cases.with_name(f"{stem}{suffix}")).is_file()), None)


def read_cases(path: Path) -> RuleTestFile:
    """Read a file of tests; what is wrong with one of them is a finding and never stops the others."""
    reader = _Reader(file=str(path), findings=[], names={})
    try:
        text = path.read_bytes().decode("utf-8-sig")
        written = _from_yaml(text, reader) if path.suffix.lower() in _RULE_SUFFIXES else _from_lines(text, reader)
        cases = tuple(case for given, location in written for case in reader.case(given, location))
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else f"byte {fault.start + 1} is no UTF-8"
        return RuleTestFile(
            path=path, findings=(_finding(f"the file cannot be read: {reason}", Location(file=str(path), line=1)),)
        )
    if not cases and not reader.findings:
        reader.say("the file holds no test", Location(file=str(path), line=1), _FORM)
    return RuleTestFile(path=path, cases=cases, findings=tuple(reader.findings))


def _finding(message: str, location: Location, fix: str = "") -> Finding:
    return Finding(code="test-file", severity=Severity.ERROR, location=location, message=message, fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads tests one by one, collecting what is wrong with them."""

    file: str
    findings: list[Finding]
    names: dict[str, Location]

    def say(self, message: str, location: Location, fix: str = "") -> None:
        """Note what is wrong."""
        self.findings.append(_finding(message, location, fix))

    def case(self, given: Mapping[str, Any], location: Location) -> Iterator[RuleTest]:
        """Give the test where it has a meaning."""
        try:
            made = _case(given, location)
        except InputError as fault:
            self.say(fault.message, location, fix=fault.fix)
            return
        if not made.name:
            yield replace(made, name=f"{'hit' if made.hit else 'miss'} in line {location.line}")
            return
        if made.name in self.names:
            first = self.names[made.name].line
            self.say(
                f"two tests are called `{made.name}`, the first in line {first}", location, "give each its own name"
            )
            return
        self.names[made.name] = location
        yield made


# --------------------------------------------------------------------------- the two forms


def _from_lines(text: str, reader: _Reader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    for number, line in enumerate(text.split("\n"), start=1):
        location = Location(file=reader.file, line=number)
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as fault:
            reader.say(f"the line is no JSON: {fault}", location, "write one test a line")
            continue
        if isinstance(found, dict):
            yield found, location
        else:
            reader.say("the line is no map", location, "write `expect`, `name` and `event`")


def _from_yaml(text: str, reader: _Reader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    try:
        documents = read_documents(text, file=reader.file)
    except RuleError as fault:
        reader.say(fault.message, fault.location or Location(file=reader.file, line=1), fault.fix)
        return
    for document in documents:
        if not isinstance(document, MapNode):
            reader.say("the file holds no map", document.location, _FORM)
            continue
        for entry in document.entries:
            if entry.key_text not in _EXPECTED or not isinstance(entry.value, ListNode):
                reader.say(f"`{entry.key_text}` is no list of tests", entry.key_location, _FORM)
                continue
            for item in entry.value.items:
                yield from _from_item(item, entry.key_text, reader)


def _from_item(item: YamlNode, expect: str, reader: _Reader) -> Iterator[tuple[Mapping[str, Any], Location]]:
    if not isinstance(item, MapNode):
        reader.say("a test must be a map of keys and values", item.location, "write `name` and `event` or `data`")
    elif doubled := _doubled(item):
        reader.say(f"`{doubled[0]}` stands twice", doubled[1], "keep one of them")
    elif item.get("expect") is not None:
        reader.say(f"`expect` has no meaning under `{expect}`", item.location, "remove it")
    else:
        yield {**_plain(item), **_as_written(item), "expect": expect}, item.location


def _as_written(item: MapNode) -> dict[str, Any]:
    """Give the values of a sketch as they stand in the file: `0x1410` and `010` are texts in an event too."""
    written = {key: node for key in _SKETCH if (node := item.get(key)) is not None}
    return {key: _texts(node) for key, node in written.items()}


def _texts(node: YamlNode) -> Any:
    if isinstance(node, MapNode):
        return {entry.key_text: _texts(entry.value) for entry in node.entries}
    if isinstance(node, ListNode):
        return [_texts(one) for one in node.items]
    return None if node.value is None else node.text


def _doubled(node: YamlNode) -> tuple[str, Location] | None:
    if isinstance(node, ListNode):
        return next((found for item in node.items if (found := _doubled(item))), None)
    if not isinstance(node, MapNode):
        return None
    if node.duplicates():
        second = node.duplicates()[0][1]
        return second.key_text, second.key_location
    return next((found for entry in node.entries if (found := _doubled(entry.value))), None)


def _plain(node: YamlNode) -> Any:
    """Turn YAML into what JSON can say: times stay as they are written."""
    if isinstance(node, MapNode):
        return {entry.key_text: _plain(entry.value) for entry in node.entries}
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    return node.text if isinstance(node, ScalarNode) and isinstance(node.value, date) else node.value


# --------------------------------------------------------------------------- one test


def _case(given: Mapping[str, Any], location: Location) -> RuleTest:
    for key in given:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            raise InputError(f"`{key}` is no key of a test", fix=f"write `{near[0]}`" if near else f"know {_known()}")
    expect = given.get("expect")
    if not isinstance(expect, str) or expect not in _EXPECTED:
        raise InputError("`expect` must be `hit` or `miss`", fix="say whether the rule must match the event")
    sketched = [key for key in _SKETCH if key in given]
    if "event" in given and sketched:
        raise InputError(f"`event` and `{sketched[0]}` are both given", fix="a whole document says everything itself")
    if "event" not in given and not sketched:
        raise InputError("the test has no event", fix="give a whole document as `event`, or some `data`")
    event = given["event"] if "event" in given else _sketched(given)
    if not isinstance(event, dict):
        raise InputError("`event` must be a map", fix="write the document as Winlogbeat ships it")
    return RuleTest(
        name=_text(given.get("name")),
        hit=_EXPECTED[expect],
        event=event,
        sketch="event" not in given,
        rule=_text(given.get("rule")),
        location=location,
    )


def _known() -> str:
    return ", ".join(f"`{key}`" for key in _KEYS)


def _sketched(given: Mapping[str, Any]) -> Event:
    """Make a document of some data, in Winlogbeat's raw shape, where every value is a text."""
    data = given.get("data") or {}
    if not isinstance(data, dict):
        raise InputError("`data` must be a map", fix="write the fields of the event and their values")
    winlog: dict[str, Any] = {"event_data": {name: _value(value) for name, value in data.items()}}
    event: dict[str, Any] = {}
    for key, name in (("channel", "channel"), ("code", "event_id"), ("computer", "computer_name")):
        if key in given:
            winlog[name] = _text(given[key])
    if "provider" in given:
        winlog["provider_name"] = event["provider"] = _text(given["provider"])
    if "code" in given:
        event["code"] = _text(given["code"])
    made: dict[str, Any] = {"event": event, "winlog": winlog}
    if "time" in given:
        made["@timestamp"] = _text(given["time"])
    if "computer" in given:
        made["host"] = {"name": _text(given["computer"])}
    if "message" in given:
        made["message"] = _text(given["message"])
    return made


def _value(value: Any) -> Any:
    return [_text(one) for one in value] if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
