"""One decision for every status of HTTP and every code of SMTP, and one for no answer."""

from __future__ import annotations

import json

import pytest
from support.hostile_messages import LINKS, rendered
from support.hostile_text import EVENT, FixedClock, alert
from support.receivers import HttpReceiver
from support.refusals import refusal_in

from watcher.errors import DeliveryError
from watcher.notify.channel_registry import build_notifier
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import HttpReply, Refusal, SmtpReply, SmtpStep, mildest, refusal_of
from watcher.settings import read

PASSING, CHANNEL, MESSAGE = Refusal.PASSING, Refusal.OF_CHANNEL, Refusal.OF_MESSAGE
OF_CHANNEL = {301, 308, 401, 402, 403, 404, 405, 407, 410}
PASSING_4XX = {408, 421, 425, 429}
SERVICES = {
    "teams": {"type": "teams"},
    "pagerduty": {"type": "pagerduty", "routing_key": "0" * 32},
    "jira": {"type": "jira", "project": "SOC", "token": "t"},
    "thehive": {"type": "thehive", "api_key": "k"},
}


def test_every_status_of_http() -> None:
    for status in range(100, 600):
        expected = MESSAGE if 400 <= status < 500 and status not in PASSING_4XX else PASSING
        assert refusal_of(HttpReply(status)) is (CHANNEL if status in OF_CHANNEL else expected), status


@pytest.mark.parametrize("step", SmtpStep)
def test_every_code_of_smtp(step: SmtpStep) -> None:
    for code in range(400, 600):
        expected = MESSAGE if code >= 500 else PASSING
        if step in (SmtpStep.SESSION, SmtpStep.LOGIN):
            expected = CHANNEL if step is SmtpStep.LOGIN and code >= 500 else PASSING
        assert refusal_of(SmtpReply(code, step)) is (CHANNEL if code in (530, 534, 535, 538) else expected), code


def test_no_answer_passes() -> None:
    assert refusal_of(None) is PASSING


def test_a_message_that_several_refuse_is_given_up_where_all_do() -> None:
    assert mildest([MESSAGE, MESSAGE]) is MESSAGE
    assert mildest([MESSAGE, CHANNEL]) is CHANNEL
    assert mildest([MESSAGE, CHANNEL, PASSING]) is PASSING


@pytest.mark.parametrize(
    ("service", "status", "answer", "about"),
    [
        ("pagerduty", 400, {"status": "invalid event", "errors": ["'routing_key' is invalid"]}, CHANNEL),
        ("pagerduty", 400, {"status": "invalid key", "message": "Invalid integration key"}, CHANNEL),
        ("pagerduty", 400, {"status": "invalid event", "errors": ["'payload.severity' is invalid"]}, MESSAGE),
        ("teams", 400, {"error": {"code": "WorkflowTriggerIsNotEnabled"}}, CHANNEL),
        ("teams", 400, {"error": {"code": "DirectApiAuthorizationRequired"}}, CHANNEL),
        ("teams", 400, {"error": {"code": "InvalidRequestContent"}}, MESSAGE),
        ("jira", 400, {"errorMessages": ["The value 'SOC' does not exist for the field 'project'."]}, CHANNEL),
        ("jira", 404, {"errorMessages": ["Issue does not exist"], "errors": {}}, PASSING),
        ("jira", 404, "<html>not found</html>", CHANNEL),
        ("thehive", 400, {"type": "BadRequest", "message": "no"}, MESSAGE),
    ],
)
def test_an_answer_that_says_more_than_its_status(service: str, status: int, answer: object, about: Refusal) -> None:
    with HttpReceiver(status=status, answer=answer if isinstance(answer, str) else json.dumps(answer)) as receiver:
        channel = read(json.dumps({"channels": {"c": {**SERVICES[service], "url": receiver.url("/x")}}}), {}).channels[
            0
        ]
        notification = rendered(alert_context(alert(EVENT), links=LINKS), channel)
        with pytest.raises(DeliveryError) as caught:
            build_notifier(channel, FixedClock()).send(notification)
    assert refusal_in(caught.value) is about
