"""Backfills: delivered once, continued after a kill, and joined by live hits."""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from support.processes import alive
from support.sandbox import COMMAND, IIS, RuleEvent, Sandbox, environ, rule_events, wait_until

from watcher.errors import Overloaded

ATTACK, *_ = [case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name]
DAYS = 6
EACH = {"folders": [{"name": "own", "path": str(IIS.parent)}], "select": [{"set": {"group_by": "event"}}]}


def attacks(count: int) -> list[RuleEvent]:
    """Return copies of the attack with ids of their own."""
    return [
        RuleEvent(rule=ATTACK.rule, expect="hit", name="", event=ATTACK.event, id=f"attack-{n}") for n in range(count)
    ]


def feed_days(sandbox: Sandbox) -> None:
    """Index three attacks on each of some days."""
    for day in range(1, DAYS + 1):
        attacks_of_day = [
            RuleEvent(rule=attack.rule, expect="hit", name="", event=attack.event, id=f"{day}-{attack.id}")
            for attack in attacks(3)
        ]
        sandbox.feed(attacks_of_day, ago=timedelta(days=day))


def start(sandbox: Sandbox) -> str:
    """Return a timestamp before all attacks."""
    return (sandbox.admin.events().now() - timedelta(days=DAYS + 1)).isoformat()


def totals(sandbox: Sandbox) -> tuple[int, int, int, int]:
    """Count alerts, hits, mails and Slack messages."""
    return (
        len(sandbox.documents("alerts")),
        len(sandbox.documents("hits")),
        len(sandbox.smtp.messages),
        len(sandbox.slack.requests),
    )


def test_a_backfill_sends_a_single_message_and_is_not_delivered_again(sandbox: Sandbox) -> None:
    sandbox.changes["rules"] = EACH
    feed_days(sandbox)
    done = sandbox.call("backfill", "--from", start(sandbox))
    assert done.returncode == 0, done.stderr
    assert "18 events, 18 hits (18 new), 18 alerts opened" in done.stdout
    assert totals(sandbox) == (18, 18, 1, 1)
    assert b"18 hits" in sandbox.smtp.messages[0].raw
    again = sandbox.call("backfill", "--from", start(sandbox), "--notify", "all")
    assert again.returncode == 0, again.stderr
    assert "18 hits (0 new), 0 alerts opened" in again.stdout
    sandbox.once()
    assert totals(sandbox) == (18, 18, 1, 1)


def test_a_backfill_delivers_no_live_alert_again_and_ends_at_the_watermark(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    sandbox.feed([ATTACK], ago=timedelta(minutes=2))
    sandbox.once()
    assert totals(sandbox) == (1, 1, 1, 1)
    done = sandbox.call("backfill", "--from", start(sandbox), "--to", "2030-01-01", "--notify", "all")
    assert "ends at the watermark" in done.stderr
    assert "1 hits (0 new), 0 alerts opened" in done.stdout
    assert totals(sandbox) == (1, 1, 1, 1)


def test_a_live_hit_of_a_silent_backfill_alert_is_delivered_once(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    select = [{"set": {"quiet_period": "10000d"}}]
    sandbox.changes["rules"] = {"folders": [{"name": "own", "path": str(IIS.parent)}], "select": select}
    sandbox.feed([ATTACK], ago=timedelta(days=2))
    sandbox.once()
    assert totals(sandbox) == (0, 0, 0, 0)  # it lies before the first window
    assert sandbox.call("backfill", "--from", start(sandbox), "--notify", "none").returncode == 0
    assert totals(sandbox) == (1, 1, 0, 0)
    sandbox.feed(
        [RuleEvent(rule=ATTACK.rule, expect="hit", name="", event=ATTACK.event, id="live")], ago=timedelta(seconds=5)
    )
    sandbox.once()
    sandbox.once()
    assert totals(sandbox) == (1, 2, 1, 1)


def test_a_killed_backfill_continues_and_finds_every_hit(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    sandbox.changes["rules"] = EACH
    feed_days(sandbox)
    since = start(sandbox)
    command = [COMMAND, "backfill", "--from", since, "--workers", "1", "--settings", sandbox.settings()]
    for recorded in (3, 9):  # of 18
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ()) as process:
            wait_until(partial(ended_or_recorded, process, sandbox, recorded), what=f"{recorded} hits", seconds=120)
            process.send_signal(signal.SIGKILL)
    done = sandbox.call("backfill", "--from", since, "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    (outcome,) = json.loads(done.stdout[done.stdout.index("[\n") :])
    assert outcome["finished"]
    alerts, hits, mails, messages = totals(sandbox)
    assert (alerts, hits) == (18, 18)
    assert 1 <= mails <= 3
    assert 1 <= messages <= 3
    assert len({str(mail.message["Message-ID"]) for mail in sandbox.smtp.messages}) == 1


def ended_or_recorded(process: subprocess.Popen[bytes], sandbox: Sandbox, hits: int) -> bool:
    """Whether a backfill has recorded that many hits, or ended by itself."""
    try:
        recorded = sandbox.admin.state().count(f"{sandbox.prefix}-hits-*", {"match_all": {}})
    except Overloaded:  # the shards of an index that was just created have not started
        recorded = 0
    return process.poll() is not None or recorded >= hits


def test_the_workers_of_a_killed_backfill_end(sandbox: Sandbox) -> None:
    sandbox.changes["rules"] = EACH
    feed_days(sandbox)
    command = [COMMAND, "backfill", "--from", start(sandbox), "--workers", "2", "--settings", sandbox.settings()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ()) as process:
        begun: set[int] = set()
        wait_until(lambda: begun.update(workers(process.pid)) or len(begun) == 2, what="two workers")
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(map(alive, begun)), what="the end of both")


def workers(parent: int) -> list[int]:
    """Return the process ids of a backfill's workers."""
    pids = []
    for line in Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split():
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{line}/cmdline").read_bytes():
                pids.append(int(line))
    return pids


def test_a_preview_counts_hits_and_writes_nothing(sandbox: Sandbox) -> None:
    feed_days(sandbox)
    done = sandbox.call("preview", str(IIS), "--days", str(DAYS + 2), "--json")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["hits"] == 18
    assert sorted(count for count in seen["days"].values() if count) == [3] * DAYS
    assert sum(seen["hosts"].values()) == 18
    answer = sandbox.admin.transport.request("GET", f"/_cat/indices/{sandbox.prefix}-*", params={"format": "json"})
    assert answer.status != 200 or answer.body == []
    shown = sandbox.call("preview", str(IIS), "--days", str(DAYS + 2))
    assert "18 hits in 8 days" in shown.stdout
