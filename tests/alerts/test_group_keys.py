"""Group keys: paths, Sigma fields, and the computer that wrote the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.fakes import effective, event, grouped_hit, rule

from watcher.alerts.group_keys import group_key, key_identity, key_parts
from watcher.alerts.grouping import GroupedHit
from watcher.match.event_view import EventView
from watcher.model import EventDocument

SYSMON = "Microsoft-Windows-Sysmon/Operational"


def hit(changes: Mapping[str, Any], *, group_by: tuple[str, ...] = ("host.name",)) -> GroupedHit:
    """Return the hit on the same event with some changes, by its dotted names."""
    document = EventDocument(index="winlogbeat-1", id="e1", event={**event(host=None), **changes})
    return grouped_hit(rule(), effective(group_by=group_by), document)


def test_forwarded_events_open_an_alert_for_each_computer() -> None:
    hits = [hit({"host.name": "wec01", "winlog.computer_name": name}) for name in ("ws1", "ws2", "dc1")]
    assert len({entry.alert for entry in hits}) == 3
    assert [entry.key for entry in hits] == [(("host.name", name),) for name in ("ws1", "ws2", "dc1")]
    assert [entry.hit.summary.host for entry in hits] == ["ws1", "ws2", "dc1"]


@pytest.mark.parametrize("computer", ["WEB01", "web01", "WEB01.corp.example", "web01.corp.example"])
def test_events_that_are_not_forwarded_keep_the_alert_of_earlier_versions(computer: str) -> None:
    assert hit({"host.name": "WEB01", "winlog.computer_name": computer}).alert == "a67652e084d054758f33eb4d4e4ff21c"


def test_a_computer_is_one_in_any_case_and_by_any_collector() -> None:
    alerts = {
        hit({"host.name": collector, "winlog.computer_name": name}).alert
        for collector in ("wec01", "wec02", "")
        for name in ("WS1.corp.example", "ws1.corp.example")
    }
    assert len(alerts) == 1
    # the same computer, collected by an agent of its own
    assert alerts == {hit({"host.name": "ws1.corp.example"}).alert}


def test_syslog_documents_open_an_alert_for_each_host() -> None:
    hits = [hit({"host": name}) for name in ("web01", "web02", "db01")]
    assert len({entry.alert for entry in hits}) == 3
    assert [entry.key for entry in hits] == [(("host.name", name),) for name in ("web01", "web02", "db01")]


def test_host_name_means_the_computer_beside_other_fields_too() -> None:
    hits = [
        hit(
            {"host.name": "wec01", "winlog.computer_name": name, "user.name": "alice"},
            group_by=("host.name", "user.name"),
        )
        for name in ("ws1", "ws2")
    ]
    assert [entry.key for entry in hits] == [
        (("host.name", "ws1"), ("user.name", "alice")),
        (("host.name", "ws2"), ("user.name", "alice")),
    ]


def test_a_forged_event_hides_the_real_one_only_where_both_have_the_same_key() -> None:
    """The way that SECURITY.md names for rules where an open alert must not take in events of other users."""
    forged = {
        "host.name": "dc01",
        "winlog.channel": SYSMON,
        "winlog.event_data": {"User": "CORP\\svc", "ParentImage": "a"},
    }
    attack = {**forged, "winlog.event_data": {"User": "CORP\\admin", "ParentImage": "a"}}
    other_parent = {**forged, "winlog.event_data": {"User": "CORP\\svc", "ParentImage": "b"}}
    events = (forged, attack, other_parent)
    assert len({hit(changes).alert for changes in events}) == 1
    assert len({hit(changes, group_by=("host.name", "User", "ParentImage")).alert for changes in events}) == 3


@pytest.mark.parametrize(
    ("channel", "code", "data", "field", "value"),
    [
        (SYSMON, "1", {"User": "CORP\\alice"}, "User", "CORP\\alice"),
        ("Security", "4688", {"SubjectUserName": "bob", "SubjectDomainName": "CORP"}, "User", "CORP\\bob"),
        ("Security", "4625", {"TargetUserName": "eve"}, "User", "eve"),
        ("Security", "4625", {"TargetUserName": "eve"}, "TargetUserName", "eve"),
        ("Security", "4688", {"NewProcessName": "C:\\a.exe"}, "Image", "C:\\a.exe"),
        (SYSMON, "3", {"DestinationIp": "10.0.0.1"}, "DestinationIp", "10.0.0.1"),
        (SYSMON, "3", {"DestinationIp": "10.0.0.1"}, "winlog.event_data.DestinationIp", "10.0.0.1"),
        (SYSMON, "1", {"User": "alice"}, "nonsense.field", None),
    ],
)
def test_sigma_fields_and_paths_are_grouped_by(
    channel: str, code: str, data: dict[str, str], field: str, value: str | None
) -> None:
    view = EventView({"event": {"code": code}, "winlog": {"channel": channel, "event_data": data}})
    assert group_key(key_parts(view, (field,))) == ((field, value),)


def test_sigma_fields_of_modules_are_grouped_by() -> None:
    moved = {"user": {"domain": "CORP", "name": "alice"}, "process": {"executable": "C:\\a.exe"}}
    view = EventView({"event": {"code": "1"}, "winlog": {"channel": SYSMON}, **moved})
    assert group_key(key_parts(view, ("User", "Image"))) == (("User", "CORP\\alice"), ("Image", "C:\\a.exe"))


def identity(host: Any) -> tuple[str, ...]:
    """Return the identity of a key by host."""
    return tuple(key_identity(key_parts(EventView({"host": {"name": host}}), ("host.name",))))


def test_a_value_with_a_line_break_is_not_the_key_of_several_values() -> None:
    values = ["A\nB", ["A", "B"], '\n["A\\nB"]', ["A\nB", "C"], ["A", "B\nC"]]
    assert len({identity(value) for value in values}) == len(values)
    assert identity(["B", "A"]) == identity(["A", "B"]) == ("host.name", "=A\nB")  # as in earlier versions
