"""A correlation over two sources, Windows and Linux, whose sidecars are killed between the events: alerted once."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta

import pytest
from support.held_leases import bodies, holders, process_of
from support.sandbox import RunningSidecar, Sandbox, wait_until

from watcher.model import EventDocument
from watcher.timestamps import read_timestamp

KILLS = 4
LEASES = ("lease-live-windows", "lease-live-linux")
RULES = """\
title: SSH Login
name: ssh_login
id: 11111111-1111-4111-8111-111111111111
status: test
level: high
logsource: {product: linux, service: sshd}
detection:
  selection: {event.action: ssh_login, event.outcome: success}
  condition: selection
---
title: Failed Logon
name: failed_logon
id: 22222222-2222-4222-8222-222222222222
status: test
level: high
logsource: {product: windows, service: security}
detection:
  selection: {EventID: 4625}
  condition: selection
---
title: Failed Logon After SSH Login
id: 33333333-3333-4333-8333-333333333333
status: test
level: high
correlation:
  type: temporal_ordered
  rules: [ssh_login, failed_logon]
  group-by: [account]
  timespan: 10m
  aliases:
    account: {ssh_login: user.name, failed_logon: TargetUserName}
"""


def ssh_login(user: str) -> EventDocument:
    event = {
        "@timestamp": "2026-11-28T00:00:00.000Z",
        "host": {"name": "web01"},
        "event": {"action": "ssh_login", "outcome": "success", "dataset": "system.auth", "module": "system"},
        "user": {"name": user},
    }
    return EventDocument(index="", id=f"ssh-{user}", event=event)


def failed_logon(user: str) -> EventDocument:
    event = {
        "@timestamp": "2026-11-28T00:00:00.000Z",
        "host": {"name": "DC01"},
        "event": {"code": "4625", "provider": "Microsoft-Windows-Security-Auditing"},
        "winlog": {
            "channel": "Security",
            "event_id": "4625",
            "computer_name": "DC01",
            "event_data": {"TargetUserName": user.upper()},
        },
    }
    return EventDocument(index="", id=f"logon-{user}", event=event)


def feed(sandbox: Sandbox, source: str, event: EventDocument) -> None:
    """Index an event of a source, and wait until the source was searched up to now."""
    sandbox.feed([event], ago=timedelta(seconds=1), index=f"winlogbeat-{sandbox.name}-{source}")
    now = sandbox.admin.events().now()

    def is_searched() -> bool:
        body = bodies(sandbox, f"live-{source}").get(f"live-{source}")
        return body is not None and read_timestamp(body["watermark"]) > now

    wait_until(is_searched, what=f"a search of `{source}`", seconds=90)


def kill_holder(sandbox: Sandbox, loops: Sequence[RunningSidecar], source: str) -> None:
    """Kill the sidecar that searches a source."""
    held: list[int] = []

    def is_held() -> bool:
        holder = process_of(holders(sandbox, LEASES).get(f"lease-live-{source}", ""))
        held[:] = [holder] if holder in {loop.process.pid for loop in loops if loop.process.poll() is None} else []
        return bool(held)

    wait_until(is_held, what=f"a holder of `{source}`", seconds=90)
    os.kill(held[0], signal.SIGKILL)
    next(loop for loop in loops if loop.process.pid == held[0]).process.wait()


def alerted(sandbox: Sandbox) -> list[str]:
    return sorted(alert.document["watcher"]["alert"]["key"][0].lower() for alert in sandbox.documents("alerts"))


@pytest.mark.slow
def test_two_sources_alert_once_though_the_sidecars_are_killed_between_their_events(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.rule(RULES)
    sandbox.changes["lease"] = "3s"
    sandbox.changes["sources"] = [
        {"name": name, "index": f"winlogbeat-{sandbox.name}-{name}", "every": "1s", "delay": "0s", "overlap": "10m"}
        for name in ("windows", "linux")
    ]
    expected: list[str] = []
    with ExitStack() as stack:
        loops = [stack.enter_context(sandbox.loop()) for _ in range(2)]
        for number in range(KILLS):
            user, killed = f"user{number}", ("windows", "linux")[number % 2]
            feed(sandbox, "linux", ssh_login(user))
            kill_holder(sandbox, loops, killed)
            loops.append(stack.enter_context(sandbox.loop()))
            feed(sandbox, "windows", failed_logon(user))
            expected.append(f"account={user}")
            wait_until(
                lambda: alerted(sandbox) == expected,
                what=f"one alert for each of {expected}",
                shown=lambda: str(alerted(sandbox)),
                seconds=90,
            )
        loops[-1].wait_for_log("sidecar.started")
        assert [loop.stop(signal.SIGTERM) for loop in loops if loop.process.poll() is None] == [0, 0]
    sandbox.once()
    assert alerted(sandbox) == expected
    hits = [hit.document["watcher"]["correlation"] for hit in sandbox.documents("hits")]
    assert len(hits) == KILLS  # each completing event once
    for counted in hits:
        assert [(rule["title"], rule["count"]) for rule in counted["rules"]] == [("SSH Login", 1), ("Failed Logon", 1)]
