"""`watcher silence` and `except` on a cluster: no message meanwhile, a count, and one notice at the end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from support.sandbox import IIS, IIS_TITLE, Sandbox, rule_events

ATTACK = next(case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name)


def operated(sandbox: Sandbox) -> Path:
    """Let Slack alone hear of the end of silences, and copy the rule to a folder of its own."""
    channels = json.loads(sandbox.settings().read_text(encoding="utf-8"))["channels"]
    own = sandbox.folder / "own"
    own.mkdir()
    shutil.copy(IIS, own)
    sandbox.changes |= {
        "channels": {**channels, "slack": {**channels["slack"], "operator": True}},
        "rules": {"folders": [str(own)]},
    }
    return own


def test_a_silence_holds_back_and_counts_and_operators_hear_of_its_end_once(
    sandbox_of_either: Sandbox,
) -> None:
    sandbox = sandbox_of_either
    own = operated(sandbox)
    assert sandbox.call("setup").returncode == 0
    assert "no silences" in sandbox.call("silences").stdout
    arguments = ("silence", f'rule="{IIS_TITLE}"', "--for", "1h", "--reason", "patching", "--by", "ada")
    asked = sandbox.call(*arguments)
    assert (asked.returncode, "0 of 0 alerts" in asked.stdout) == (2, True)
    assert sandbox.call(*arguments, "--yes").returncode == 0

    sandbox.feed([ATTACK])
    with sandbox.loop() as loop:
        loop.wait_for_log("delivery.silenced")
        loop.process.kill()
    sandbox.hasten()
    sandbox.once()
    sandbox.once()
    assert (sandbox.slack.requests, sandbox.smtp.messages) == ([], [])
    assert {entry["state"] for entry in sandbox.deliveries().values()} == {"silenced"}
    (listed,) = json.loads(sandbox.call("silences", "--json").stdout)
    assert (listed["phase"], listed["alerts"], listed["by"]) == ("active", 1, "ada")

    assert json.loads(sandbox.call("status", "--json").stdout)["silences"][0]["id"] == listed["id"]
    tried = sandbox.call(
        "except", IIS_TITLE, "--where", "SubjectUserName: jdoe", "--reason", "x", "--search", "--dry-run"
    )
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.count("1 of 1 hits would be removed") == 2  # of stored hits, and of events
    assert "it removes every hit (1)" in tried.stdout
    assert not (own / "exceptions").exists()

    ended = sandbox.call("silence", "--expire", listed["id"], "--by", "bob")
    assert ended.returncode == 0, ended.stderr
    sandbox.once()
    sandbox.once()
    (notice,) = sandbox.slack.requests
    assert "was ended by bob" in notice.body.decode()
    assert "held back 1 alert" in notice.body.decode()
    assert sandbox.smtp.messages == []
    assert sandbox.call("silence", "--expire", listed["id"]).returncode == 2
