"""Sigma's former rule collections: documents with `action: global`, `reset` or `repeat`.

A global document is merged into every following rule, until `reset`. A document with `repeat` is merged into the
preceding rule and results in another one. Mappings are merged key by key; any other value is replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from msgspec import structs

from watcher.errors import RuleError
from watcher.model import Finding, Location, Severity
from watcher.sigma.correlation_dialects import has_correlation_action, is_correlation
from watcher.yaml_nodes.nodes import MapNode, ScalarNode, YamlNode
from watcher.yaml_nodes.yaml_documents import YamlDocument

_ACTIONS = ("global", "reset", "repeat")
_NAMESPACE = UUID("b7f3b0c2-53f0-5d1f-9c1b-7e3c1a0f4d22")  # for further parts of a rule with one id


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyDocument:
    """A document whose action is invalid."""

    fault: RuleError


def merge_actions(documents: Sequence[YamlDocument]) -> Iterator[tuple[int, YamlDocument | FaultyDocument]]:
    """Yield every document that is a rule, merged with its global document, and its number in the file."""
    if not any(_has_action(document.value) for document in documents):  # nearly all files
        yield from enumerate(documents)
        return
    shared: YamlDocument | None = None
    previous: YamlDocument | None = None
    parts = Counter[str]()  # rules that use a shared id, by that id
    for number, document in enumerate(documents):
        action = None if has_correlation_action(document.value) else _action(document.value)
        if action is None and _is_rule(document.value):
            previous = document if shared is None else _merge_documents(shared, document, over=shared)
            yield number, _with_own_id(previous, document, parts)
        elif action is None:
            yield number, document
        elif action == "global":
            shared = previous = document if shared is None else _merge_documents(shared, document, over=document)
        elif action == "reset":
            shared = None
        elif action == "repeat" and previous is not None:
            previous = _merge_documents(previous, document, over=document)
            yield number, _with_own_id(previous, document, parts)
        else:
            yield number, FaultyDocument(fault=_invalid_action(document.value, action))


def _with_own_id(merged: YamlDocument, document: YamlDocument, parts: Counter[str]) -> YamlDocument:
    """Return a rule under an id of its own: further rules with a shared id get ids derived from it and their order."""
    own_id = _mapping(document.value).get("id")
    if own_id is not None:
        if isinstance(own_id, ScalarNode):
            parts[own_id.text.strip().lower()] += 1
        return merged if merged is document else replace(merged, value=_with_id(_mapping(merged.value), own_id))
    shared = _mapping(merged.value).get("id")
    if not isinstance(shared, ScalarNode):
        return merged
    shared_id = shared.text.strip().lower()
    parts[shared_id] += 1
    if parts[shared_id] == 1:
        return merged
    derived = str(uuid5(_NAMESPACE, f"{shared_id}#{parts[shared_id]}"))
    value = _with_id(_mapping(merged.value), structs.replace(shared, value=derived, text=derived))
    if document.text.lstrip().startswith("{"):
        return replace(merged, value=value)
    text = f"{merged.text.removesuffix(document.text)}id: {derived}\n{document.text}"  # which reads back as this rule
    return replace(merged, value=value, text=text)


def _with_id(rule: MapNode, id_node: YamlNode) -> MapNode:
    entries = tuple(structs.replace(entry, value=id_node) if entry.key == "id" else entry for entry in rule.entries)
    return structs.replace(rule, entries=entries)


def _is_rule(value: YamlNode) -> bool:
    return isinstance(value, MapNode) and not isinstance(value.get("filter"), MapNode) and not is_correlation(value)


def _has_action(value: YamlNode) -> bool:
    return isinstance(value, MapNode) and value.get("action") is not None


def _action(value: YamlNode) -> str | None:
    text = getattr(value.get("action"), "text", None) if isinstance(value, MapNode) else None
    return None if text is None else str(text).strip().lower()


def _invalid_action(value: YamlNode, action: str) -> RuleError:
    if action == "repeat":
        message, fix = "`action: repeat` follows no rule", "write the complete rule"
    else:
        message, fix = (
            f"`{action}` is not an action",
            f"write one of {', '.join(_ACTIONS)}, or write each rule completely",
        )
    return RuleError(message, location=value.location, fix=fix, code="action")


def _merge_documents(first: YamlDocument, last: YamlDocument, *, over: YamlDocument) -> YamlDocument:
    """Merge one of two documents into the other; location and line are those of the last, the text is that of both."""
    under = first if over is last else last
    location = last.value.location
    return YamlDocument(
        value=structs.replace(_merge(_mapping(under.value), _mapping(over.value)), location=location),
        line=last.line,
        text=f"{first.text.rstrip()}\n---\n{last.text}",
        findings=(
            *(finding for finding in (*first.findings, *last.findings) if finding.code != "action"),
            _merged_rule(location),
        ),
    )


def _merged_rule(location: Location) -> Finding:
    return Finding(
        code="action",
        severity=Severity.WARNING,
        location=location,
        message="the rule is merged from several documents by `action`, which Sigma no longer supports",
        fix="write each rule completely",
    )


def _mapping(value: YamlNode) -> MapNode:
    if not isinstance(value, MapNode):
        raise TypeError("only mappings can be merged")
    return value


def _merge(under: MapNode, over: MapNode) -> MapNode:
    entries = [entry for entry in under.entries if entry.key != "action"]
    for key in dict.fromkeys(entry.key for entry in over.entries if entry.key != "action"):
        new = [entry for entry in over.entries if entry.key == key]
        old = [entry for entry in entries if entry.key == key]
        if len(new) == len(old) == 1 and isinstance(new[0].value, MapNode) and isinstance(old[0].value, MapNode):
            value = _merge(old[0].value, new[0].value)
            entries = [structs.replace(entry, value=value) if entry is old[0] else entry for entry in entries]
        else:
            entries = [entry for entry in entries if entry.key != key] + new
    return structs.replace(under, entries=tuple(entries))
