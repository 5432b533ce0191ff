"""The index templates of the state: strict, versioned, and safe from whatever an event holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.model import KINDS_OF_VALUES

MAX_KEYWORD = 8191  # characters of an indexed string; longer ones are cut, the complete event is in `event.original`

VERSION = 7
_PRIORITY = 300  # above what users commonly give their own templates

_KEYWORD = {"type": "keyword", "ignore_above": MAX_KEYWORD}
_STORED = {"type": "keyword", "index": False, "doc_values": False}  # in `_source` alone, of any length
_UNINDEXED = {"type": "object", "enabled": False}  # in `_source` alone, with any fields
_INTEGER = {"type": "integer"}
_DATE = {"type": "date"}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": dict(properties)}


def _keywords(*names: str) -> dict[str, Any]:
    return _object(dict.fromkeys(names, _KEYWORD))


def _common() -> dict[str, Any]:
    parent = _keywords("executable", "command_line")
    return {
        "@timestamp": _DATE,
        "rule": _keywords("id", "name", "description", "author", "reference", "version"),
        "threat": _object(
            {"framework": _KEYWORD, "tactic": _keywords("name", "id"), "technique": _keywords("id", "name")}
        ),
        "host": _keywords("name"),
        "user": _keywords("name", "domain"),
        "process": _object({"executable": _KEYWORD, "command_line": _KEYWORD, "parent": parent}),
        "event": _object(
            {"code": _KEYWORD, "provider": _KEYWORD, "kind": _KEYWORD, "created": _DATE, "original": _STORED}
        ),
        "winlog": _keywords("channel"),
    }


def _watcher(**own: Any) -> dict[str, Any]:
    rule = _keywords("path", "hash", "level", "folder", "status", "tags")["properties"]
    rule |= {"falsepositives": _STORED, "source": _STORED}
    return _object({"version": {"type": "integer"}, "rule": _object(rule), "hit": _keywords("index", "id"), **own})


def _alerts() -> dict[str, Any]:
    texts = ("id", "kind", "state", "key", "origin", "by", "assignee", "reason", "routes", "source")
    alert = _keywords(*texts)["properties"] | {
        "slot": _DATE,
        "changed": _DATE,
    }
    deliveries = _keywords("channel", "state", "sent_single", "digest_id", "reason")["properties"] | {
        "attempts": _INTEGER,
        "updates": _INTEGER,
        "claimed_updates": _INTEGER,
        "error": _KEYWORD,
        "outcomes": _UNINDEXED,
        "message": _STORED,
        "plan": _UNINDEXED,
        "due": _DATE,
        "sent": _DATE,
        "failed": _DATE,
        "failures": _UNINDEXED,
    }
    own = {
        "alert": _object(alert),
        "deliveries": _object(deliveries),
        "joined": _joined(),
        "correlation": _correlation(),
    }
    return _common() | {
        "watcher": _watcher(**own, summary=_UNINDEXED, updates=_UNINDEXED, matched=_UNINDEXED, history=_UNINDEXED)
    }


def _joined() -> dict[str, Any]:
    counts = dict.fromkeys(("count", "unlisted", "updates", "further"), _INTEGER)
    lists = _keywords(*KINDS_OF_VALUES)["properties"]
    return _object({**lists, **counts, "first": _DATE, "last": _DATE, "recent": _STORED})


def _correlation() -> dict[str, Any]:
    rules = _object({**_keywords("id", "title")["properties"], "count": _INTEGER})
    events = _object({**_keywords("rule", "index", "id")["properties"], "time": _DATE})
    numbers = {"count": _INTEGER, "number": {"type": "double"}, "first": _DATE, "last": _DATE}
    return _object({"type": _KEYWORD, **numbers, "rules": rules, "events": events})


def _hits() -> dict[str, Any]:
    return _common() | {"watcher": _watcher(alert=_keywords("id", "kind"), correlation=_correlation())}


def _state() -> dict[str, Any]:
    return {
        "kind": _KEYWORD,
        "source": _KEYWORD,
        "changed": _DATE,
        "version": {"type": "integer"},
        "body": _UNINDEXED,
    }


def templates(prefix: str, lifecycle: Mapping[str, Mapping[str, Any]] | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Return the index templates by name; `lifecycle` holds index settings by the template's name."""
    managed = lifecycle or {}
    kinds = (("alerts", "alerts-*", _alerts()), ("hits", "hits-*", _hits()), ("state", "state", _state()))
    return {
        f"{prefix}-{kind}": _template(f"{prefix}-{pattern}", properties, managed.get(f"{prefix}-{kind}", {}))
        for kind, pattern, properties in kinds
    }


def _template(pattern: str, properties: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "index_patterns": [pattern],
        "priority": _PRIORITY,
        "version": VERSION,
        "template": {
            "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1", **settings}},
            "mappings": {"dynamic": "strict", "properties": properties},
        },
        "_meta": {"made_by": "watcher"},
    }
