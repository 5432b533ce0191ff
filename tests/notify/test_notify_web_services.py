"""Teams, PagerDuty, Jira and TheHive against servers that check requests as these services document them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from socket import socket
from typing import Any

import pytest
from support.hostile_messages import LINKS, UNSEEN, huge_message, messages, rendered
from support.hostile_text import EVENT, FixedClock, alert
from support.receivers import LOCALHOST, HttpReceiver, free_port
from support.refusals import refusal_in
from support.scripted_server import ScriptedServer, read_http_request
from support.service_receivers import JiraReceiver, PagerDutyReceiver, ServiceReceiver, TeamsReceiver, TheHiveReceiver
from werkzeug import Response

from watcher.errors import DeliveryError
from watcher.notify.channel_registry import build_notifier
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import Refusal
from watcher.settings import ChannelSettings, read

TOKEN = "Hunter2TopSecretToken4711abcdefg"  # 32 letters and digits, as a routing key
EMAIL = "watcher@corp.example"
BASIC = f"Basic {base64.b64encode(f'{EMAIL}:{TOKEN}'.encode()).decode()}"
CONTEXT = alert_context(alert(EVENT), links=LINKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A channel type with its settings and the server of its service."""

    type: str
    settings: Mapping[str, Any]
    receiver: Callable[[], ServiceReceiver]
    address_key: str = "url"
    path: str = ""

    def channel(self, port: int) -> ChannelSettings:
        values = {"type": self.type, "url": f"http://{LOCALHOST}:{port}{self.path}", **self.settings}
        return read(json.dumps({"channels": {"c": values}}), {}).channels[0]

    def send(self, port: int, context: Any = CONTEXT) -> None:
        channel = self.channel(port)
        build_notifier(channel, FixedClock()).send(rendered(context, channel))


JIRA = {"project": "SOC", "token": TOKEN}
CASES = {
    "teams": Case(type="teams", settings={}, receiver=TeamsReceiver, path=f"/workflows/{TOKEN}?sig={TOKEN}"),
    "pagerduty": Case(
        type="pagerduty", settings={"routing_key": TOKEN}, receiver=lambda: PagerDutyReceiver(routing_key=TOKEN)
    ),
    "jira cloud": Case(
        type="jira",
        settings={**JIRA, "email": EMAIL},
        receiver=lambda: JiraReceiver(version="3", authorization=BASIC),
    ),
    "jira data center": Case(
        type="jira",
        settings={**JIRA, "edition": "data-center"},
        receiver=lambda: JiraReceiver(version="2", authorization=f"Bearer {TOKEN}"),
    ),
    "thehive": Case(type="thehive", settings={"api_key": TOKEN}, receiver=lambda: TheHiveReceiver(api_key=TOKEN)),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def failure(case: Case, port: int) -> DeliveryError:
    with pytest.raises(DeliveryError, match=r"^channel `c`: ") as caught:
        case.send(port)
    assert TOKEN not in str(caught.value)
    assert BASIC not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_message_of_each_kind_is_accepted_and_its_hostile_text_visible(case: Case) -> None:
    with case.receiver() as service:
        for context in messages():
            case.send(service.port, context)
    assert service.offences == []
    assert service.accepted
    text = json.dumps(service.accepted, ensure_ascii=False)
    assert [character for character in UNSEEN if character in text] == []
    assert "[U+202E]gpj.exe" in text
    assert CONTEXT.alert_id in text


def test_values_of_a_megabyte_are_shortened_with_a_note(case: Case) -> None:
    with case.receiver() as service:
        case.send(service.port, huge_message())
    assert service.offences == []
    (accepted,) = service.accepted
    text = json.dumps(accepted, ensure_ascii=False)
    assert len(text) < 200_000
    assert "more characters)" in text


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.type != "teams"])  # it has no key
def test_an_attempt_after_a_lost_answer_makes_no_double(case: Case) -> None:
    with case.receiver() as service:
        service.lost_answers = 1 if case.type in ("pagerduty", "thehive") else 2  # of the search, and of the ticket
        for _ in range(service.lost_answers):
            failure(case, service.port)
        case.send(service.port)
        case.send(service.port)
    assert service.offences == []
    keys = {
        json.dumps(item.get("dedup_key") or item.get("labels") or item.get("sourceRef")) for item in service.accepted
    }
    assert len(keys) == 1
    assert case.type == "pagerduty" or len(service.accepted) == 1  # PagerDuty joins them by the key


@pytest.mark.parametrize(
    ("status", "about"),
    [
        *((status, Refusal.OF_MESSAGE) for status in (400, 409, 413, 422)),
        *((status, Refusal.OF_CHANNEL) for status in (301, 308, 401, 403, 404, 405, 407, 410)),
        *((status, Refusal.PASSING) for status in (302, 408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_every_refusal_says_what_it_is_about(case: Case, status: int, about: Refusal) -> None:
    headers = {"Retry-After": "7", "Location": "/other"}
    with HttpReceiver(status=status, answer=f"no {TOKEN} {BASIC}", headers=headers) as service:
        error = failure(case, service.port)
    if (case.type, status) != ("jira", 400):  # nothing in Jira's search comes from the message
        assert refusal_in(error) is about
    assert f"answered {status}" in str(error)
    assert "asks to wait 7 s" in str(error)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, "<html>log in</html>"), (200, ""), (200, "ok"), (204, ""), (203, "[]"), (200, "{}"), (201, '{"ok": 1}')],
)
def test_an_answer_of_something_else_is_no_delivery(case: Case, status: int, answer: str) -> None:
    """A captive page or a proxy that accepts everything is not the service."""
    with HttpReceiver(status=status, answer=answer) as service:
        assert not failure(case, service.port).permanent


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 202", b"HTTP/1.1 202 OK\r\nContent-Length: 99\r\n\r\n{", b"\xff" * 99]
)
def test_a_connection_that_breaks_off_is_tried_again(case: Case, answer: bytes) -> None:
    def talk(client: socket) -> None:
        read_http_request(client)
        client.sendall(answer)

    with ScriptedServer(script=talk) as server:
        assert not failure(case, server.port).permanent


def test_a_service_that_cannot_be_reached_is_tried_again(case: Case) -> None:
    error = failure(case, free_port())
    assert "cannot be reached" in str(error)
    assert not error.permanent


@pytest.mark.parametrize("name", ["pagerduty", "jira cloud", "thehive"])
def test_an_answer_of_success_without_its_content_is_no_delivery(name: str) -> None:
    case = CASES[name]
    for answer in ("", "[]", '{"status": "accepted"}', "<html>"):
        with HttpReceiver(status=202 if name == "pagerduty" else 201, answer=answer) as service:
            assert not failure(case, service.port).permanent


def test_a_limit_of_requests_delays_the_message(case: Case) -> None:
    with case.receiver() as service:
        service.failures = [Response("", 429, {"Retry-After": "30"})]
        assert "asks to wait 30 s" in str(failure(case, service.port))
        case.send(service.port)
    assert len(service.accepted) == 1
    assert service.offences == []


def test_a_credential_in_clear_text_is_a_risk(case: Case) -> None:
    channel = {"type": case.type, "url": f"http://service.example{case.path}", **case.settings}
    risks = read(json.dumps({"channels": {"c": channel}}), {}).risks
    assert [risk.code for risk in risks] == ["clear-text"]
    assert TOKEN not in str(risks)
