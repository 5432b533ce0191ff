"""Group-by and summaries on real engines: aliases, constants, computed fields, and fields that settings map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.borrowed_indices import TIME, connections, indices
from support.engines import Running
from support.fakes import rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.match.event_summarizer import stored_summary
from watcher.model import Window
from watcher.pipeline import Detector, prepare_rule
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings

PATTERN = "winlogbeat-grouping-*"
DAY = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
KEYWORD = {"type": "keyword"}
SECURITY = {
    "properties": {
        "channel": KEYWORD,
        "event_id": KEYWORD,
        "event_data": {"properties": {"CommandLine": KEYWORD, "Account": KEYWORD}},
    }
}
TENANT = "tenant of the index"


def mappings(engine: Running) -> Mapping[str, Any]:
    """Return a mapping with an alias and a computed field.

    The Elasticsearch of the tests has neither constants nor scripts: its computed field reads `_source`.
    """
    properties: dict[str, Any] = {
        **TIME,
        "winlog": SECURITY,
        "user": {"properties": {"name": {"type": "alias", "path": "winlog.event_data.Account"}}},
        "custom": {"properties": {"asset": KEYWORD}},
    }
    if engine.ca is None:
        properties["host"] = {"properties": {"name": {"type": "constant_keyword", "value": "FIXED"}}}
        return {
            "properties": properties,
            "derived": {"tenant": {"type": "keyword", "script": {"source": f"emit('{TENANT}')"}}},
        }
    return {"properties": properties, "runtime": {"tenant": {"type": "keyword"}}}


@pytest.mark.parametrize("search", ["query", "scan"])
@pytest.mark.parametrize("fetch", ["needed", "whole"])
def test_group_by_reads_what_the_mapping_and_settings_add(engine: Running, search: str, fetch: str) -> None:
    """Each key holds the alias' target, the computed value, the mapped field and the constant."""
    group_by = ("user.name", "tenant", "Asset", "host.name")
    source = Source(name="windows", index=PATTERN, search=search, fetch=fetch, fields={"Asset": ("custom.asset",)})
    grouped = replace(rule_settings(rule(), Settings()), group_by=group_by, channels=())
    state = MemoryDocuments()
    with indices(engine.admin()) as admin, connections(engine.cluster()) as connection:
        admin.make("winlogbeat-grouping-1", mappings(engine))
        stored = {} if engine.ca is None else {"tenant": TENANT}
        admin.fill(
            "winlogbeat-grouping-1",
            [{**event(*of), **stored} for of in (("alice", "crane"), ("bob", "lift"), ("alice", "crane"))],
        )
        watching = Detector(
            source=source,
            events=connection.events(),
            alert_store=AlertStore(state),
            rules=[prepare_rule(rule(), grouped, source)],
        )
        detected = watching.detect(DAY)
    constant = "FIXED" if engine.ca is None else ""
    assert (detected.hits, detected.alerts) == (3, 2)
    documents = [document.document for (index, _), document in state.documents.items() if "alerts" in index]
    assert {tuple(document["watcher"]["alert"]["key"]) for document in documents} == {
        ("user.name=alice", f"tenant={TENANT}", "Asset=crane", f"host.name={constant}"),
        ("user.name=bob", f"tenant={TENANT}", "Asset=lift", f"host.name={constant}"),
    }
    summaries = [stored_summary(document) for document in documents]
    assert sorted(summary.user for summary in summaries) == ["alice", "bob"]
    assert {summary.host for summary in summaries} == {constant}


def event(account: str, asset: str) -> Mapping[str, Any]:
    """Return the start of a shell by an account on an asset."""
    data = {"CommandLine": "a shell", "Account": account}
    return {
        "@timestamp": "2026-03-01T12:00:00.123Z",
        "winlog": {"channel": "Security", "event_id": "4688", "event_data": data},
        "custom": {"asset": asset},
    }
