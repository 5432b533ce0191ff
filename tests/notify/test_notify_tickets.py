"""What Teams, PagerDuty, Jira and TheHive make of an alert."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.hostile_messages import LINKS, rendered
from support.hostile_text import EVENT, FixedClock, alert
from support.refusals import refusal_in
from support.service_receivers import JiraReceiver, PagerDutyReceiver, TeamsReceiver, TheHiveReceiver

from watcher.errors import DeliveryError
from watcher.model import STATUS_AFTER, AlertStatus, FollowUp, HistoryEntry, Level, Notification
from watcher.notify.jira import JiraChannel
from watcher.notify.jira.transport import JiraNotifier
from watcher.notify.message_context import alert_context
from watcher.notify.pagerduty import PagerDutyChannel
from watcher.notify.pagerduty.transport import PagerDutyNotifier
from watcher.notify.refusals import Refusal
from watcher.notify.teams import TeamsChannel
from watcher.notify.teams.card_fitting import LARGEST, fitted_card
from watcher.notify.teams.transport import TeamsNotifier
from watcher.notify.thehive import TheHiveChannel
from watcher.notify.thehive.observables import MOST, observables
from watcher.notify.thehive.transport import TheHiveNotifier
from watcher.settings import Secret, read

KEY = "0123456789abcdef0123456789abcdef"
CONTEXT = alert_context(alert(EVENT), links=LINKS)
MD5, SHA256 = "0123456789ABCDEF0123456789ABCDEF", "ab" * 32


def followed(notification: Notification, status: AlertStatus, key: str = "followed") -> Notification:
    """Return the notification of an action that gave the alert a status."""
    action = next(action for action, after in STATUS_AFTER.items() if after is status)
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    entry = HistoryEntry(time=moment, by="alice", action=action, comment="it was us {noformat}")
    return replace(notification, key=key, follow_up=FollowUp(status=status, entries=(entry,)))


def test_a_card_shows_facts_and_links_without_markup() -> None:
    with TeamsReceiver() as teams:
        channel = TeamsChannel(name="t", url=Secret(teams.url("/workflows/x")))
        TeamsNotifier(channel, FixedClock()).send(rendered(CONTEXT, channel))
    (card,) = teams.accepted
    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}  # a TextBlock would read Markdown
    text = "\n".join("".join(run["text"] for run in element["inlines"]) for element in card["body"])
    assert f"Host  {CONTEXT.host}" in text
    assert CONTEXT.command_line in text
    titles = [action["title"] for action in card["actions"]]
    assert titles[0] == "Open in Discover"
    assert "T1505.004 Server Software Component: IIS Components" in text


@pytest.mark.parametrize("letter", ["x", "\N{CJK UNIFIED IDEOGRAPH-4E00}", '"'])
@pytest.mark.parametrize("count", [1, 40, 500])
def test_a_card_of_any_size_is_fitted(letter: str, count: int) -> None:
    body = [{"type": "TextBlock", "text": letter * 20_000}] * count
    actions = [{"type": "Action.OpenUrl", "title": "a", "url": "https://a.example/" + "b" * 3_000}] * 9
    message = {"type": "message", "attachments": [{"content": {"body": body, "actions": actions}}]}
    fitted = fitted_card(json.dumps(message, ensure_ascii=False))
    assert len(fitted.encode()) <= LARGEST
    (attachment,) = json.loads(fitted)["attachments"]
    assert "shortened" in attachment["content"]["body"][-1]["text"]
    urls = [action["url"] for action in attachment["content"].get("actions", [])]
    assert set(urls) <= {actions[0]["url"]}  # an address is never cut


@pytest.mark.parametrize(
    ("level", "severity"),
    [("informational", "info"), ("low", "info"), ("medium", "warning"), ("high", "error"), ("critical", "critical")],
)
def test_an_alert_of_pagerduty_has_a_severity_and_follows_the_status(level: str, severity: str) -> None:
    context = alert_context(alert(EVENT, level=Level(level)), links=LINKS)
    with PagerDutyReceiver(routing_key=KEY) as service:
        channel = PagerDutyChannel(name="p", routing_key=Secret(KEY), url=service.url("/"))
        notifier = PagerDutyNotifier(channel, FixedClock())
        notifier.send(rendered(context, channel))
        for status in (AlertStatus.ACKNOWLEDGED, AlertStatus.CLOSED):
            notifier.follow(followed(rendered(context, channel), status))
    assert service.offences == []
    assert service.accepted[0]["payload"]["severity"] == severity
    assert [event["event_action"] for event in service.accepted] == ["trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in service.accepted} == {context.alert_id}


def test_a_routing_key_that_pagerduty_does_not_have_is_about_the_channel() -> None:
    with PagerDutyReceiver(routing_key=KEY) as service:
        channel = PagerDutyChannel(name="p", routing_key=Secret("f" * 32), url=service.url("/"))
        with pytest.raises(DeliveryError, match="invalid event") as caught:
            PagerDutyNotifier(channel, FixedClock()).send(rendered(CONTEXT, channel))
    assert refusal_in(caught.value) is Refusal.OF_CHANNEL


def jira(service: JiraReceiver, **changes: Any) -> JiraChannel:
    values = {"edition": "data-center", "token": Secret(KEY), "project": "SOC", **changes}
    return JiraChannel(name="j", url=service.url("/"), **values)


@pytest.mark.parametrize("edition", ["cloud", "data-center"])
def test_later_messages_on_an_alert_are_comments_each_once(edition: str) -> None:
    basic = base64.b64encode(f"a@corp.example:{KEY}".encode()).decode()
    cloud = edition == "cloud"
    authorization = f"Basic {basic}" if cloud else f"Bearer {KEY}"
    with JiraReceiver(version="3" if cloud else "2", authorization=authorization) as service:
        channel = jira(service, edition=edition, email="a@corp.example" if cloud else None)
        notifier = JiraNotifier(channel, FixedClock())
        first = rendered(CONTEXT, channel)
        second, third = replace(first, key="second"), replace(first, key="third")
        for notification in (first, first, second, second, third, first, second):
            notifier.send(notification)
        notifier.send(replace(first, alert="another", key="fourth"))
    assert service.offences == []
    ticket, other = service.accepted
    assert [key in json.dumps(ticket["comments"]) for key in ("second", "third")] == [True, True]
    assert len(ticket["comments"]) == 2
    assert other["comments"] == []
    assert ticket["priority"] == {"name": "High"}


def test_a_ticket_is_commented_and_moved_as_its_alert_is_and_never_created_for_it() -> None:
    with JiraReceiver(version="2", authorization=f"Bearer {KEY}") as service:
        channel = jira(service)
        notifier = JiraNotifier(channel, FixedClock())
        first = rendered(CONTEXT, channel)
        notifier.follow(followed(first, AlertStatus.CLOSED))
        assert service.accepted == []
        notifier.send(first)
        (ticket,) = service.accepted
        categories = []
        for number, status in enumerate((AlertStatus.ACKNOWLEDGED, AlertStatus.CLOSED, AlertStatus.OPEN)):
            for _ in range(2):  # the answer to the first attempt was lost
                notifier.follow(followed(first, status, key=f"k{number}"))
            categories.append(ticket["status"]["statusCategory"]["key"])
        notifier.follow(followed(first, AlertStatus.CLOSED, key="k9"))
        notifier.send(replace(first, key="update", thread=first.key))
    assert service.offences == []
    assert categories == ["new", "done", "indeterminate"]
    assert (len(service.accepted), len(ticket["comments"])) == (1, 5)
    assert "alice closed: it was us {no format}" in ticket["comments"][1]["body"]
    assert ticket["status"]["statusCategory"]["key"] == "indeterminate"  # new values joined a closed alert


def test_a_project_whose_tickets_people_move_gets_comments_alone() -> None:
    with JiraReceiver(version="2", authorization=f"Bearer {KEY}") as service:
        channel = jira(service, transitions="none")
        notifier = JiraNotifier(channel, FixedClock())
        notifier.send(rendered(CONTEXT, channel))
        notifier.follow(followed(rendered(CONTEXT, channel), AlertStatus.CLOSED))
    (ticket,) = service.accepted
    assert (ticket["status"]["statusCategory"]["key"], len(ticket["comments"])) == ("new", 1)


def test_hostile_text_cannot_end_the_block_of_a_ticket() -> None:
    event = {"winlog": {"event_data": {"CommandLine": "{noformat} h1. title {NoFormat:x} [~admin]"}}}
    with JiraReceiver(version="2", authorization=f"Bearer {KEY}") as service:
        channel = jira(service)
        JiraNotifier(channel, FixedClock()).send(rendered(alert_context(alert(event), links=LINKS), channel))
    (ticket,) = service.accepted
    description = ticket["description"]
    assert description.startswith("{noformat}\n")
    assert description.endswith("\n{noformat}")
    assert description.lower().count("{noformat") == 2


def test_a_project_without_priorities_gets_none() -> None:
    with JiraReceiver(version="2", authorization=f"Bearer {KEY}", priorities=()) as service:
        channel = jira(service)
        with pytest.raises(DeliveryError, match=r"answered 400.*priority") as caught:
            JiraNotifier(channel, FixedClock()).send(rendered(CONTEXT, channel))
        assert refusal_in(caught.value) is Refusal.OF_CHANNEL
        channel = jira(service, priorities="none")
        JiraNotifier(channel, FixedClock()).send(rendered(CONTEXT, channel))
    assert len(service.accepted) == 1


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("type: jira, url: https://j.example, project: 'SOC\" OR 1', token: t", "the key of a project"),
        ("type: pagerduty, routing_key: short", "not an integration key"),
        ("type: thehive, url: 'https://u:p@h.example', api_key: k", "must not contain a user name"),
        ("type: teams, url: somewhere", "not a valid address"),
    ],
)
def test_wrong_settings_are_reported(channel: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        read(f"channels: {{c: {{{channel}}}}}", {})


@pytest.mark.parametrize("double", [400, 409])
def test_an_alert_that_thehive_has_is_delivered(double: int) -> None:
    with TheHiveReceiver(api_key=KEY, double=double) as service:
        channel = TheHiveChannel(name="h", url=service.url("/"), api_key=Secret(KEY), organisation="soc")
        notifier = TheHiveNotifier(channel, FixedClock())
        notifier.send(rendered(CONTEXT, channel))
        notifier.send(rendered(CONTEXT, channel))
    assert len(service.accepted) == 1
    assert service.accepted[0]["sourceRef"] == CONTEXT.alert_id
    assert {request.headers["X-Organisation"] for request in service.requests} == {"soc"}


def test_updates_and_what_people_do_are_comments_in_thehive_each_once() -> None:
    with TheHiveReceiver(api_key=KEY) as service:
        channel = TheHiveChannel(name="h", url=service.url("/"), api_key=Secret(KEY))
        notifier = TheHiveNotifier(channel, FixedClock())
        first = rendered(CONTEXT, channel)
        notifier.send(replace(first, alert="another", key="another"))
        update = replace(first, key="update", thread=first.key)
        for notification in (first, first, update, update):
            notifier.send(notification)
        for _ in range(2):
            notifier.follow(followed(first, AlertStatus.CLOSED))
    assert service.offences == []
    assert [(number, text.rpartition("-")[2]) for number, text in service.comments] == [(2, "update"), (2, "followed")]
    assert CONTEXT.alert_id in service.comments[0][1]
    assert "    2026-11-23T00:00:00.000Z alice closed: it was us" in service.comments[1][1]


def test_what_thehive_refuses_for_another_reason_is_no_delivery() -> None:
    """TheHive says `already exists` of an observable, too."""
    with TheHiveReceiver(api_key=KEY) as service:
        channel = TheHiveChannel(name="h", url=service.url("/"), api_key=Secret(KEY))
        notification = rendered(CONTEXT, channel)
        document = {**json.loads(notification.bodies["application/json"]), "severity": 9}
        faulty = replace(notification, bodies={"application/json": json.dumps(document)})
        with pytest.raises(DeliveryError, match="answered 400") as caught:
            TheHiveNotifier(channel, FixedClock()).send(faulty)
    assert caught.value.permanent
    assert service.accepted == []


def test_hosts_users_hashes_and_addresses_are_observables() -> None:
    data = {
        "User": "CORP\\alice",
        "Image": "C:\\a.exe",
        "Hashes": f"MD5={MD5},SHA256={SHA256},IMPHASH={MD5}",
        "SourceIp": "::ffff:10.1.2.3",
        "DestinationIp": "2001:db8::1",
        "IpAddress": "-",
        "ClientAddress": "127.0.0.1",
    }
    with TheHiveReceiver(api_key=KEY) as service:
        channel = TheHiveChannel(name="h", url=service.url("/"), api_key=Secret(KEY))
        context = alert_context(alert({"host": {"name": "SRV-01"}, "winlog": {"event_data": data}}), links=LINKS)
        TheHiveNotifier(channel, FixedClock()).send(rendered(context, channel))
    assert service.offences == []
    (accepted,) = service.accepted
    seen = {(item["dataType"], item["data"]) for item in accepted["observables"]}
    assert {("hostname", "SRV-01"), ("other", "CORP\\alice"), ("hash", MD5.lower()), ("hash", SHA256)} <= seen
    assert {data for kind, data in seen if kind == "ip"} == {"10.1.2.3", "2001:db8::1"}


def test_observables_are_bounded_and_each_appears_once() -> None:
    fields = [{"name": "Hash", "value": f"{number:032x}"} for number in range(500)]
    named = [{"dataType": "hostname", "data": name, "message": ""} for name in ("A", "a", "", "x" * 5_000)]
    result = observables(named, [*fields, {"name": "Hash", "value": "g" * 32}, {"name": "Ip", "value": "::"}])
    assert len(result) == MOST
    assert [item["data"] for item in result if item["dataType"] == "hostname"] == ["A"]
