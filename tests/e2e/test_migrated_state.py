"""A state that version 2 wrote is taken over: everything pending is sent once, and nothing twice.

The expectation is what the program of version 2 itself did with this state.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.engines import Running
from support.older_state import VERSION_2, captured
from support.sandbox import RULES, Sandbox, open_sandbox

from watcher.ports import NewDocument

CLEARED = RULES / "windows/builtin/security/win_security_audit_log_cleared.yml"
LATER = ("live-ahead-1",)  # dated so far ahead that it is not ahead on the day of the test


@pytest.fixture
def older(engine: Running, tmp_path: Path) -> Iterator[Sandbox]:
    """Create the state and the events that version 2 left on the same engine."""
    with open_sandbox(engine, tmp_path) as sandbox:
        load(sandbox, "events", "winlogbeat-", f"winlogbeat-{sandbox.name}-")
        load(sandbox, "state", "watcher-", f"{sandbox.prefix}-")
        configure(sandbox)
        yield sandbox


def engine_name(sandbox: Sandbox) -> str:
    """Return the engine that the sandbox is on."""
    return sandbox.admin.events().server().engine


def load(sandbox: Sandbox, kind: str, former: str, prefix: str) -> None:
    """Write a captured file into the engine, under the index names of the sandbox."""
    state = sandbox.admin.state()
    exported = captured(kind, engine_name(sandbox))
    for name, template in exported["index_templates"].items():
        patterns = [pattern.replace(former, prefix) for pattern in template["index_patterns"]]
        state.put_template(name.replace(former, prefix), {**template, "index_patterns": patterns})
    events = f"winlogbeat-{sandbox.name}-"
    for former_index, content in exported["indices"].items():
        index = former_index.replace(former, prefix)
        sandbox.ask("PUT", f"/{index}")
        drafts = [
            NewDocument(index=index, id=name, document=json.loads(json.dumps(document).replace("winlogbeat-", events)))
            for name, document in content["documents"].items()
            if name not in LATER
        ]
        assert [created.error for created in state.create(drafts) if not created.new] == []
        state.refresh(index)


def configure(sandbox: Sandbox) -> None:
    """Use settings that fit the state: two sources, three channels, and no folder `own`."""
    start = captured("takeover", engine_name(sandbox))["start"]
    common = {
        "every": "1h",
        "delay": "0s",
        "overlap": "10m",
        "slice": "3650d",
        "late_events": {"past": "3650d", "every": "1s"},
    }
    windows = {"name": "windows", "index": f"winlogbeat-{sandbox.name}-corp-*", "start": start["windows"], **common}
    branch = {"name": "branch", "index": f"winlogbeat-{sandbox.name}-branch-*", "start": start["branch"], **common}
    mail = {"type": "mail", "host": "127.0.0.1", "port": sandbox.smtp.port, "tls": "none"}
    sandbox.changes = {
        "sources": [windows, {**branch, "search": "query", "budget": "5m"}],
        "rules": {"folders": [{"name": "watcher", "path": str(RULES)}]},
        "channels": {
            "mail": {**mail, "sender": "watcher@corp.example", "to": ["soc@corp.example"]},
            "slack": {"type": "slack", "webhook_url": sandbox.slack.url("/slack")},
            "pager": {"type": "slack", "webhook_url": sandbox.slack.url("/pager")},
        },
        "rate_limit": {"alerts": 100},
        "lease": "5s",
    }


def add_own_folder(sandbox: Sandbox) -> Path:
    """Add the folder whose rule a backfill searched when it was killed."""
    folder = sandbox.folder / "own"
    folder.mkdir()
    rule = folder / "maintenance.yml"
    rule.write_bytes((VERSION_2 / "maintenance.yml").read_bytes())
    sandbox.changes["rules"]["folders"].append({"name": "own", "path": str(folder)})
    return rule


def messages(sandbox: Sandbox) -> Counter[tuple[str, ...]]:
    """Count the messages that the channels accepted: channel, and alert id and key of a mail, or text of a post."""
    mails = (
        (
            "mail",
            str(received.message["X-Watcher-Alert"]),
            str(received.message["Message-ID"])[1:].partition("@")[0],
        )
        for received in sandbox.smtp.messages
    )
    posts = (
        (request.path.removeprefix("/"), json.loads(request.body)["text"][:200]) for request in sandbox.slack.requests
    )
    return Counter([*mails, *posts])


def expected_messages(sandbox: Sandbox, *, backfills: bool) -> Counter[tuple[str, ...]]:
    """Count the messages that version 2 sent from this state."""
    expected = captured("takeover", engine_name(sandbox))["messages"]
    return Counter(
        ("mail", message["alert"], message["key"])
        if message["channel"] == "mail"
        else (message["channel"], message["text"])
        for message in expected
        if backfills or "backfill:" not in message.get("subject", message.get("text", ""))
    )


RENAMED = {"told_in": "digest_id", "told_alone": "sent_single"}


def expected_deliveries(sandbox: Sandbox) -> Mapping[str, Any]:
    """Return id and deliveries of each alert, by event, as version 2 left them, in the names of this version."""
    alerts = captured("takeover", engine_name(sandbox))["state_after"]["alerts"]
    return {
        event: (alert["id"], {channel: renamed(entry) for channel, entry in alert["deliveries"].items()})
        for event, alert in alerts.items()
    }


def renamed(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a delivery in the names of this version."""
    names = {RENAMED.get(key, key): value for key, value in entry.items()}
    return {**names, "state": names["state"].replace("owed", "pending")}


def deliveries(sandbox: Sandbox) -> Mapping[str, Any]:
    """Return id and deliveries of each alert, by event."""
    return {
        alert.document["watcher"]["hit"]["id"]: (
            alert.id,
            {
                entry["channel"]: {
                    key: entry[key]
                    for key in ("state", "attempts", "digest_id", "sent_single", "error")
                    if key in entry
                }
                for entry in alert.document["watcher"]["deliveries"]
            },
        )
        for alert in sandbox.documents("alerts")
    }


def hits(sandbox: Sandbox) -> Mapping[str, str]:
    """Return the hits: event → id."""
    return {hit.document["watcher"]["hit"]["id"]: hit.id for hit in sandbox.documents("hits")}


def assert_taken_over(sandbox: Sandbox, expected: Counter[tuple[str, ...]]) -> None:
    """Check messages, alerts, hits and gaps against what version 2 did."""
    sent = messages(sandbox)
    assert sent - expected == Counter()
    assert expected - sent == Counter()
    for key in sandbox.admin.state().get([(f"{sandbox.prefix}-state", f"live-{name}") for name in sandbox.sources]):
        assert key is not None
        body = key.document["body"]
        assert body.get("holes", body.get("gaps")) == []


def finish_backfills(sandbox: Sandbox) -> None:
    """Call the unfinished backfills of version 2 again in the same words."""
    own = add_own_folder(sandbox)
    branch = sandbox.changes["sources"].pop()
    for span, rule in ((("2026-11-04", "2026-11-08"), CLEARED), (("2026-11-10", "2026-11-16"), own)):
        call = sandbox.call("backfill", "--workers", "1", "--from", span[0], "--to", span[1], "--rules", str(rule))
        assert call.returncode == 0, call.stdout + call.stderr
    sandbox.changes["sources"].append(branch)


def test_everything_pending_is_sent_once_and_everything_unfinished_is_finished(older: Sandbox) -> None:
    expected_hits = captured("takeover", engine_name(older))["state_after"]["hits"]
    refused = older.call("status")
    assert refused.returncode == 3
    assert "run `watcher setup`" in refused.stdout + refused.stderr
    for _ in range(2):
        run = older.call("run", "--once")
        # the delivery to the channel that settings lack is postponed
        assert run.returncode in (0, 1), run.stderr
    assert_taken_over(older, expected_messages(older, backfills=False))
    finish_backfills(older)
    assert_taken_over(older, expected_messages(older, backfills=True))
    assert deliveries(older) == expected_deliveries(older)
    assert hits(older) == expected_hits
    older.call("run", "--once")
    assert_taken_over(older, expected_messages(older, backfills=True))
