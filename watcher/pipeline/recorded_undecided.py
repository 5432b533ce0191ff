"""Undecided events that another process recorded: whoever takes over a source does not evaluate them in vain again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import structlog

from watcher.alerts.alert_store import AlertStore
from watcher.errors import ClusterError
from watcher.model import AlertKind, Rule, Window
from watcher.ports import StateQuery, StoredDocument
from watcher.search.undecided_events import MOST, RuleVersion, UndecidedEvents, version_of
from watcher.timestamps import format_timestamp

log = structlog.get_logger(__name__)

_EARLIER = timedelta(days=1)  # by which the time of a hit may be before the window that found it
_FIELDS = ("rule.id", "watcher.rule.hash", "watcher.hit.index", "watcher.hit.id")


def recall_undecided(
    store: AlertStore, rules: Iterable[Rule], window: Window, memory: UndecidedEvents
) -> Iterator[Rule]:
    """Add the undecided events of a window that are recorded to a memory; yield the rule of each that is new.

    Where the state does not answer nothing is added: then they are evaluated again.
    """
    rules_by_version = {version_of(rule): rule for rule in rules}
    try:
        stored = store.documents.search(_query(store, window))
    except ClusterError as error:
        log.warning("undecided.not_recalled", error=str(error), advice="such events are evaluated again")
        return
    for document in reversed(stored):  # the newest are remembered longest
        version = _version(document)
        rule = rules_by_version.get(version)
        hit = document.document["watcher"]["hit"]
        if rule is not None and memory.add(version, hit["index"], hit["id"]):
            yield rule


def _query(store: AlertStore, window: Window) -> StateQuery:
    filters = [
        {"term": {"watcher.alert.kind": str(AlertKind.UNDECIDED)}},
        {"range": {"@timestamp": {"gte": format_timestamp(window.start - _EARLIER)}}},
    ]
    newest = ({"@timestamp": "desc"},)
    return StateQuery(
        index=f"{store.prefix}-hits-*", query={"bool": {"filter": filters}}, size=MOST, sort=newest, only=_FIELDS
    )


def _version(stored: StoredDocument) -> RuleVersion:
    return stored.document["rule"]["id"], stored.document["watcher"]["rule"]["hash"]
