"""Sample mappings of indices, small enough to be filled many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strategies import LIMIT

_TIME = {"@timestamp": {"type": "date"}, "batch": {"type": "keyword"}}
_SHORT = {"type": "keyword", "ignore_above": LIMIT}
_WITH_TEXT = {**_SHORT, "fields": {"text": {"type": "text"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSet:
    """Indices of one pattern; events are distributed over them in turn."""

    name: str
    mappings: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]

    @property
    def pattern(self) -> str:
        """Return the index pattern."""
        return f"winlogbeat-{self.name}-*"

    @property
    def indices(self) -> tuple[str, ...]:
        """Return the names of the indices."""
        return tuple(f"winlogbeat-{self.name}-{number}" for number in range(len(self.mappings)))


def _strings(mapping: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    """Return a mapping that maps every string in one way."""
    return {
        "dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": mapping}}],
        "date_detection": False,
        "properties": {**_TIME, **more},
    }


def _all_of_data(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a mapping that maps all values of the event's data in one way."""
    return {
        "dynamic_templates": [
            {"data": {"path_match": "winlog.event_data.*", "match_mapping_type": "*", "mapping": mapping}},
            {"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}},
        ],
        "date_detection": False,
        "properties": _TIME,
    }


TEMPLATE = {
    "dynamic_templates": [
        {"data": {"path_match": "winlog.*_data.*", "match_mapping_type": "*", "mapping": {"type": "keyword"}}},
        {"strings": {"match_mapping_type": "string", "mapping": _SHORT}},
    ],
    "date_detection": False,
    "properties": {
        **_TIME,
        "event": {"properties": {"code": _SHORT}},
        "winlog": {"properties": {"channel": {"type": "keyword", "ignore_above": 1024}, "event_id": _SHORT}},
        "process": {
            "properties": {
                "command_line": _WITH_TEXT,
                "executable": _WITH_TEXT,
                "pid": {"type": "long", "ignore_malformed": True},
                "parent": {"properties": {"executable": _SHORT}},
            }
        },
        "registry": {"properties": {"path": _SHORT}},
        "source": {"properties": {"ip": {"type": "ip", "ignore_malformed": True}}},
        "destination": {"properties": {"port": {"type": "long", "ignore_malformed": True}}},
        "own": {
            "properties": {
                "value": {"type": "keyword"},
                "alias": {"type": "alias", "path": "own.target"},
                "target": _SHORT,
            }
        },
    },
}

_LOWERED = {"analysis": {"normalizer": {"low": {"type": "custom", "filter": ["lowercase"]}}}}
_UNMAPPED = {"dynamic": False, "properties": {**_TIME, "winlog": {"properties": {"channel": {"type": "keyword"}}}}}

BOTH_ENGINES = (
    IndexSet(name="template", mappings=(TEMPLATE,), settings={}),
    IndexSet(name="short", mappings=(_strings(_SHORT),), settings={}),
    IndexSet(name="bare", mappings=({"properties": _TIME},), settings={}),
    IndexSet(name="text", mappings=(_strings({"type": "text", "fields": {"keyword": _SHORT}}),), settings={}),
    IndexSet(name="low", mappings=(_strings({"type": "keyword", "normalizer": "low"}),), settings=_LOWERED),
    IndexSet(
        name="mixed",
        mappings=(
            _strings({"type": "keyword", "null_value": "a"}),
            _strings({"type": "text"}),
            _all_of_data({"type": "long", "ignore_malformed": True}),
            _all_of_data({"type": "ip", "ignore_malformed": True}),
            _UNMAPPED,
        ),
        settings={},
    ),
    IndexSet(
        name="odd",
        mappings=(
            _all_of_data({"type": "float", "ignore_malformed": True}),
            _all_of_data({"type": "boolean"}),
            _all_of_data({"type": "date", "ignore_malformed": True}),
            _strings({"type": "keyword", "index": False}),
        ),
        settings={},
    ),
)
OPENSEARCH_ONLY = (
    IndexSet(name="wild", mappings=(_strings({"type": "wildcard", "ignore_above": LIMIT}),), settings={}),
    IndexSet(name="match", mappings=(_strings({"type": "match_only_text"}),), settings={}),
)
