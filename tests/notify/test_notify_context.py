from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from support.hostile_text import NOW, alert

from watcher.model import AlertKind, Window
from watcher.nesting import NOTE
from watcher.notify.digest_context import digest_context
from watcher.notify.links import (
    Links,
    MessageLink,
    discover_link,
    message_links,
    reference_link,
    tactic_link,
    technique_link,
)
from watcher.notify.message_context import alert_context, rule_context

NONE = Links()
FIRST = alert({}).first

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
    link = technique_link("T1505.004")
    assert (link.text, link.name) == ("T1505.004 Server Software Component: IIS Components", "T1505.004")
    assert link.url == "https://attack.mitre.org/techniques/T1505/004/"
    assert technique_link("T1059").text == "T1059 Command and Scripting Interpreter"
    assert technique_link("T9999").text == "T9999"
    assert technique_link("T1059/../../x") == MessageLink("T1059/../../x", "", "T1059/../../x")
    assert tactic_link("persistence") == MessageLink(
        "Persistence", "https://attack.mitre.org/tactics/TA0003/", "persistence"
    )
    assert tactic_link("stealth") == MessageLink("Stealth", "https://attack.mitre.org/tactics/TA0005/", "stealth")
    assert tactic_link("defense-impairment").url == "https://attack.mitre.org/tactics/TA0112/"
    assert tactic_link("ta0003").url == "https://attack.mitre.org/tactics/TA0003/"
    assert tactic_link("g0007") == MessageLink("g0007", "", "g0007")


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
    assert discover_link(NONE, alert({}).first) == ""
    assert message_links(NONE, alert({}).first) == ()
    assert alert_context(alert({}), links=NONE).discover == ""


@pytest.mark.parametrize("base", ["https://k.example/app/discover", "https://k.example/app/discover/#/old?state"])
def test_discover_link_survives_its_quoting(base: str) -> None:
    """Decoded, the link's state is rison with quotes and exclamation marks escaped, five minutes to both sides."""
    link = discover_link(Links(discover_url=base), alert({}).first)
    assert not set(" '\"()<>\\|") & set(link)
    head, fragment = link.split("#/?")
    assert head == "https://k.example/app/discover"
    state = parse_qs(fragment)
    assert state["_g"] == ["(time:(from:'2026-03-07T09:00:02.649Z',to:'2026-03-07T09:10:02.649Z'))"]
    assert state["_a"] == ["""(query:(language:kuery,query:'_id: "a\\"b\\\\c!!!'d"'))"""]


def test_discover_link_of_dashboards_keeps_the_query_apart() -> None:
    """For the newer Discover of Dashboards the query stands in `_q`."""
    links = Links(discover_url="https://d.example/app/data-explorer/discover")
    state = parse_qs(urlsplit(discover_link(links, alert({}).first)).fragment.removeprefix("?"))
    assert set(state) == {"_g", "_q"}
    assert state["_q"][0].startswith("(filters:!(),query:(language:kuery,query:'_id: ")


def test_links_name_the_data_view() -> None:
    """Kibana reads `dataSource` or `index`, newer Dashboards `metadata`."""
    of_kibana = discover_link(Links(discover_url="https://k.example/app/discover", data_view="win'log"), FIRST)
    state = parse_qs(of_kibana.split("#/?")[1])["_a"][0]
    assert state.startswith("(dataSource:(dataViewId:'win!'log',type:dataView),index:'win!'log',query:(")
    dashboards = Links(discover_url="https://d.example/app/data-explorer/discover", data_view="winlogbeat")
    (app,) = parse_qs(urlsplit(discover_link(dashboards, FIRST)).fragment.removeprefix("?"))["_a"]
    assert app == "(metadata:(indexPattern:'winlogbeat',view:discover))"


def test_messages_lead_to_host_user_rule_and_runbook() -> None:
    """What is a web address alone is a link; host and user are searched around the event."""
    summary = replace(FIRST.summary, host='WEB"01', user="alice")
    runbook = replace(FIRST.rule, custom={"runbook": "https://wiki.example/shells"})
    links = Links(discover_url="https://k.example/app/discover", catalogue_url="https://rules.example/")
    by_text = {link.text: link.url for link in message_links(links, replace(FIRST, summary=summary, rule=runbook))}
    assert list(by_text) == ["Open in Discover", "Host ± 15 min", "User ± 12 h", "Rule", "Runbook"]
    near = parse_qs(by_text["Host ± 15 min"].split("#/?")[1])
    assert near["_g"] == ["(time:(from:'2026-03-07T08:50:02.649Z',to:'2026-03-07T09:20:02.649Z'))"]
    assert 'host.name: "WEB\\"01" or winlog.computer_name: "WEB\\"01"' in near["_a"][0]
    assert by_text["Rule"] == f"https://rules.example/rules/{FIRST.rule.id}.html"
    assert by_text["Runbook"] == "https://wiki.example/shells"
    hostile = replace(FIRST.rule, custom={"runbook": "javascript:alert(1)"})
    assert message_links(NONE, replace(FIRST, rule=hostile)) == ()


def test_times_are_in_the_time_zone_and_utc() -> None:
    """The day of UTC is written where it is another one."""
    berlin = alert_context(alert({}), links=Links(time_zone=ZoneInfo("Europe/Berlin")))
    assert berlin.time_readable == "Sat 7 Mar 2026, 10:05:02 CET (09:05:02 UTC)"
    auckland = alert_context(alert({}), links=Links(time_zone=ZoneInfo("Pacific/Kiritimati")))
    assert auckland.time_readable == "Sat 7 Mar 2026, 23:05:02 +14 (09:05:02 UTC)"
    honolulu = replace(alert({}), first=replace(FIRST, time=FIRST.time.replace(hour=3)))
    context = alert_context(honolulu, links=Links(time_zone=ZoneInfo("Pacific/Honolulu")))
    assert context.time_readable == "Fri 6 Mar 2026, 17:05:02 HST (Sat 7 Mar 2026, 03:05:02 UTC)"


def test_descriptions_have_no_hard_line_breaks() -> None:
    text = "Detects a thing\nthat wraps.\n\nSecond\nparagraph:\n- a list\n- of two\n"
    described = rule_context(replace(FIRST.rule, description=text)).description
    assert described == "Detects a thing that wraps.\n\nSecond paragraph:\n- a list\n- of two"


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
