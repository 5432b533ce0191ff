"""The other commands, as a user calls them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from support.engines import Running
from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, Sandbox, open_sandbox, rule_events, stamp

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|4[0-7])(?:;\d+)*m")


@pytest.fixture(scope="module")
def attacked(opensearch: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Yield a sandbox where an alert of one attack was sent."""
    with open_sandbox(opensearch, tmp_path_factory.mktemp("attacked")) as sandbox:
        sandbox.caller = call
        sandbox.template()
        sandbox.feed(rule_events(IIS)[:1])
        sandbox.once()
        yield sandbox


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_version_is_shown(argument: str) -> None:
    done = call(argument)
    assert (done.returncode, done.stdout) == (0, f"sigma-watcher {version('sigma-watcher')}\n")


def test_setup_installs_the_templates_once(sandbox: Sandbox) -> None:
    names = ", ".join(f"{sandbox.prefix}-{kind}" for kind in ("alerts", "hits", "state"))
    advice = "the cluster has no lifecycle service: run `watcher setup --retention` regularly"
    assert sandbox.call("setup").stdout == f"installed: {names}\n{advice}\n"
    assert sandbox.call("setup").stdout == "everything is installed already\n"


@pytest.mark.parametrize("channel", ["mail", "slack"])
def test_notify_sends_a_message_that_is_marked_as_a_test(sandbox: Sandbox, channel: str) -> None:
    done = sandbox.call("notify", channel)
    assert (done.returncode, done.stdout) == (0, f"`{channel}` accepted the test message\n")
    if channel == "mail":
        (mail,) = sandbox.smtp.messages
        assert "THIS IS A TEST" in mail.part("text/plain")
    else:
        (request,) = sandbox.slack.requests
        assert "TEST" in json.loads(request.body)["text"]


def test_notify_shows_the_answer_of_the_channel_and_no_secret(sandbox: Sandbox) -> None:
    sandbox.slack.status, sandbox.slack.answer = 404, "no_service"
    done = sandbox.call("notify", "slack")
    assert done.returncode == 1
    assert "answered 404 `no_service`" in done.stdout
    assert "secret-token" not in done.stdout + done.stderr


def test_notify_lists_the_channels_of_settings(sandbox: Sandbox) -> None:
    done = sandbox.call("notify", "pager")
    assert done.returncode == 2
    assert "no channel is called `pager`; settings have `mail`, `slack`; add it under `channels`" in done.stderr


def test_status_shows_how_far_each_source_is_searched(attacked: Sandbox) -> None:
    done = attacked.call("status")
    assert done.returncode == 0
    assert f"winlogbeat-{attacked.name}-*" in done.stdout
    assert re.search(r"│ \d+ s ", done.stdout)
    status = json.loads(attacked.call("status", "--json").stdout)
    (source,) = status["sources"]
    assert (source["source"], source["indices"], source["closed"]) == ("windows", 1, [])
    assert stamp(source["searched_until"])
    assert source["lag_seconds"] >= 0
    assert {(message["channel"], message["state"], message["count"]) for message in status["messages"]} == {
        ("mail", "sent", 1),
        ("slack", "sent", 1),
    }


def test_status_exits_with_1_before_the_first_search(sandbox: Sandbox) -> None:
    done = sandbox.call("status")
    assert done.returncode == 1
    assert "never searched" in done.stdout


def test_alerts_shows_the_event_and_the_deliveries(attacked: Sandbox) -> None:
    done = attacked.call("alerts")
    assert done.returncode == 0
    for part in (IIS_TITLE, "high", "WEB01.corp.example", "jdoe", "/name:MyNativeModule", "mail sent", "slack sent"):
        assert part in done.stdout
    (line,) = attacked.call("alerts", "--json").stdout.splitlines()
    alert = json.loads(line)
    assert alert["rule"]["name"] == IIS_TITLE
    assert alert["id"] == alert["watcher"]["alert"]["id"]
    assert attacked.call("alerts", "--json", "--limit", "0").stdout == ""


def test_alerts_without_any_says_so(sandbox: Sandbox) -> None:
    done = sandbox.call("alerts")
    assert (done.returncode, done.stdout) == (0, "no alerts\n")
    assert sandbox.call("alerts", "--json").stdout == ""


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_alerts_fit_the_terminal(attacked: Sandbox, columns: int) -> None:
    shown = attacked.call("alerts", COLUMNS=str(columns)).stdout
    assert max(map(len, shown.splitlines())) <= columns


def test_no_color_removes_colours(attacked: Sandbox) -> None:
    assert COLOUR.search(attacked.call("alerts", FORCE_COLOR="1").stdout)
    assert not COLOUR.search(attacked.call("alerts", FORCE_COLOR="1", NO_COLOR="1").stdout)
    assert "\x1b" not in attacked.call("alerts").stdout  # no terminal


def test_the_log_goes_to_standard_error_as_json_lines(sandbox: Sandbox) -> None:
    done = sandbox.call("run", "--once", "--log-json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert {"rules.read", "state.templates", "window.searched", "run.done"} <= {line["event"] for line in lines}


def test_settings_are_read_from_the_working_folder(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.settings()
    monkeypatch.chdir(sandbox.folder)
    assert json.loads(call("status", "--json").stdout)["sources"][0]["index"] == f"winlogbeat-{sandbox.name}-*"


def test_an_unknown_option_is_exit_code_2(tmp_path: Path) -> None:
    assert call("run", "--twice", HOME=str(tmp_path)).returncode == 2


def test_explain_shows_the_search_strategy(sandbox: Sandbox) -> None:
    done = sandbox.call("explain", "--plan")
    assert done.returncode == 0, done.stderr
    queries = sum(".test." not in path.name for path in IIS.parent.glob("*.yml"))
    assert (
        f"scan: 0 events of the window are fewer than {queries},000 (1,000 for each of {queries} queries, "
        "by `scan_below`)" in done.stdout
    )


def test_explain_without_a_rule_names_the_next_step(sandbox: Sandbox) -> None:
    done = sandbox.call("explain")
    assert done.returncode == 2
    assert "no rule is named; name a rule, or pass `--plan`" in done.stderr
