from __future__ import annotations

import json
from datetime import timedelta
from socket import create_server

import pytest
from support.hostile_text import EVENT, FixedClock, alert
from support.receivers import LOCALHOST, HttpReceiver, dripping_server, free_port
from support.refusals import refusal_in

from watcher.clock import SystemClock
from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import Refusal
from watcher.notify.renderer import Renderer
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.transport import SlackNotifier
from watcher.settings import Secret

PASSING, CHANNEL, MESSAGE = Refusal.PASSING, Refusal.OF_CHANNEL, Refusal.OF_MESSAGE
PATH = "/services/T000/B000/secretsecret"
NOTE = Notification(
    alert="a1", channel="chat", key="k1", subject="s", bodies={"application/json": '{"text": "é", "blocks": []}'}
)


def _slack(url: str, timeout: timedelta = timedelta(seconds=30)) -> SlackNotifier:
    return SlackNotifier(SlackChannel(name="chat", webhook_url=Secret(url), timeout=timeout), FixedClock())


def test_the_message_arrives_whole() -> None:
    """The blocks arrive as they were rendered, event text and all."""
    channel = SlackChannel(name="chat", webhook_url=Secret("https://hooks.example/x"))
    notification = Renderer().render(alert_context(alert(EVENT), links=Links()), channel)
    with HttpReceiver() as slack:
        _slack(slack.url(PATH)).send(notification)
    (request,) = slack.requests
    assert (request.method, request.path) == ("POST", PATH)
    assert json.loads(request.body) == json.loads(notification.bodies["application/json"])


@pytest.mark.parametrize(
    ("status", "answer", "about"),
    [
        (400, "invalid_payload", MESSAGE),  # the same message is as wrong the next time
        (400, "invalid_token", CHANNEL),
        (400, "user_not_found", CHANNEL),
        (403, "action_prohibited", CHANNEL),  # the workspace forbids it
        (403, "invalid_token", CHANNEL),  # the webhook is revoked
        (404, "no_service", CHANNEL),
        (404, "channel_not_found", CHANNEL),
        (410, "channel_is_archived", CHANNEL),
        (500, "no_team", CHANNEL),
        (408, "", PASSING),
        (429, "rate_limited", PASSING),
        (500, "rollup_error", PASSING),
        (502, "<html>bad gateway</html>", PASSING),
        (503, "", PASSING),
        (418, "teapot", PASSING),  # nobody documents it: trying again costs little
        (401, "", CHANNEL),
        (200, "<html>log in</html>", CHANNEL),  # a captive page is not Slack
        (200, "", CHANNEL),  # nor is a proxy that accepts everything
        (200, '{"ok": false, "error": "invalid_auth"}', CHANNEL),
        (200, "ok?", CHANNEL),
        (204, "", PASSING),
        (302, "", PASSING),  # another address would have to accept it: redirects are not followed
        (307, "", PASSING),
        (301, "", CHANNEL),
        (308, "", CHANNEL),
    ],
)
def test_every_refusal_says_what_it_is_about(status: int, answer: str, about: Refusal) -> None:
    """A revoked webhook keeps its messages until somebody mends it; one attempt is one request."""
    slack = HttpReceiver(status=status, answer=answer)
    with slack, pytest.raises(DeliveryError, match="channel `chat`: Slack: ") as caught:
        _slack(slack.url(PATH)).send(NOTE)
    assert refusal_in(caught.value) is about
    assert len(slack.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The page that a redirect leads to may answer anything, and has not got the message."""
    with HttpReceiver() as other:
        slack = HttpReceiver(status=status, headers={"Location": other.url("/accepts-everything")})
        with slack, pytest.raises(DeliveryError, match=f"answered {status}.*redirects are not followed"):
            _slack(slack.url(PATH)).send(NOTE)
    assert other.requests == []


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nok"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time(greeting: bytes) -> None:
    """The time limit is of the attempt, not of each byte."""
    clock = SystemClock()
    with dripping_server(greeting=greeting) as port:
        start = clock.monotonic()
        with pytest.raises(DeliveryError, match="timed out") as caught:
            _slack(f"http://{LOCALHOST}:{port}{PATH}", timedelta(seconds=0.5)).send(NOTE)
    assert clock.monotonic() - start < 20  # the server goes on for minutes
    assert not caught.value.permanent


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy gets the complete address, and its own credentials."""
    with HttpReceiver() as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:pass@{LOCALHOST}:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        _slack(f"http://hooks.example{PATH}").send(NOTE)
    (request,) = proxy.requests
    assert request.headers["Host"] == "hooks.example:80"
    assert request.headers["Proxy-Authorization"] == "Basic dXNlcjpwYXNz"


def test_retry_after_is_in_the_error() -> None:
    """Slack's Retry-After stands in the error."""
    slack = HttpReceiver(status=429, headers={"Retry-After": "30"})
    with slack, pytest.raises(DeliveryError, match="asks to wait 30 s"):
        _slack(slack.url(PATH)).send(NOTE)


def test_nobody_listens() -> None:
    """A refused connection may be tried again."""
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        _slack(f"http://{LOCALHOST}:{free_port()}{PATH}").send(NOTE)
    assert not caught.value.permanent


def test_a_server_that_says_nothing_is_given_up() -> None:
    """A listening socket accepts and never answers, which no HTTP server does; it costs the timeout, not more."""
    with create_server((LOCALHOST, 0)) as silent, pytest.raises(DeliveryError, match="timed out") as caught:
        _slack(f"http://{LOCALHOST}:{silent.getsockname()[1]}{PATH}", timedelta(seconds=1)).send(NOTE)
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["hooks.slack.com/services/x", "file:///etc/passwd", "https://"])
def test_a_url_that_is_none_is_about_settings(url: str) -> None:
    """A webhook that is no web address is said so, without quoting it."""
    with pytest.raises(DeliveryError, match="no web address") as caught:
        _slack(url).send(NOTE)
    assert refusal_in(caught.value) is CHANNEL
    assert url not in str(caught.value)


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address excluded from the proxy is reached directly."""
    monkeypatch.setenv("http_proxy", f"http://{LOCALHOST}:{free_port()}")
    monkeypatch.setenv("no_proxy", LOCALHOST)
    with HttpReceiver() as slack:
        _slack(slack.url(PATH)).send(NOTE)
    assert len(slack.requests) == 1
