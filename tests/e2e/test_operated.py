"""watcher as operators see it: status, notices, metrics, liveness, reload, dead-man's switch, systemd."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.expected_deliveries import alert_each_host_once, attack_on
from support.receivers import HttpReceiver, free_port
from support.sandbox import Sandbox, wait_until

BROKEN = "title: Broken\nlogsource: {product: windows}\ndetection:\n  a: {CommandLine: x}\n  condition: a and nowhere\n"


@pytest.fixture
def operated(opensearch_sandbox: Sandbox) -> Iterator[tuple[Sandbox, HttpReceiver]]:
    """Yield a sandbox with an operator channel of its own, fast searches and a short lease."""
    sandbox = opensearch_sandbox
    alert_each_host_once(sandbox)
    sandbox.template()
    sandbox.feed([attack_on("before", "before")], ago=timedelta(seconds=1))
    with HttpReceiver() as operators:
        channels = json.loads(sandbox.settings().read_text(encoding="utf-8"))["channels"]
        channels["ops"] = {"type": "slack", "webhook_url": operators.url("/ops"), "operator": True}
        sandbox.changes |= {"channels": channels, "lease": "3s"}
        yield sandbox, operators


def notices(receiver: HttpReceiver) -> str:
    """Return the notices so far, without the marks that Slack needs between its own."""
    return " ".join(request.body.decode() for request in list(receiver.requests)).replace("\\u200b", "")


def problems(sandbox: Sandbox) -> dict[str, str]:
    """Return the problems of `status` by kind."""
    done = sandbox.call("status", "--json")
    reported = json.loads(done.stdout)["problems"]
    assert done.returncode == int(bool(reported)), done.stdout
    return {str(problem["kind"]): str(problem["message"]) for problem in reported}


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - a server of the test
        text: str = answer.read().decode()
        return text


def test_a_killed_sidecar_is_reported_with_its_name(operated: tuple[Sandbox, HttpReceiver]) -> None:
    sandbox, _ = operated
    with sandbox.loop() as loop:
        loop.wait_for_log("window.searched")
        loop.process.kill()
        loop.process.wait()
        reported: dict[str, str] = {}

        def is_reported() -> bool:
            reported.update(problems(sandbox))
            return "not-searched" in reported

        wait_until(is_reported, what="`not-searched`", shown=lambda: str(reported))
        assert f"-{loop.process.pid}-" in reported["not-searched"]
        assert "start `watcher run`" in reported["not-searched"]


def test_faulty_rules_and_settings_are_notified_and_survive_a_restart(
    operated: tuple[Sandbox, HttpReceiver],
) -> None:
    sandbox, operators = operated
    rules = Path(sandbox.changes["rules"]["folders"][0]["path"])
    own = sandbox.folder / "own"
    own.mkdir()
    sandbox.changes["rules"]["folders"] = [{"name": "shipped", "path": str(rules)}, {"name": "own", "path": str(own)}]
    broken = own / "broken.yml"
    broken.write_text(BROKEN, encoding="utf-8")
    with sandbox.loop() as loop:
        wait_until(lambda: "broken.yml" in notices(operators), what="a notice", shown=loop.log_text)
        file = sandbox.settings()
        good = file.read_text(encoding="utf-8")
        file.write_text(good.replace('"lease": "3s"', '"lease": "soon"'), encoding="utf-8")
        os.kill(loop.process.pid, signal.SIGHUP)
        loop.wait_for_log("settings.refused")
        wait_until(
            lambda: "changed settings are not in use" in notices(operators), what="a notice", shown=loop.log_text
        )
        file.write_text(good.replace('"lease": "3s"', '"lease": "4s"'), encoding="utf-8")
        os.kill(loop.process.pid, signal.SIGHUP)
        loop.wait_for_log("settings.reloaded")
        wait_until(lambda: "over: changed settings" in notices(operators), what="a notice", shown=loop.log_text)
        sandbox.feed([attack_on("after", "after")], ago=timedelta(seconds=1))
        wait_until(lambda: len(sandbox.documents("hits")) == 2, what="a hit of the new session", shown=loop.log_text)
        assert loop.stop(signal.SIGTERM) == 0
    with sandbox.loop() as loop:
        loop.wait_for_log("problem.began")  # recorded again, as it is the same
        assert "broken.yml" in problems(sandbox)["rule-faults"]
        (member,) = json.loads(sandbox.call("status", "--json").stdout)["members"].values()
        assert (member["rules_run"] > 0, member["rules_not_run"]["faulty_files"]) == (True, 1)
        broken.unlink()
        wait_until(lambda: "over: the rule of" in notices(operators), what="a notice", shown=loop.log_text)
        assert loop.stop(signal.SIGTERM) == 0
    assert notices(operators).count("nowhere") == 1


SLOW = """\
title: Letters without End
id: 5d3b5a0e-7a35-4f0d-9c50-0a7f8d1c2b3e
level: high
logsource: {product: windows}
detection:
  a:
    CommandLine|re: '(?=x)x(?:a|a)*(?<!q)(?:a|a)*(?:a|a)*b'
  condition: a
"""


def test_an_undecided_event_is_alerted_notified_and_in_status(operated: tuple[Sandbox, HttpReceiver]) -> None:
    sandbox, operators = operated
    sandbox.rule(SLOW)
    event = attack_on("slow", "slow").event
    data = {**event["winlog"]["event_data"], "CommandLine": "x" + "a" * 20_000 + "-b"}
    hostile = replace(attack_on("slow", "slow"), event={**event, "winlog": {**event["winlog"], "event_data": data}})
    sandbox.feed([hostile], ago=timedelta(seconds=1))
    with sandbox.loop() as loop:
        wait_until(lambda: "takes too long on events" in notices(operators), what="a notice", shown=loop.log_text)
        assert "Letters without End" in problems(sandbox)["undecided-events"]
        loop.wait_for_deliveries()
        assert loop.stop(signal.SIGTERM) == 0
    (alert,) = sandbox.documents("alerts")
    assert alert.document["watcher"]["alert"]["kind"] == "undecided"
    (mail,) = sandbox.smtp.messages
    assert "Undecided: Letters without End" in str(mail.message["Subject"])
    assert sum(b"Undecided: Letters without End" in request.body for request in operators.requests) == 1
    assert "Undecided: Letters without End" in sandbox.call("alerts").stdout


def test_metrics_liveness_systemd_and_the_dead_man_s_switch(
    operated: tuple[Sandbox, HttpReceiver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, operators = operated
    address = f"127.0.0.1:{free_port()}"
    sandbox.changes["monitoring"] = {
        "listen": address,
        "dead_man_url": operators.url("/ping"),
        "dead_man_every": "1s",
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        with sandbox.loop() as loop:
            assert systemd.recv(100) == b"READY=1"
            loop.wait_for_log("channel=slack")
            assert systemd.recv(100) == b"WATCHDOG=1"
            wait_until(lambda: '"/ping"' in paths(operators), what="a call of the switch", shown=loop.log_text)
            wait_until(
                lambda: (
                    'watcher_deliveries_total{channel="slack",outcome="sent"} 1.0' in get(f"http://{address}/metrics")
                ),
                what="the metric of a delivery",
            )
            wait_until(
                lambda: 'watcher_lease_held{lease="delivery"} 1.0' in get(f"http://{address}/metrics"),
                what="the metric of a lease",
            )
            health: dict[str, Any] = json.loads(get(f"http://{address}/healthz"))
            assert (health["status"], health["stuck"]) == ("ok", [])
            assert "source windows" in health["last_success"]
            while select.select([systemd], [], [], 0)[0]:  # a full queue takes no further message
                systemd.recv(100)
            assert loop.stop(signal.SIGTERM) == 0
        received = b""
        while b"STOPPING=1" not in received:
            received = systemd.recv(100)


def paths(receiver: HttpReceiver) -> str:
    """Return the paths of all requests."""
    return json.dumps([request.path for request in list(receiver.requests)])
