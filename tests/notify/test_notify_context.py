from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.hostile_text import NOW, alert

from watcher.model import AlertKind, Window
from watcher.nesting import NOTE
from watcher.notify.digest_context import digest_context
from watcher.notify.links import Links, MessageLink, discover_link, reference_link, tactic_link, technique_link
from watcher.notify.message_context import alert_context

NONE = Links()

SYSMON_RAW = {
    "winlog": {
        "channel": "Microsoft-Windows-Sysmon/Operational",
        "event_id": "1",
        "computer_name": "SRV-01.corp.example",
        "event_data": {
            "Image": "C:\\Windows\\System32\\cmd.exe",
            "CommandLine": "cmd /c whoami",
            "ParentImage": "C:\\inetpub\\w3wp.exe",
            "ParentCommandLine": "w3wp -ap x",
            "User": "CORP\\alice",
            "IntegrityLevel": "High",
            "RuleName": "-",
        },
    },
}
SECURITY_RAW = {
    "winlog": {
        "channel": "Security",
        "computer_name": "SRV-01.corp.example",
        "event_data": {
            "NewProcessName": "C:\\Windows\\System32\\cmd.exe",
            "CommandLine": "cmd /c whoami",
            "ParentProcessName": "C:\\inetpub\\w3wp.exe",
            "SubjectDomainName": "CORP",
            "SubjectUserName": "alice",
            "TargetUserName": "-",
        },
    },
    "event": {"code": 4688},
}
MODULES = {
    "process": {
        "executable": "C:\\Windows\\System32\\cmd.exe",
        "command_line": "cmd /c whoami",
        "parent": {"executable": "C:\\inetpub\\w3wp.exe", "command_line": "w3wp -ap x"},
    },
    "user": {"domain": "CORP", "name": "alice"},
    "host": {"name": "SRV-01.corp.example"},
}
DOTTED = {
    "process.executable": "C:\\Windows\\System32\\cmd.exe",
    "process.command_line": "cmd /c whoami",
    "process.parent.executable": "C:\\inetpub\\w3wp.exe",
    "user.domain": "CORP",
    "user.name": "alice",
    "host.name": "SRV-01.corp.example",
}
MIXED = {
    "process": {"executable": "C:\\Windows\\System32\\cmd.exe", "parent.executable": "C:\\inetpub\\w3wp.exe"},
    "process.command_line": "cmd /c whoami",
    "user": [{"domain": "CORP"}, {"name": "alice"}],
    "host.name": ["SRV-01.corp.example"],
}


@pytest.mark.parametrize("event", [SYSMON_RAW, SECURITY_RAW, MODULES, DOTTED, MIXED])
def test_both_shapes_and_every_spelling_tell_the_same(event: dict[str, Any]) -> None:
    """Who, where and what are read from raw and in module events, spelled nested, dotted or mixed."""
    context = alert_context(alert(event), links=NONE)
    assert context.process == "C:\\Windows\\System32\\cmd.exe"
    assert context.command_line == "cmd /c whoami"
    assert context.parent_process == "C:\\inetpub\\w3wp.exe"
    assert context.user == "CORP\\alice"
    assert context.host == "SRV-01.corp.example"


def test_codes_and_channels_are_texts() -> None:
    """An event code that is a number is text."""
    context = alert_context(alert(SECURITY_RAW), links=NONE)
    assert (context.log_channel, context.event_code) == ("Security", "4688")
    assert alert_context(alert(SYSMON_RAW), links=NONE).event_code == "1"


def test_details_leave_out_listed_and_empty_values() -> None:
    """Details are the provider's other data; `-` is how Windows writes nothing."""
    assert alert_context(alert(SYSMON_RAW), links=NONE).details == (("IntegrityLevel", "High"),)


def test_details_are_bounded() -> None:
    """An event with hundreds of fields shows thirty and counts the rest."""
    event = {"winlog": {"event_data": {f"Field{number}": number for number in range(400)}}}
    details = alert_context(alert(event), links=NONE).details
    assert len(details) == 31
    assert details[-1] == ("…", "370 more values in the event")


@pytest.mark.parametrize(
    ("event", "host"),
    [
        ({}, ""),
        ({"host": "as syslog writes it", "process": None, "user": 7}, "as syslog writes it"),
        ({"host": [{"name": {"odd": 1}}, 7], "process": "a text where an object is expected"}, "7"),
        ({"process": {"command_line": {"odd": {"er": 1}}}, "winlog": [[["x"]]]}, ""),
        ({"winlog": {"event_data": {"CommandLine": ["a", "b"], "User": 12}}}, ""),
    ],
)
def test_an_event_of_any_shape_becomes_a_context(event: dict[str, Any], host: str) -> None:
    """No shape of event keeps an alert from being rendered."""
    context = alert_context(alert(event), links=NONE)
    assert context.host == host
    assert context.rule.level == "high"


def test_nesting_without_end_is_cut() -> None:
    """An event nested deeper than engines index becomes a context, cut at the depth."""
    deep: Any = "end"
    for _ in range(500):
        deep = {"a": deep}
    assert set(alert_context(alert({"winlog": deep}), links=NONE).event.values()) == {"{…}"}


def test_values_are_bounded() -> None:
    """A command line of 40,000 characters is cut to 4,000, and says so."""
    context = alert_context(alert({"process": {"command_line": "x" * 40_000}}), links=NONE)
    assert len(context.command_line) <= 4_000
    assert context.command_line.endswith(" more characters)")


def test_time_is_utc() -> None:
    """Times are in UTC, for machines and for people."""
    context = alert_context(alert({}), links=NONE)
    assert context.time == "2026-03-07T09:05:02.649Z"
    assert context.time_readable == "Sat 7 Mar 2026, 09:05:02 UTC"


def test_a_missing_group_value_is_empty() -> None:
    """A group-by field that the event lacks is an empty text."""
    assert alert_context(alert({}), links=NONE).key == (("host.name", "SRV-01"), ("user.name", ""))


def test_attack_links() -> None:
    """Techniques and tactics link to their pages; what is none links nowhere."""
    assert technique_link("T1505.004") == MessageLink("T1505.004", "https://attack.mitre.org/techniques/T1505/004/")
    assert technique_link("T1059") == MessageLink("T1059", "https://attack.mitre.org/techniques/T1059/")
    assert technique_link("T1059/../../x") == MessageLink("T1059/../../x")
    assert tactic_link("persistence") == MessageLink("persistence", "https://attack.mitre.org/tactics/TA0003/")
    assert tactic_link("stealth") == MessageLink("stealth", "https://attack.mitre.org/tactics/TA0005/")
    assert tactic_link("defense-impairment").url == "https://attack.mitre.org/tactics/TA0112/"
    assert tactic_link("ta0003").url == "https://attack.mitre.org/tactics/TA0003/"
    assert tactic_link("g0007") == MessageLink("g0007")


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "https://",
        "http://[broken",
        "https://a.example/ with a blank",
        "https://a.example/\r\nBcc:",
        "A book",
    ],
)
def test_only_web_addresses_become_links(text: str) -> None:
    """A reference that is no web address is text."""
    assert reference_link(text).url == ""


def test_web_addresses_become_links() -> None:
    """A reference that is a web address is a link."""
    assert reference_link("https://a.example/x?y=1") == MessageLink(
        "https://a.example/x?y=1", "https://a.example/x?y=1"
    )


def test_without_base_url_there_is_no_link() -> None:
    """Without `discover_url` nothing is linked."""
    assert discover_link(None, alert({}).first) is None
    assert alert_context(alert({}), links=NONE).discover == ""


@pytest.mark.parametrize("base", ["https://k.example/app/discover", "https://k.example/app/discover/#/old?state"])
def test_discover_link_survives_its_quoting(base: str) -> None:
    """Decoded, the link's state is rison with quotes and exclamation marks escaped, five minutes to both sides."""
    link = discover_link(base, alert({}).first)
    assert link is not None
    assert not set(" '\"()<>\\|") & set(link)
    head, fragment = link.split("#/?")
    assert head == "https://k.example/app/discover"
    state = parse_qs(fragment)
    assert state["_g"] == ["(time:(from:'2026-03-07T09:00:02.649Z',to:'2026-03-07T09:10:02.649Z'))"]
    assert state["_a"] == ["""(query:(language:kuery,query:'_id: "a\\"b\\\\c!!!'d"'))"""]


def test_discover_link_of_dashboards_keeps_the_query_apart() -> None:
    """For the newer Discover of Dashboards the query stands in `_q`."""
    link = discover_link("https://d.example/app/data-explorer/discover", alert({}).first)
    state = parse_qs(urlsplit(str(link)).fragment.removeprefix("?"))
    assert set(state) == {"_g", "_q"}
    assert state["_q"][0].startswith("(filters:!(),query:(language:kuery,query:'_id: ")


@pytest.mark.parametrize(
    ("ahead", "note"),
    [
        (timedelta(seconds=-90), ""),
        (timedelta(seconds=59), ""),
        (timedelta(seconds=60), ", 1 minute ahead of the time at which it was found"),
        (timedelta(days=2, hours=1, minutes=5), ", 2 days 1 hour 5 minutes ahead of the time at which it was found"),
    ],
)
def test_a_message_says_by_how_much_the_event_is_ahead(ahead: timedelta, note: str) -> None:
    entry = alert({})
    context = alert_context(replace(entry, opened=entry.first.time - ahead), links=NONE)
    assert context.time_readable == alert_context(entry, links=NONE).time_readable + note


def test_a_digest_names_each_key_once() -> None:
    """A digest counts the alerts, and names what they are about once and in order."""
    window = Window(start=NOW, end=datetime(2026, 3, 7, 12, tzinfo=timezone(timedelta(hours=1))))
    context = digest_context(alert({}).rule, digest="d1", count=1234, window=window, keys=("B", "A", "B"))
    assert (context.count, context.keys, context.until) == (1234, ("B", "A"), "2026-03-07T11:00:00.000Z")
    assert NOW.tzinfo is UTC


def test_a_message_says_where_the_complete_event_is_if_only_a_part_is_stored() -> None:
    assert alert_context(alert({}), links=NONE).event_note == ""
    note = alert_context(alert({NOTE: "shortened"}), links=NONE).event_note
    assert note.endswith("the complete event is a\"b\\c!'d in winlogbeat-2026.03.07.")


def test_a_message_about_an_undecided_event_says_that_nothing_is_certain() -> None:
    entry = alert({})
    assert alert_context(entry, links=NONE).undecided_note == ""
    context = alert_context(replace(entry, first=replace(entry.first, kind=AlertKind.UNDECIDED)), links=NONE)
    assert context.rule.title == f"Undecided: {entry.rule.title}"
    assert context.undecided_note.startswith("It is not certain that the rule matches")
