"""The files of the conformance suite: cases as they are written, with compact forms expanded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

SUITE = Path(__file__).resolve().parent
ENGINES = ("opensearch", "elasticsearch")
TIME = "2026-03-01T12:00:00.123Z"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
ANY_FINDING = "any"  # at least one finding, whatever its code
UNSPECIFIED = "unspecified"  # what is found while reading is not part of the case

_FILE_KEYS = frozenset({"mapping", "defaults", "cases"})
_DEFAULT_KEYS = frozenset({"logsource", "selection", "event", "settings", "engines"})
_CASE_KEYS = frozenset(
    {"name", "why", "logsource", "selection", "condition", "detection", "rule", "files", "settings", "events"}
    | {"findings", "error", "known_fault", "query_fault", "engines"}
)
_EVENT_KEYS = frozenset(
    {"channel", "code", "provider", "computer", "message", "data", "user_data", "merge", "document", "index"}
)
_MAPPING_KEYS = frozenset({"name", "engines", "indices", "adds_values", "folders"})
_QUERY_FAULT_KEYS = frozenset({"reason", "mappings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One document of a case."""

    document: Mapping[str, Any]
    hit: bool
    index: str  # the letter of the index that holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteMapping:
    """Indices of one pattern, and which engines have their field types."""

    name: str
    indices: Mapping[str, Mapping[str, Any]]  # letter → body of the index
    engines: tuple[str, ...] = ENGINES
    adds_values: bool = False  # the mapping gives events values that their documents lack
    folders: tuple[str, ...] | None = None  # of a shared mapping: whose cases are held on it; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: rule files, events, and what is expected."""

    file: str
    name: str
    why: str
    files: Mapping[str, str]  # file name → text
    events: tuple[CaseEvent, ...]
    findings: tuple[str, ...] = ()
    error: tuple[str, ...] | None = None  # parts of the one error that refuses the rule
    known_fault: str | None = None
    query_faults: Mapping[str, str] = field(default_factory=dict)  # engine and mapping → why the query is wrong there
    engines: tuple[str, ...] = ENGINES
    settings: Mapping[str, Any] = field(default_factory=dict)
    mapping: SuiteMapping | None = None  # None: held on every shared mapping

    @property
    def id(self) -> str:
        """Return the name that pytest shows."""
        return f"{self.file}: {self.name}"


class _Loader(yaml.CSafeLoader):
    """A loader that refuses duplicate keys, which would hide a case."""


def _unique(loader: yaml.CSafeLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    duplicates = sorted({str(key) for key in keys if keys.count(key) > 1})
    if duplicates:
        raise ValueError(f"{node.start_mark}: duplicate keys {duplicates}; write each once")
    return yaml.CSafeLoader.construct_mapping(loader, node, deep=deep)


_Loader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: _unique(loader, node, deep=True)
)


@cache
def all_cases() -> tuple[Case, ...]:
    """Return every case of the suite."""
    files = sorted(path for path in SUITE.rglob("*.yml") if path.name != "shared_mappings.yml")
    return tuple(case for path in files for case in read_cases(path))


@cache
def shared_mappings() -> tuple[SuiteMapping, ...]:
    """Return the mappings on which every case without a mapping of its own is held."""
    return tuple(_mapping(written) for written in _load(SUITE / "shared_mappings.yml")["mappings"])


def read_cases(path: Path) -> Iterator[Case]:
    """Yield the cases of one file."""
    written = _load(path)
    _check(written, _FILE_KEYS, str(path))
    defaults = written.get("defaults", {})
    _check(defaults, _DEFAULT_KEYS, f"{path}: defaults")
    name = path.relative_to(SUITE).with_suffix("").as_posix()
    mapping = _mapping({"name": path.stem, **written["mapping"]}) if "mapping" in written else None
    for case in written["cases"]:
        _check(case, _CASE_KEYS, f"{path}: {case.get('name')}")
        yield _case(name, {**defaults, **case}, defaults.get("event", {}), mapping)


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader


def _check(written: Mapping[str, Any], keys: frozenset[str], where: str) -> None:
    unknown = sorted(set(written) - keys)
    if unknown:
        raise ValueError(f"{where}: unknown keys {unknown}; the keys are {sorted(keys)}")


# --------------------------------------------------------------------------- rules


def _case(file: str, written: Mapping[str, Any], event: Mapping[str, Any], mapping: SuiteMapping | None) -> Case:
    events, name = written.get("events", {}), written["name"]
    findings = written.get("findings", [])
    return Case(
        file=file,
        name=name,
        why=written["why"],
        files=_files(file, written),
        events=tuple(
            _event(document, event, hit=kind == "hit") for kind in ("hit", "miss") for document in events.get(kind, [])
        ),
        findings=(findings,) if isinstance(findings, str) else tuple(sorted(findings)),
        error=tuple(written["error"]) if "error" in written else None,
        known_fault=written.get("known_fault"),
        query_faults=_query_faults(name, written.get("query_fault")),
        engines=tuple(written.get("engines", ENGINES)),
        settings=written.get("settings", {}),
        mapping=mapping,
    )


def _query_faults(case: str, written: Mapping[str, Any] | None) -> Mapping[str, str]:
    if written is None:
        return {}
    _check(written, _QUERY_FAULT_KEYS, f"query_fault of {case}")
    return dict.fromkeys(written["mappings"], written["reason"])


def _files(file: str, written: Mapping[str, Any]) -> Mapping[str, str]:
    if "files" in written:
        return dict(written["files"])
    if "rule" in written:
        return {"rule.yml": written["rule"]}
    detection = written.get("detection") or _detection(written)
    logsource = written.get("logsource", {"product": "windows", "category": "process_creation"})
    head = yaml.safe_dump(
        {"title": written["name"], "id": str(uuid5(NAMESPACE_URL, f"{file}/{written['name']}")), "level": "high"}
    )
    text = yaml.safe_dump({"logsource": logsource}) if isinstance(logsource, dict) else f"logsource:\n{logsource}"
    return {"rule.yml": f"{head}{text}detection:\n{_indented(detection, 2)}"}


def _detection(written: Mapping[str, Any]) -> str:
    return f"selection:\n{_indented(str(written['selection']), 2)}condition: {written.get('condition', 'selection')}\n"


def _indented(text: str, width: int) -> str:
    return "".join(f"{' ' * width}{line}\n" for line in text.splitlines())


# --------------------------------------------------------------------------- events


def _event(written: Mapping[str, Any], defaults: Mapping[str, Any], *, hit: bool) -> CaseEvent:
    compact = written if set(written) & _EVENT_KEYS else {"data": written}
    _check(compact, _EVENT_KEYS, f"event {written}")
    if "document" in compact:
        document = {"@timestamp": TIME, **compact["document"]}
    else:
        document = winlogbeat({"channel": SYSMON, "code": "1", **defaults, **compact})
    json.dumps(document)  # raises where YAML made a date of a value
    return CaseEvent(document=document, hit=hit, index=compact.get("index", "a"))


def winlogbeat(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document that Winlogbeat ships of an event, in the raw shape."""
    channel, code = str(written["channel"]), str(written["code"])
    data = {key: written[key] for key in ("data", "user_data") if key in written}
    document = {
        "@timestamp": TIME,
        "event": {"code": code, "kind": "event"},
        "host": {"name": written.get("computer", "ws1")},
        "winlog": {
            "channel": channel,
            "event_id": code,
            "computer_name": written.get("computer", "ws1"),
            "provider_name": written.get("provider", "Provider"),
            "record_id": 7,
            **{{"data": "event_data", "user_data": "user_data"}[key]: value for key, value in data.items()},
        },
        **({"message": written["message"]} if "message" in written else {}),
    }
    return _merged(document, written.get("merge", {}))


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def labelled(document: Mapping[str, Any], label: str) -> Mapping[str, Any]:
    """Return a document that says of which case it is."""
    return _merged(document, {"labels": {"conformance": label}})


# --------------------------------------------------------------------------- mappings


def _mapping(written: Mapping[str, Any]) -> SuiteMapping:
    _check(written, _MAPPING_KEYS, f"mapping {written['name']}")
    return SuiteMapping(
        name=written["name"],
        indices={letter: _index(body) for letter, body in written["indices"].items()},
        engines=tuple(written.get("engines", ENGINES)),
        adds_values=written.get("adds_values", False),
        folders=tuple(written["folders"]) if "folders" in written else None,
    )


def _index(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body of an index; `data` maps fields of `winlog.event_data`, `mappings` adds to the rest."""
    _check(written, frozenset({"data", "mappings", "settings"}), "index")
    keyword = {"type": "keyword"}
    head: dict[str, Any] = {
        "date_detection": False,
        "properties": {
            "@timestamp": {"type": "date"},
            "labels": {"properties": {"conformance": keyword}},
            "winlog": {"properties": {"channel": keyword, "event_id": keyword}},
        },
    }
    fields = {"event_data": {"properties": written["data"]}} if "data" in written else {}
    data = {"properties": {"winlog": {"properties": fields}}}
    settings = {"number_of_shards": 1, "number_of_replicas": 0, **written.get("settings", {})}
    return {"settings": settings, "mappings": _merged(_merged(head, data), written.get("mappings", {}))}


def cases_of(mapping: SuiteMapping, engine: str) -> Sequence[Case]:
    """Return the cases that are held on a mapping of an engine; a fault in memory needs no engine to be shown."""
    shared = mapping in shared_mappings()
    own = [case for case in all_cases() if (case.mapping is None if shared else case.mapping == mapping)]
    if shared:
        own = [case for case in own if case.known_fault is None and _in_folders(case, mapping.folders)]
    return [case for case in own if engine in case.engines and engine in mapping.engines and case.error is None]


def _in_folders(case: Case, folders: tuple[str, ...] | None) -> bool:
    return folders is None or case.file.split("/", maxsplit=1)[0] in folders
