"""A matching event of 40 MB beside many small ones: all open alerts, and the large one is stored shortened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.borrowed_indices import TIME, connections, indices
from support.engines import Running
from support.fakes import rule

from watcher.alerts.alert_store import AlertStore
from watcher.cluster.document_cluster import MAX_BULK_BYTES
from watcher.model import Window
from watcher.nesting import NOTE
from watcher.pipeline import Detector, prepare_rule
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings
from watcher.state.installation import Installation

INDEX = "winlogbeat-huge"
PREFIX = "watcher-huge"
DAY = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
SMALL = 1_100
KEYWORD = {"type": "keyword", "ignore_above": 1_024}
MAPPING = {
    "dynamic": False,
    "properties": {
        **TIME,
        "winlog": {"properties": {"channel": KEYWORD, "event_id": KEYWORD}},
        "event": {"properties": {"code": KEYWORD}},
    },
}

pytestmark = pytest.mark.slow


def event(command_line: str) -> dict[str, Any]:
    """Return the start of a process."""
    data = {"CommandLine": command_line}
    return {
        "@timestamp": "2026-03-01T12:00:00.123Z",
        "winlog": {"channel": "Security", "event_id": "4688", "event_data": data},
        "event": {"code": "4688"},
    }


def test_a_matching_event_of_40_megabytes_hides_no_hit_beside_it(engine: Running) -> None:
    source = Source(name="windows", index=INDEX, search="scan")
    alone = replace(rule_settings(rule(), Settings()), group_by=None, channels=("mail",))
    with indices(engine.admin()) as admin, connections(engine.admin()) as connection:
        admin.make(INDEX, MAPPING)
        admin.fill(INDEX, [event(f"a shell {number}") for number in range(SMALL)])
        admin.ask("PUT", f"/{INDEX}/_doc/huge?refresh=true", event("a shell " + "x" * 40_000_000))
        state = connection.state()
        Installation(state=state, prefix=PREFIX).install()
        month = "2026.03"
        admin.names.update(f"{PREFIX}-{kind}-{month}" for kind in ("alerts", "hits"))
        detector = Detector(
            source=source,
            events=connection.events(),
            alert_store=AlertStore(state, PREFIX),
            rules=[prepare_rule(rule(), alone, source)],
        )
        detected = detector.detect(DAY)
        assert (detected.hits, detected.alerts, detected.failed) == (SMALL + 1, SMALL + 1, ())
        state.refresh(f"{PREFIX}-*")
        query = {"query": {"term": {"watcher.hit.id": "huge"}}}
        for kind in ("alerts", "hits"):
            (stored,) = admin.ask("POST", f"/{PREFIX}-{kind}-{month}/_search", query)["hits"]["hits"]
            assert len(json.dumps(stored)) < MAX_BULK_BYTES
            note = json.loads(stored["_source"]["event"]["original"])[NOTE]
            assert f"`huge` in `{INDEX}`" in note
            assert stored["_source"]["watcher"]["hit"] == {"id": "huge", "index": INDEX}
        assert detector.detect(DAY).hits == 0
