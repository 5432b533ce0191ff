"""Failures around watcher: rules, the cluster, settings, channels and hostile events."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.cutting_proxy import CuttingProxy
from support.receivers import HttpReceiver, SmtpServer, free_port
from support.sandbox import IIS, IIS_TITLE, RuleEvent, Sandbox, rule_events, run_watcher, wait_until

ATTACK, AGAIN = [case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name]
BROKEN = "title: Broken\nlogsource: {product: windows}\ndetection:\n  a: {CommandLine: x}\n  condition: a and nowhere\n"


@pytest.fixture
def proxied(opensearch_sandbox: Sandbox) -> Iterator[tuple[Sandbox, CuttingProxy]]:
    """Yield a sandbox whose engine is behind a proxy that is still closed."""
    with CuttingProxy(target=opensearch_sandbox.running.url) as proxy:
        opensearch_sandbox.url = proxy.url
        yield opensearch_sandbox, proxy


# --------------------------------------------------------------------------- rules


def test_changed_rules_are_reloaded_and_no_window_is_skipped(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    rule = IIS.read_text(encoding="utf-8").replace("status:", "id: 0f5e2e0a-2f0d-4a2e-9a0c-2f6d8f3f4b11\nstatus:")
    file = sandbox.rule(rule.replace("- install", "- somethingelse").replace("- add", "- nothing"))
    sandbox.changes["rules"]["select"] = [{"set": {"quiet_period": "10000d"}}]  # no slot ends while this test runs
    sandbox.feed([ATTACK], ago=timedelta(seconds=30))
    with sandbox.loop() as loop:
        loop.wait_for_log("window.searched")
        assert sandbox.documents("alerts") == []
        file.write_text("title: half a ru", encoding="utf-8")
        loop.wait_for_log("rule.retained")
        assert "rule.fault" in loop.log_text()
        file.write_text(rule, encoding="utf-8")
        loop.wait_for_log("rules.changed added=0 changed=1 removed=0")
        loop.wait_for_log("alert.opened")  # it began when the rule was first watched
        sandbox.rule(BROKEN, "broken.yml")
        own = sandbox.rule(rule.replace("0f5e2e0a", "1f5e2e0a").replace("title: ", "title: Second "), "second.yml")
        loop.wait_for_log("rules.changed added=1 changed=0 removed=0")
        sandbox.feed([AGAIN], ago=timedelta(seconds=0))
        wait_until(lambda: len(sandbox.documents("alerts")) == 2, what="the second rule's alert", shown=loop.log_text)
        own.unlink()
        loop.wait_for_log("removed=1")
        assert loop.stop(signal.SIGTERM) == 0
    titles = [alert.document["rule"]["name"] for alert in sandbox.documents("alerts")]
    assert sorted(titles) == sorted([IIS_TITLE, f"Second {IIS_TITLE}"])
    assert "job.failed" not in loop.log_text()


# --------------------------------------------------------------------------- the cluster


def test_one_run_against_a_cluster_that_is_down_says_so_in_one_sentence_and_exits_with_3(tmp_path: Path) -> None:
    done = run_watcher("run", "--once", WATCHER_URL=f"http://127.0.0.1:{free_port()}", HOME=str(tmp_path))
    assert done.returncode == 3
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("watcher: ")]
    assert "refused the connection; check that the cluster is running, and host and port in `hosts`" in sentence
    assert "Traceback" not in done.stderr


def test_a_sidecar_waits_for_a_cluster_that_starts_later_and_operators_hear_of_it(
    proxied: tuple[Sandbox, CuttingProxy],
) -> None:
    sandbox, proxy = proxied
    sandbox.feed([ATTACK])
    with HttpReceiver() as receiver:
        channels = json.loads(sandbox.settings().read_text(encoding="utf-8"))["channels"]
        channels["ops"] = {"type": "slack", "webhook_url": receiver.url("/ops"), "operator": True}
        sandbox.changes["channels"] = channels

        def notices() -> str:
            return " ".join(request.body.decode() for request in list(receiver.requests)).replace("\\u200b", "")

        with sandbox.loop() as loop:
            wait_until(lambda: "the cluster does not answer" in notices(), what="the notice that the cluster is away")
            assert "refused the connection" in notices()
            proxy.open()
            wait_until(lambda: "the cluster answers again" in notices(), what="the notice that it is back")
            loop.wait_for_log("channel=slack")
            assert loop.stop(signal.SIGTERM) == 0
    assert len(sandbox.documents("alerts")) == 1


def test_a_sidecar_that_waits_for_a_cluster_stops_on_a_signal(proxied: tuple[Sandbox, CuttingProxy]) -> None:
    sandbox, _ = proxied
    with sandbox.loop() as loop:
        loop.wait_for_log("cluster.unreachable")
        assert loop.stop(signal.SIGTERM) == 0


def test_a_lost_connection_to_the_cluster_loses_and_duplicates_no_alert(
    proxied: tuple[Sandbox, CuttingProxy],
) -> None:
    sandbox, proxy = proxied
    proxy.open()
    with sandbox.loop() as loop:
        loop.wait_for_log("window.searched")
        proxy.close()
        loop.wait_for_log("cluster.failed")
        sandbox.feed([ATTACK], ago=timedelta(seconds=1))
        proxy.open()
        loop.wait_for_deliveries()
        loop.wait_for_log("cluster.recovered")  # another job may have failed than the job that delivered
        assert loop.stop(signal.SIGTERM) == 0
    assert (len(sandbox.documents("alerts")), len(sandbox.smtp.messages), len(sandbox.slack.requests)) == (1, 1, 1)


def test_a_cluster_that_never_answers_does_not_delay_the_stop(
    proxied: tuple[Sandbox, CuttingProxy],
) -> None:
    sandbox, proxy = proxied
    proxy.open()
    with sandbox.loop() as loop:
        loop.wait_for_log("window.searched")
        proxy.silent = True
        assert loop.stop(signal.SIGTERM, seconds=10) == 0  # as long as a supervisor waits
        assert "sidecar.left" in loop.log_text()


def test_a_pattern_without_indices_is_logged_and_is_no_error(opensearch_sandbox: Sandbox) -> None:
    done = opensearch_sandbox.once()
    assert "event=index.missing" in done.stderr
    assert f"index=winlogbeat-{opensearch_sandbox.name}-*" in done.stderr
    opensearch_sandbox.feed([ATTACK])
    opensearch_sandbox.once()
    assert len(opensearch_sandbox.documents("alerts")) == 1


# --------------------------------------------------------------------------- rules and settings


def test_a_broken_rule_is_logged_with_file_and_line_and_other_rules_run(opensearch_sandbox: Sandbox) -> None:
    broken = opensearch_sandbox.rule(BROKEN, "broken.yml")
    opensearch_sandbox.rule(IIS.read_text(encoding="utf-8"), "iis.yml")
    opensearch_sandbox.feed([ATTACK])
    done = opensearch_sandbox.call("run", "--once")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "rule.fault" in line]
    assert f"{broken}:5:" in line
    assert "nowhere" in line
    assert len(opensearch_sandbox.documents("alerts")) == 1


def test_an_empty_rules_folder_is_logged_and_is_no_error(opensearch_sandbox: Sandbox) -> None:
    (opensearch_sandbox.folder / "rules").mkdir()
    opensearch_sandbox.changes["rules"] = {"folders": [{"name": "own", "path": "rules"}]}
    done = opensearch_sandbox.once()
    assert "the rules folder `own` contains no rule" in done.stderr
    assert "event=rules.none" in done.stderr


def test_wrong_settings_are_reported_with_file_line_key_and_allowed_values(tmp_path: Path) -> None:
    file = tmp_path / "watcher.yml"
    file.write_text(
        "cluster: {hosts: http://127.0.0.1:1}\n"
        "state:\n  store: everything\n"
        "sources:\n  - intervall: 5m\n    every: soon\n",
        encoding="utf-8",
    )
    done = run_watcher("run", "--settings", str(file))
    assert done.returncode == 2
    assert f"{file}:3:10: `state.store`: expected one of `whole`, `fields`, `none`, got `everything`" in done.stderr
    assert f"{file}:5:5: `sources.intervall` is not a setting; " in done.stderr
    assert "`name`, `index`, `time_field`, `every`" in done.stderr
    assert f"{file}:6:12: `sources.every`: expected a duration, got `soon`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_settings_file_is_exit_code_2(tmp_path: Path) -> None:
    done = run_watcher("run", "--settings", str(tmp_path / "none.yml"))
    assert done.returncode == 2
    assert "cannot be read: No such file or directory" in done.stderr


# --------------------------------------------------------------------------- channels


def test_a_mail_refused_temporarily_is_sent_again_and_delays_no_other_channel(
    opensearch_sandbox: Sandbox,
) -> None:
    opensearch_sandbox.feed([ATTACK])
    opensearch_sandbox.smtp.data_reply = "451 later"
    done = opensearch_sandbox.call("run", "--once")
    assert done.returncode == 1
    assert len(opensearch_sandbox.slack.requests) == 1
    deliveries = opensearch_sandbox.deliveries()
    assert (deliveries["slack"]["state"], deliveries["mail"]["state"], deliveries["mail"]["attempts"]) == (
        "sent",
        "pending",
        1,
    )
    assert "451" in deliveries["mail"]["error"]

    opensearch_sandbox.smtp.data_reply = ""
    opensearch_sandbox.once()
    assert opensearch_sandbox.smtp.messages == []  # not due yet
    opensearch_sandbox.hasten()
    opensearch_sandbox.once()
    assert len(opensearch_sandbox.smtp.messages) == len(opensearch_sandbox.slack.requests) == 1
    deliveries = opensearch_sandbox.deliveries()
    assert (deliveries["mail"]["state"], deliveries["mail"]["attempts"]) == ("sent", 2)
    assert "error" not in deliveries["mail"]


def test_a_mail_refused_permanently_fails_and_status_shows_it(opensearch_sandbox: Sandbox) -> None:
    opensearch_sandbox.feed([ATTACK])
    opensearch_sandbox.smtp.recipients = {"soc@corp.example": "550 no such user"}
    done = opensearch_sandbox.call("run", "--once")
    assert done.returncode == 1
    deliveries = opensearch_sandbox.deliveries()
    assert (deliveries["slack"]["state"], deliveries["mail"]["state"]) == ("sent", "failed")
    assert "550" in deliveries["mail"]["error"]
    assert "due" not in deliveries["mail"]
    status = opensearch_sandbox.call("status")
    assert status.returncode == 1
    assert "failed" in status.stdout


def test_an_unreachable_mail_server_leaves_the_mail_pending(opensearch_sandbox: Sandbox) -> None:
    opensearch_sandbox.feed([ATTACK])
    with SmtpServer() as gone:
        pass
    opensearch_sandbox.smtp, kept = gone, opensearch_sandbox.smtp
    assert opensearch_sandbox.call("run", "--once").returncode == 1
    assert opensearch_sandbox.deliveries()["mail"]["state"] == "pending"
    opensearch_sandbox.smtp = kept
    opensearch_sandbox.hasten()
    opensearch_sandbox.once()
    assert len(kept.messages) == 1


def test_an_alert_of_a_deleted_rule_is_still_delivered(opensearch_sandbox: Sandbox) -> None:
    file = opensearch_sandbox.rule(IIS.read_text(encoding="utf-8"))
    opensearch_sandbox.feed([ATTACK])
    opensearch_sandbox.smtp.data_reply = "451 later"
    opensearch_sandbox.call("run", "--once")
    file.unlink()
    opensearch_sandbox.smtp.data_reply = ""
    opensearch_sandbox.hasten()
    opensearch_sandbox.once()
    (mail,) = opensearch_sandbox.smtp.messages
    assert "T1505/004" in mail.part("text/plain")


# --------------------------------------------------------------------------- hostile events


def test_escapes_and_markup_of_an_event_are_shown_as_data(opensearch_sandbox: Sandbox) -> None:
    event = {
        **ATTACK.event,
        "host": {"name": "[red]web\x1b[31m"},
        "winlog": {
            **ATTACK.event["winlog"],
            "computer_name": "[red]web\x1b[31m",
            "event_data": {
                **ATTACK.event["winlog"]["event_data"],
                "CommandLine": "appcmd install module \x1b]0;own\x07 \N{RIGHT-TO-LEFT OVERRIDE} [bold red]x[/] \x9b2J",
            },
        },
    }
    opensearch_sandbox.feed([RuleEvent(rule="", expect="hit", name="", event=event, id="evil")])
    opensearch_sandbox.once()
    shown = opensearch_sandbox.call("alerts", FORCE_COLOR="1")
    assert shown.returncode == 0
    assert "[bold red]x[/]" in shown.stdout
    assert "[red]web\\x1b[31m" in shown.stdout
    for raw in ("\x1b]0;", "\x07", "\N{RIGHT-TO-LEFT OVERRIDE}", "\x9b", "\x1b[31mw"):
        assert raw not in shown.stdout
    as_json = opensearch_sandbox.call("alerts", "--json").stdout
    assert "\x1b" not in as_json
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in as_json


def test_past_events_are_searched_in_slices(opensearch_sandbox: Sandbox) -> None:
    opensearch_sandbox.feed([ATTACK], ago=timedelta(minutes=50))
    opensearch_sandbox.feed([AGAIN], ago=timedelta(minutes=2))
    now = opensearch_sandbox.admin.events().now()
    opensearch_sandbox.changes["sources"] = [
        {
            "index": f"winlogbeat-{opensearch_sandbox.name}-*",
            "delay": "0s",
            "overlap": "1m",
            "slice": "10m",
            "start": (now - timedelta(hours=1)).isoformat(),
        }
    ]
    done = opensearch_sandbox.once()
    windows = re.search(r"event=run\.done windows=(\d+)", done.stderr)
    assert windows is not None, done.stderr
    assert int(windows[1]) >= 6
    assert len(opensearch_sandbox.documents("hits")) == 2
    wait_until(lambda: len(opensearch_sandbox.slack.requests) >= 1, what="a message")
