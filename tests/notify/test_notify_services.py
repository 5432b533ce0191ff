from __future__ import annotations

import html
import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from apprise import Apprise, NotifyFormat
from apprise.conversion import convert_between
from support.hostile_text import EVENT, EVIL, FixedClock, alert
from support.receivers import LOCALHOST, HttpReceiver, dripping_server, free_port
from support.refusals import refusal_in

from watcher.clock import SystemClock
from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.apprise import AppriseChannel
from watcher.notify.apprise.fitting import fitted
from watcher.notify.apprise.transport import AppriseNotifier
from watcher.notify.bounded_attempt import BoundedAttempts
from watcher.notify.defanging import defang
from watcher.notify.escaping import bounded_text
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import Refusal
from watcher.notify.renderer import Renderer
from watcher.settings import Secret

# Apprise loads a module that Python 3.13 no longer has
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOTE = Notification(alert="a1", channel="pager", key="k1", subject="s", bodies={"text/plain": "b"})


def _service(url: str) -> AppriseNotifier:
    return AppriseNotifier(AppriseChannel(name="pager", url=Secret(url)), FixedClock())


def test_the_text_arrives_whole() -> None:
    """Text reaches the service as it was rendered, the subject without addresses; nothing in them is interpreted."""
    channel = AppriseChannel(name="pager", url=Secret("x"))
    notification = Renderer().render(alert_context(alert(EVENT), links=Links()), channel)
    with HttpReceiver() as receiver:
        _service(f"json://{LOCALHOST}:{receiver.port}/alerts").send(notification)
    (request,) = receiver.requests
    got = json.loads(request.body)
    assert got["title"] == defang(notification.subject)
    assert got["message"].strip() == notification.bodies["text/plain"].strip()
    for name in ("script", "template", "ansi", "bidi", "markup"):
        assert bounded_text(EVIL[name]) in got["message"]


@pytest.mark.parametrize("service", ["json", "mmost"])
def test_title_and_text_of_a_service_hold_no_mention_and_no_link(service: str) -> None:
    """Mattermost reads Markdown in what Apprise calls plain text."""
    command = "[click](http://evil.example) <https://evil.example|click> @alice"
    event = {"host": {"name": f"@everyone {command}"}, "winlog": {"event_data": {"CommandLine": command}}}
    channel = AppriseChannel(name="pager", url=Secret("x"))
    notification = Renderer().render(alert_context(alert(event), links=Links()), channel)
    with HttpReceiver() as receiver:
        _service(f"{service}://{LOCALHOST}:{receiver.port}/{'t' * 26}").send(notification)
    sent = json.dumps([json.loads(request.body) for request in receiver.requests], ensure_ascii=False)
    assert sent.count("evil.example") >= 4
    for live in ("@everyone", "@alice", "](http", "<https:"):
        assert live not in sent


@pytest.mark.parametrize(
    ("status", "about"),
    [
        (400, Refusal.OF_MESSAGE),
        *((status, Refusal.OF_CHANNEL) for status in (401, 403, 404, 410, 301)),
        *((status, Refusal.PASSING) for status in (302, 429, 500)),
    ],
)
def test_the_status_of_a_refusal_says_what_it_is_about(status: int, about: Refusal) -> None:
    """Apprise quotes the status of the service's answer."""
    receiver = HttpReceiver(status=status)
    with receiver, pytest.raises(DeliveryError, match=rf"channel `pager`: not sent: .*error={status}") as caught:
        _service(f"json://{LOCALHOST}:{receiver.port}/alerts").send(NOTE)
    assert refusal_in(caught.value) is about
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The page that a redirect leads to has not got the message."""
    with HttpReceiver() as other:
        receiver = HttpReceiver(status=status, headers={"Location": other.url("/accepts-everything")})
        with receiver, pytest.raises(DeliveryError, match="not sent"):
            _service(f"json://{LOCALHOST}:{receiver.port}/alerts").send(NOTE)
    assert other.requests == []


def test_a_service_that_sends_a_byte_now_and_then_is_given_up_and_asked_again_when_it_ended() -> None:
    """A client that is stuck is not started a second time."""
    with dripping_server(greeting=b"HTTP/1.1 200 OK\r\n") as port:
        channel = AppriseChannel(
            name="pager", url=Secret(f"json://{LOCALHOST}:{port}/"), timeout=timedelta(seconds=0.5)
        )
        stuck = AppriseNotifier(channel, FixedClock())
        with pytest.raises(DeliveryError, match=r"timed out: not done within 0.5 s") as caught:
            stuck.send(NOTE)
        with pytest.raises(DeliveryError, match="still waits for its answer"):
            stuck.send(NOTE)
    assert not caught.value.permanent


def test_a_late_success_is_not_repeated() -> None:
    """What succeeded after the time limit counts for the next attempt to send the same message."""
    released, sent = threading.Event(), []
    attempts = BoundedAttempts(timedelta(seconds=0.1))

    def send() -> None:
        assert released.wait(20)
        sent.append("message")

    with pytest.raises(TimeoutError, match="not done within"):
        attempts.run("k1", send)
    released.set()
    while not sent:
        SystemClock().wait(0.01)
    SystemClock().wait(0.05)
    attempts.run("k1", send)
    assert sent == ["message"]
    attempts.run("k2", send)
    assert sent == ["message", "message"]


@pytest.mark.parametrize(
    "url",
    [
        "discord://1234567890123456/abcdefghijklmnopqrstuvwxyz",
        "tgram://123456789:abcdefg_hijklmnop/12345/",
        f"pover://{'u' * 30}@{'a' * 30}",
        "gchat://workspace/webhookkey/token",
        "json://localhost",
    ],
)
@pytest.mark.parametrize("text", ["x", "<&>", "*_`[", "é€🔑"])
def test_a_text_is_shortened_to_what_its_service_takes(url: str, text: str) -> None:
    """The last line with the alert's id is kept, and the length is that after the service's escaping."""
    service = Apprise.instantiate(url)
    assert service is not None
    body = f"HIGH: A rule\n{text * 20_000}\nAlert: 4711"
    title, shortened = fitted(service, "[HIGH] A rule", body)
    written = convert_between(NotifyFormat.TEXT, service.notify_format, shortened)
    if service.notify_format == NotifyFormat.MARKDOWN:  # Google Chat gets these as entities
        written = html.escape(written, quote=False)
    shares = service.title_maxlen <= 0 or service.overflow_amalgamate_title
    assert len(written) + (len(title) if shares else 0) <= service.body_maxlen
    assert len(written) > service.body_maxlen * 0.6
    assert (shortened.splitlines()[0], shortened.splitlines()[-1]) == ("HIGH: A rule", "Alert: 4711")
    assert fitted(service, "t", "short") == ("t", "short")


def test_a_long_text_arrives_in_one_message() -> None:
    """A service that takes 32,768 characters gets that many and no second message."""
    note = replace(NOTE, bodies={"text/plain": f"HIGH\n{'x' * 100_000}\nAlert: 4711"})
    with HttpReceiver() as receiver:
        _service(f"json://{LOCALHOST}:{receiver.port}/alerts").send(note)
    (request,) = receiver.requests
    message = json.loads(request.body)["message"]
    assert len(message) <= 32_768
    assert message.endswith("more characters)\nAlert: 4711")


def test_nobody_listens() -> None:
    """A refused connection may be tried again."""
    with pytest.raises(DeliveryError, match="not sent: A Connection error") as caught:
        _service(f"json://{LOCALHOST}:{free_port()}/alerts").send(NOTE)
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["nosuchservice://host/token", "not a url at all", "discord://"])
def test_a_url_that_apprise_does_not_know_is_for_good(url: str) -> None:
    """An unknown service is said so."""
    with pytest.raises(DeliveryError, match="Apprise does not know this `url`") as caught:
        _service(url).send(NOTE)
    assert refusal_in(caught.value) is Refusal.OF_CHANNEL
