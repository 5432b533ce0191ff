"""The computer that wrote an event, wherever the document holds its name."""

from __future__ import annotations

from typing import Any

import pytest

from watcher.match.event_host import EventHost, event_host, is_same_host
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView


def windows(host: Any, computer: Any) -> dict[str, Any]:
    """Return an event of Winlogbeat."""
    return {"host": {"name": host}, "winlog": {"channel": "Security", "computer_name": computer}}


ORDINARY = [
    # Winlogbeat alone
    (windows("WEB01", "WEB01"), "WEB01"),
    # add_host_metadata writes the short name, or the lower case
    (windows("ws1", "WS1.corp.example"), "ws1"),
    (windows("WS1", "ws1.corp.example"), "WS1"),
    (windows("ws1.corp.example", "WS1"), "ws1.corp.example"),
    (windows("WS1.corp.example", "ws1.CORP.example."), "WS1.corp.example"),
    # nothing else names the computer
    ({"host": {"name": "web02"}}, "web02"),
    ({"host.name": "web02", "host": {"hostname": "other"}}, "web02"),
    (windows("WEB01", "-"), "WEB01"),
    # of several names one is the computer's
    (windows(["wec01", "ws1"], "WS1.corp.example"), "wec01"),
]


@pytest.mark.parametrize(("event", "host"), ORDINARY)
def test_host_name_counts_as_it_is_where_the_event_names_no_other_computer(event: dict[str, Any], host: str) -> None:
    """The identity is what it was in earlier versions, so that no alert opens again."""
    view = EventView(event)
    assert event_host(view) == EventHost(names=view.at("host.name"), identity=view.at("host.name"))
    assert summarize(view).host == host


NAMED_ELSEWHERE = [
    # forwarded to a collector
    (windows("wec01", "WS1.corp.example"), "WS1.corp.example"),
    (windows("wec01.corp.example", "ws1"), "ws1"),
    # the same short name in two domains is two computers
    (windows("ws1.corp.example", "ws1.other.example"), "ws1.other.example"),
    # a name that another begins with is another name
    (windows("ws1", "ws10.corp.example"), "ws10.corp.example"),
    (windows("-", "ws1"), "ws1"),
    # no host
    ({"winlog": {"computer_name": "DC1"}}, "DC1"),
    ({"host": "web02"}, "web02"),
    ({"host": {"hostname": "web02"}}, "web02"),
    ({"hostname": "web02"}, "web02"),
    ({"observer": {"name": "fw01"}}, "fw01"),
    ({"Computer": "WS1"}, "WS1"),
    # syslog and auditd that a log server received
    ({"host": {"name": "logs01"}, "log": {"syslog": {"hostname": "web02"}}}, "web02"),
    ({"host": {"name": "logs01", "hostname": "web02"}, "event": {"dataset": "system.auth"}}, "web02"),
    ({"host": {"name": "logs01"}, "auditd": {"log": {"node": "db01"}}}, "db01"),
]


@pytest.mark.parametrize(("event", "host"), NAMED_ELSEWHERE)
def test_other_names_count_where_the_event_holds_them(event: dict[str, Any], host: str) -> None:
    view = EventView(event)
    assert event_host(view) == EventHost(names=(host,), identity=(host.lower(),))
    assert summarize(view).host == host


def test_a_computer_that_settings_map_comes_first() -> None:
    event = {"host": {"name": "logs01"}, "node": "web02", "winlog": {"computer_name": "ws1"}}
    assert event_host(EventView(event, {"Computer": ("node",)})).names == ("web02",)


def test_an_event_of_no_computer_has_no_host() -> None:
    view = EventView({"event": {"action": "ConsoleLogin"}, "host": {"ip": ["10.0.0.1"]}, "agent": {"name": "logs01"}})
    assert event_host(view) == EventHost()
    assert summarize(view).host == ""


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("ws1", "WS1", True),
        ("ws1", "ws1.corp.example", True),
        ("ws1.corp.example", "ws1.corp.example.", True),
        ("ws1.corp", "ws1.corp.example", False),
        ("10.0.0.1", "10.0.0.10", False),
        ("ws1", "ws10", False),
    ],
)
def test_a_short_name_and_its_full_name_are_one_computer(name: str, other: str, *, same: bool) -> None:
    assert is_same_host(name, other) is same
    assert is_same_host(other, name) is same
