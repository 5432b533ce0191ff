"""A forged event fills the quiet period of a computer: the real one that joins its alert reaches operators too.

The run that joins it is killed at its steps, a second run repeats it, and a backfill searches it again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.expected_deliveries import alert_each_host_once, attack_on
from support.killed_runs import killed_runs
from support.sandbox import RuleEvent, Sandbox


def on_the_controller(name: str, *, agent: str, **data: str) -> RuleEvent:
    """Return an attack that says it is of DC01, sent by an agent."""
    attack = attack_on(name, "DC01")
    winlog = {**attack.event["winlog"], "event_data": {**attack.event["winlog"]["event_data"], **data}}
    return replace(attack, event={**attack.event, "agent": {"name": agent}, "winlog": winlog})


FORGED = on_the_controller("forged", agent="WS7", SubjectUserName="nobody")
REAL = on_the_controller("real", agent="DC01", SubjectUserName="mallory", ParentProcessName="C:\\Temp\\evil.exe")


def mails(sandbox: Sandbox) -> list[Any]:
    """Return the mails in the order of their arrival."""
    return [mail.message for mail in list(sandbox.smtp.messages)]


def test_the_real_event_that_joins_a_forged_one_is_a_second_message(sandbox: Sandbox) -> None:
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.feed([FORGED])
    sandbox.once()
    sandbox.feed([REAL])
    sandbox.once()
    sandbox.once()
    first, update = mails(sandbox)
    assert (update["In-Reply-To"], update["References"]) == (first["Message-ID"], first["Message-ID"])
    assert str(update["Subject"]).startswith("[HIGH] DC01")
    text = update.get_body(("plain",)).get_content()
    for line in ("New user        CORP\\mallory", "New parent      C:\\Temp\\evil.exe", "New agent       DC01"):
        assert line in text
    assert "Users         CORP\\nobody, CORP\\mallory" in text
    assert len(sandbox.slack.requests) == 2
    assert "mallory" in sandbox.slack.requests[1].body.decode()
    (alert,) = sandbox.documents("alerts")
    assert (alert.document["watcher"]["joined"]["count"], len(sandbox.documents("hits"))) == (2, 2)


@pytest.mark.parametrize("every", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_while_a_hit_joins_sends_its_update_once(opensearch_sandbox: Sandbox, every: int) -> None:
    """Kill runs at every so many steps."""
    sandbox = opensearch_sandbox
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.feed([FORGED])
    allowed = Counter[str]()
    with killed_runs(sandbox) as runs:
        runs.run()
        sandbox.feed([REAL])
        step, ended = 1, runs.run(at=1)
        while ended["status"] == -9:
            allowed.update(ended["unrecorded"])
            sandbox.hasten()  # claims of killed runs expire
            step += every
            ended = runs.run(at=step)
        runs.run()
    yesterday = sandbox.admin.events().now() - timedelta(days=1)
    assert sandbox.call("backfill", "--from", yesterday.isoformat(), "--notify", "all").returncode == 0
    keys = Counter(str(mail["Message-ID"])[1:].partition("@")[0] for mail in mails(sandbox))
    assert len(keys) == 2
    assert Counter({key: count - 1 for key, count in keys.items() if count > 1}) - allowed == Counter()
    (alert,) = sandbox.documents("alerts")
    assert (alert.document["watcher"]["joined"]["count"], alert.document["watcher"]["joined"]["updates"]) == (2, 1)
