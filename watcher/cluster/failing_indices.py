"""Which indices alone made a search fail, and which cannot be opened, from the engine's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watcher.known_secrets import without_secrets

_BLOCK = re.compile(r"index \[([^\[\]]+)\] blocked by: \[([^\[\]]+)\]")
_MISSING = re.compile(r"\[([^\[\]]+)\]\[(\d+)\]")
_MISSING_SHARDS = "missing shards"
_INACTIVE = re.compile(r"index \[([^\[\]]+)\] has no active shard copy")
_ALLOCATION = "is available; see `GET _cluster/allocation/explain`"

_LONGEST = 300  # characters of a reason: engines quote what events hold
_DEEPEST = 30


def unavailable_indices(body: Any) -> Mapping[str, str]:
    """Return the indices that cannot be opened, each with the reason: blocked for reading, or without a shard."""
    reasons: dict[str, str] = {}
    for text in _sentences(body):
        for index, block in _BLOCK.findall(text):
            reasons.setdefault(index, f"it is blocked ({block}); remove the block from its settings")
        if _MISSING_SHARDS in text:
            for index, shard in _MISSING.findall(text):
                reasons.setdefault(index, f"no copy of its shard {shard} {_ALLOCATION}")
        for index in _INACTIVE.findall(text):
            reasons.setdefault(index, f"no copy of a shard {_ALLOCATION}")
    return reasons


def failing_indices(failures: Sequence[Any], passing: frozenset[str]) -> Mapping[str, str]:
    """Return the indices of failed shards, each with the reason.

    Returns none where the failure of a shard may pass, which `passing` lists by type: then all are searched again.
    """
    reasons: dict[str, str] = {}
    for failure in failures:
        if not isinstance(failure, Mapping) or not isinstance(failure.get("index"), str):
            return {}
        if not passing.isdisjoint(_types(failure.get("reason"))):
            return {}
        reasons.setdefault(failure["index"], _reason(failure.get("reason")))
    return reasons


def _reason(cause: Any) -> str:
    """Return the innermost cause of a failure as one line."""
    text = ""
    for _ in range(_DEEPEST):
        if not isinstance(cause, Mapping):
            break
        text = str(cause.get("reason") or cause.get("type") or "") or text
        cause = cause.get("caused_by")
    clean = "".join(char if char.isprintable() else " " for char in without_secrets(text))[:_LONGEST]
    return f"the engine refuses to search it: {clean or 'it does not say why'}"


def _types(cause: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(cause, Mapping) and depth < _DEEPEST:
        if isinstance(cause.get("type"), str):
            yield cause["type"]
        yield from _types(cause.get("caused_by"), depth + 1)


def _sentences(body: Any, depth: int = 0) -> Iterator[str]:
    """Yield all reasons of an error's body."""
    if depth > _DEEPEST:
        return
    if isinstance(body, str):
        yield without_secrets(body)
    elif isinstance(body, Mapping):
        for key in ("error", "reason", "root_cause", "caused_by"):
            yield from _sentences(body.get(key), depth + 1)
    elif isinstance(body, list):
        for part in body:
            yield from _sentences(part, depth + 1)
