"""Events nested as deep as an engine accepts, and events that decoders refuse: every window is searched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from support.expected_deliveries import alert_each_host_once, attack_on, expected_deliveries
from support.sandbox import SMALL_TEMPLATE, Sandbox

DEPTH = 990  # both engines refuse more than 1,000 levels
ARRAYS = {"elasticsearch": DEPTH, "opensearch": 20}  # OpenSearch refuses arrays nested deeper than its mapping may be
PLACE = "@PLACE@"


def nested(before: str, value: str, after: str, depth: int = DEPTH) -> str:
    """Return a value nested at that depth in arrays or objects."""
    return before * depth + value + after * depth


def put(sandbox: Sandbox, name: str, parts: Mapping[str, str], *, command_line: str = "") -> None:
    """Index an attack on a host whose document contains JSON that no Python encoder writes."""
    moment = sandbox.admin.events().now() - timedelta(minutes=2)
    event: dict[str, Any] = {**attack_on(name, name).event, "@timestamp": moment.isoformat()}
    text = json.dumps({**event, **dict.fromkeys(parts, PLACE)})
    for part in parts.values():
        text = text.replace(json.dumps(PLACE), part, 1)
    if command_line:
        line = json.dumps(event["winlog"]["event_data"]["CommandLine"])
        assert line in text
        text = text.replace(line, command_line.replace(PLACE, line), 1)
    sandbox.index_text(name, text)


@pytest.mark.parametrize(("search", "fetch"), [("scan", "whole"), ("scan", "needed"), ("query", "whole")])
def test_the_deepest_events_match_and_leave_no_gap(sandbox: Sandbox, search: str, fetch: str) -> None:
    alert_each_host_once(sandbox)
    template = json.loads(json.dumps(SMALL_TEMPLATE))
    template["template"]["mappings"]["properties"]["unread"] = {"type": "object", "enabled": False}
    sandbox.template(template)
    sandbox.source(search=search, fetch=fetch, overlap="10m")
    sandbox.feed([attack_on("plain", "plain")])
    arrays = ARRAYS[sandbox.admin.server.engine]
    put(sandbox, "command-line", {}, command_line=nested("[", PLACE, "]", arrays))
    put(sandbox, "arrays", {"beside": nested("[", '"x"', "]", arrays)})
    put(sandbox, "objects", {"unread": nested('{"a":', '"x"', "}")})
    put(sandbox, "numbers", {"unread": f'{{"numbers": [1e400, -1e400, {"9" * 400}]}}'})
    put(sandbox, "surrogate", {"unread": '{"half": "\\ud800"}'})
    put(sandbox, "comment", {"unread": '/* both engines */ {"a": 1} // take and return comments\n'})
    put(sandbox, "long", {"unread": json.dumps({"long": "x" * 5_000_000})})
    put(sandbox, "entries", {"unread": json.dumps({"entries": list(range(100_000))})})
    put(sandbox, "keys", {"unread": json.dumps({f"key{number}": number for number in range(20_000)})})
    hosts = ["plain", "command-line", "arrays", "objects", "numbers", "surrogate", "comment", "long", "entries", "keys"]
    done = sandbox.once()
    state = expected_deliveries(sandbox)
    assert state.lost(hosts, hosts) == []
    assert not state.doubled()
    assert sandbox.gaps() == []
    assert "event.unreadable" not in done.stderr
    assert len(done.stderr) < 100_000
