"""Sigma's old way of parting a file: documents with `action: global`, `reset` or `repeat`.

What a global document says is laid over every rule behind it, until `reset`; a document with `repeat` is laid over
the rule before it and gives another one. Of maps every key is laid over by itself; anything else is replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from watcher.errors import RuleError
from watcher.model import Finding, Location, Severity
from watcher.yaml_nodes.nodes import MapNode, YamlDocument, YamlNode

_ACTIONS = ("global", "reset", "repeat")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyDocument:
    """A document whose action has no meaning."""

    fault: RuleError


def merge_actions(documents: Iterable[YamlDocument]) -> Iterator[tuple[int, YamlDocument | FaultyDocument]]:
    """Give every document that stands for itself, completed as its file says, with its number in the file."""
    shared: YamlDocument | None = None
    before: YamlDocument | None = None
    for number, document in enumerate(documents):
        action = _action(document.value)
        if action is None and _is_rule(document.value):
            before = document if shared is None else _united(shared, document, over=shared)
            yield number, before
        elif action is None:
            yield number, document
        elif action == "global":
            shared = before = document if shared is None else _united(shared, document, over=document)
        elif action == "reset":
            shared = None
        elif action == "repeat" and before is not None:
            before = _united(before, document, over=document)
            yield number, before
        else:
            yield number, FaultyDocument(fault=_meaningless(document.value, action))


def _is_rule(value: YamlNode) -> bool:
    return isinstance(value, MapNode) and not any(
        isinstance(value.get(key), MapNode) for key in ("correlation", "filter")
    )


def _action(value: YamlNode) -> str | None:
    written = getattr(value.get("action"), "text", None) if isinstance(value, MapNode) else None
    return None if written is None else str(written).strip().lower()


def _meaningless(value: YamlNode, action: str) -> RuleError:
    if action == "repeat":
        message, fix = "`action: repeat` has no rule before it", "write the rule whole"
    else:
        message, fix = f"`{action}` is no action", f"write one of {', '.join(_ACTIONS)}, or each rule whole"
    return RuleError(message, location=value.location, fix=fix, code="action")


def _united(first: YamlDocument, last: YamlDocument, *, over: YamlDocument) -> YamlDocument:
    """Lay one of two documents over the other; place and line are those of the last, the text is that of both."""
    under = first if over is last else last
    location = last.value.location
    return YamlDocument(
        value=replace(_merged(_map(under.value), _map(over.value)), location=location),
        line=last.line,
        text=f"{first.text.rstrip()}\n---\n{last.text}",
        findings=(*(one for one in (*first.findings, *last.findings) if one.code != "action"), _told(location)),
    )


def _told(location: Location) -> Finding:
    return Finding(
        code="action",
        severity=Severity.WARNING,
        location=location,
        message="the rule is put together from several documents by `action`, which Sigma no longer has",
        fix="write each rule whole",
    )


def _map(value: YamlNode) -> MapNode:
    if not isinstance(value, MapNode):
        raise TypeError("only maps are laid over each other")
    return value


def _merged(under: MapNode, over: MapNode) -> MapNode:
    entries = [entry for entry in under.entries if entry.key != "action"]
    for key in dict.fromkeys(entry.key for entry in over.entries if entry.key != "action"):
        new = [entry for entry in over.entries if entry.key == key]
        old = [entry for entry in entries if entry.key == key]
        if len(new) == len(old) == 1 and isinstance(new[0].value, MapNode) and isinstance(old[0].value, MapNode):
            value = _merged(old[0].value, new[0].value)
            entries = [replace(entry, value=value) if entry is old[0] else entry for entry in entries]
        else:
            entries = [entry for entry in entries if entry.key != key] + new
    return replace(under, entries=tuple(entries))
