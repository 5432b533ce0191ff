"""An alert reaches the channel of an installed package, by `watcher run` and its delivery."""

from __future__ import annotations

import json
from pathlib import Path

from support.receivers import HttpReceiver
from support.sandbox import IIS, IIS_TITLE, Sandbox, rule_events, run_watcher


def test_an_alert_is_delivered_to_an_installed_channel(opensearch_sandbox: Sandbox, webhook_package: Path) -> None:
    sandbox = opensearch_sandbox
    sandbox.caller = run_watcher  # a process of its own finds the package
    sandbox.template()
    sandbox.feed(rule_events(IIS)[:1])
    with HttpReceiver(status=503, answer="starting") as receiver:
        sandbox.changes["channels"] = {"hook": {"type": "hook", "url": receiver.url("/alerts/secret-token")}}
        done = sandbox.call("run", "--once", PYTHONPATH=str(webhook_package))
        assert done.returncode == 1, done.stderr  # a message is pending
        delivery = sandbox.deliveries()["hook"]
        assert (delivery["state"], delivery["error"]) == ("pending", "channel `hook`: answered 503 `starting`")

        receiver.status = 200
        sandbox.hasten()
        done = sandbox.call("run", "--once", PYTHONPATH=str(webhook_package))
        assert done.returncode == 0, done.stderr
    assert sandbox.deliveries()["hook"]["state"] == "sent"
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    message = json.loads(second.body)
    (alert,) = sandbox.documents("alerts")
    assert (message["id"], message["rule"], message["origin"]) == (alert.id, IIS_TITLE, "live")
