"""The demo as a user calls it, and its parts that need no engine."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from io import StringIO

import pytest
from rich.console import Console, RenderableType
from support.sandbox import IIS, IIS_TITLE, rule_events, run_watcher

from watcher.demo import shift_event
from watcher.present.message_panels import mail_panel, slack_panel
from watcher.present.progress_bars import stages
from watcher.shipped import shipped

LONG = "C:\\Windows\\System32\\inetsrv\\appcmd.exe install module /name:MyNativeModule /image:c:\\some\\where\\my.dll"


def test_the_demo_shows_alerts_the_mail_and_the_slack_message_and_exits_with_0() -> None:
    done = run_watcher("demo", COLUMNS="100")
    assert done.returncode == 0, done.stderr
    alerts, mail, slack = re.split(r"╭─ (?:Mail|Slack message) ─+╮", done.stdout)
    assert re.search(r"\d+ events, (\d+) alerts, \1 mails, \1 Slack messages", alerts)
    assert alerts.count(IIS_TITLE) == 2
    for part in ("WEB01.corp.example", "high", "mail sent", "slack sent", "/name:MyNativeModule"):
        assert part in alerts
    for part in ("[HIGH]", "text/plain, text/html", "CORP\\jdoe", "https://attack.mitre.org/techniques/T1505/004/"):
        assert part in mail
    assert re.search(r"│ CommandLine +│\n│ +C:\\Windows", slack)
    assert "[ Open in Discover ]" in slack
    assert max(map(len, done.stdout.splitlines())) <= 100
    # no terminal: a line a stage, nothing that moves
    assert [line for line in done.stderr.splitlines() if line.startswith(("starting", "indexing", "searching"))][1:]
    assert "\r" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_every_timestamp_of_a_demo_event_is_shifted() -> None:
    at = datetime(2031, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
    for line in shipped("demo/events.ndjson").read_text(encoding="utf-8").splitlines():
        event = shift_event(json.loads(line)["event"], at)
        assert event["@timestamp"] == "2031-05-06T07:08:09.123Z"
        days = set(re.findall(r"\d{4}-\d\d-\d\d(?=[T ]\d\d:)", json.dumps(event)))
        assert days == {"2031-05-06"}
        if "UtcTime" in event["winlog"].get("event_data", {}):
            assert event["winlog"]["event_data"]["UtcTime"] == "2031-05-06 07:08:09.123"
            assert "UtcTime: 2031-05-06 07:08:09.123" in event.get("message", "UtcTime: 2031-05-06 07:08:09.123")


def test_shifting_changes_only_timestamps() -> None:
    event = rule_events(IIS)[0].event
    again = shift_event(
        shift_event(event, datetime(2031, 5, 6, tzinfo=UTC)), datetime.fromisoformat(event["@timestamp"])
    )
    assert again == event


def drawn(what: RenderableType, width: int) -> list[str]:
    """Return the lines of a renderable on a terminal of that width."""
    console = Console(file=StringIO(), width=width)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.example", "c@d.example", "[HIGH] x \x1b[31m"
    message["Message-ID"] = "<1@b.example>"
    message.set_content(
        f"Rule            {IIS_TITLE}\nCommand line    {LONG}\n\nReferences\n  https://a.example/{'x' * 200}\n"
    )
    message.add_alternative("<p>x</p>", subtype="html")
    return message


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_a_mail_wraps_long_values_under_their_labels(width: int) -> None:
    lines = drawn(mail_panel(mail(), width=width), width)
    assert {len(line) for line in lines} == {width}
    (number,) = [number for number, line in enumerate(lines) if line.startswith("│ Command line    C:\\Windows")]
    if width < 120:
        assert lines[number + 1].startswith(f"│ {' ' * 16}")
    assert not any("\x1b" in line for line in lines)


def test_a_slack_message_keeps_the_order_and_line_breaks_of_its_texts() -> None:
    section = [
        {"type": "text", "text": " "},
        {"type": "text", "text": "Host  ", "style": {"bold": True}},
        {"type": "text", "text": "WEB01 [red]\n"},
        {"type": "link", "url": "https://a.example", "text": "one"},
        {"type": "text", "text": "  "},
        {"type": "link", "url": "https://b.example", "text": "two"},
    ]
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "HIGH"}},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": section}]},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "Command line"}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a\x07b"}]},
            ],
        },
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open"}}]},
        {"type": "context", "elements": [{"type": "plain_text", "text": "alert 1"}]},
    ]
    lines = [line.strip("│ ") for line in drawn(slack_panel({"blocks": blocks}), 60)[1:-1]]
    assert lines == [
        "HIGH",
        "",
        "Host  WEB01 [red]",
        "one  two",
        "",
        "Command line",
        "a\\x07b",
        "",
        "[ Open ]",
        "",
        "alert 1",
    ]


def test_progress_is_a_line_per_stage_without_a_terminal_and_bars_with_a_terminal() -> None:
    plain, terminal = StringIO(), StringIO()
    for file, console in ((plain, Console(file=plain)), (terminal, Console(file=terminal, force_terminal=True))):
        with stages(console) as say:
            say("downloading", 0.0)
            say("downloading", 0.5)
            say("starting", None)
            say.done()
        assert file.getvalue()
    assert plain.getvalue() == "downloading\nstarting\n"
    assert "100%" in terminal.getvalue()
