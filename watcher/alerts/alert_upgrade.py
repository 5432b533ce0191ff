"""Alert documents of older versions → documents of this version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.alerts.alert_documents import message_fields
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_folders import read_file
from watcher.state.index_templates import VERSION

_SAME_FORM = (3, 4, 5, 6)  # version 4 changed the ids of hits alone; versions 5 to 7 only added fields
_STATES = {"owed": "pending"}  # the other states kept their names
_KEYS = {"told_in": "digest_id", "told_alone": "sent_single"}


def upgrade_alert(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an alert document of an older version in the form of this one; that of versions 3 to 6 is the same.

    Of version 1 and 2, the texts of the rule that messages contain are read once from the rule's stored source.
    """
    own = document["watcher"]
    if own.get("version") in _SAME_FORM:
        return {**document, "watcher": {**own, "version": VERSION}}
    upgraded = {
        **{key: value for key, value in own.items() if key != "owed"},
        "version": VERSION,
        "deliveries": [*own.get("deliveries", ()), *map(_upgraded_entry, own.get("owed") or ())],
        "rule": {**_rule_texts(own.get("rule") or {}), **(own.get("rule") or {})},
    }
    return {**document, "watcher": upgraded}


def _upgraded_entry(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    renamed = {_KEYS.get(key, key): value for key, value in entry.items()}
    return {**renamed, "state": _STATES.get(entry["state"], entry["state"])}


def _rule_texts(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    path, folder = str(rule.get("path") or "rule.yml"), str(rule.get("folder") or "")
    source = str(rule.get("source") or "")
    rules, _ = read_file(source, file=path, origin=RuleOrigin(folder=folder, path=path))
    # where a stored source holds several documents, the rule is the last of them
    return message_fields(rules[-1]) if rules else {}
