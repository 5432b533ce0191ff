"""A state that version 2 wrote is taken over: everything pending is sent once, and nothing twice.

The expectation is what the program of version 2 itself did with this state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.older_sandbox import assert_taken_over, engine_name, expected_messages
from support.older_state import VERSION_2, captured
from support.sandbox import RULES, Sandbox

CLEARED = RULES / "windows/builtin/security/win_security_audit_log_cleared.yml"


def add_own_folder(sandbox: Sandbox) -> Path:
    """Add the folder whose rule a backfill searched when it was killed."""
    folder = sandbox.folder / "own"
    folder.mkdir()
    rule = folder / "maintenance.yml"
    rule.write_bytes((VERSION_2 / "maintenance.yml").read_bytes())
    sandbox.changes["rules"]["folders"].append({"name": "own", "path": str(folder)})
    return rule


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


def events_of_hits(sandbox: Sandbox) -> list[str]:
    """Return the event of each hit; ids differ, because version 4 identifies new hits by their content, too."""
    return sorted(hit.document["watcher"]["hit"]["id"] for hit in sandbox.documents("hits"))


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
    assert events_of_hits(older) == sorted(expected_hits)
    older.call("run", "--once")
    assert_taken_over(older, expected_messages(older, backfills=True))
