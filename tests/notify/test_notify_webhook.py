from __future__ import annotations

import base64
import json
import ssl
from datetime import timedelta
from pathlib import Path
from socket import socket

import pytest
from support.hostile_messages import LINKS, UNSEEN, huge_message, messages, rendered
from support.hostile_text import ALL, EVENT, NOW, FixedClock, alert
from support.http_server import LocalServer
from support.receivers import LOCALHOST, HttpReceiver, certificates
from support.refusals import refusal_in
from support.scripted_server import ScriptedServer, read_http_request
from support.service_receivers import WebhookReceiver
from werkzeug import Response

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import Refusal
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.transport import SlackNotifier
from watcher.notify.webhook import WebhookChannel
from watcher.notify.webhook.transport import WebhookNotifier
from watcher.settings import Secret, read

KEY = b"a key of the signature, 32 bytes"
TOKEN = "token-Hunter2-4711"
PATH = "/alerts/path-Hunter2-4711"
SMALL = Notification(
    alert="a1", channel="hook", key="k1", subject="s", bodies={"application/json": '{"message": "é", "empty": [""]}'}
)


def settings(url: str, **changes: object) -> WebhookChannel:
    secret = Secret(f"whsec_{base64.b64encode(KEY).decode()}")
    values = {"signing_secret": secret, "token": Secret(TOKEN), "timeout": timedelta(seconds=20), **changes}
    return WebhookChannel(name="hook", url=Secret(url), **values)  # type: ignore[arg-type]


def send(url: str, notification: Notification = SMALL, **changes: object) -> None:
    WebhookNotifier(settings(url, **changes), FixedClock()).send(notification)


def receiver() -> WebhookReceiver:
    return WebhookReceiver(key=KEY, token=TOKEN, moment=NOW.timestamp() + 200)


def test_a_signed_document_in_ecs_names_arrives() -> None:
    context = alert_context(alert(EVENT), links=LINKS)
    with receiver() as hook:
        send(hook.url(PATH), rendered(context, settings(hook.url(PATH))))
    assert hook.offences == []
    ((_, document),) = hook.accepted
    assert document["@timestamp"] == context.time
    assert document["host"]["name"] == context.host
    assert document["process"]["command_line"] == context.command_line
    assert document["rule"]["id"] == context.rule.id
    assert document["threat"]["technique"]["id"] == ["T1505.004"]
    assert document["watcher"]["alert"]["id"] == context.alert_id
    assert document["watcher"]["kind"] == "alert"
    assert context.alert_id in document["watcher"]["text"]
    assert '""' not in hook.requests[0].body.decode()


def test_hostile_text_arrives_visible_in_every_kind_of_message() -> None:
    with receiver() as hook:
        for context in messages():
            send(hook.url(PATH), rendered(context, settings(hook.url(PATH))))
            text = json.dumps(hook.accepted[-1][1], ensure_ascii=False)
            assert [character for character in UNSEEN if character in text] == []
    assert hook.offences == []
    assert {document["watcher"]["kind"] for _, document in hook.accepted} == {"alert", "digest", "notice"}
    commands = [document["process"]["command_line"] for _, document in hook.accepted if "process" in document]
    assert ALL.partition("x\r\n")[0] in commands[0]


def test_values_of_a_megabyte_are_shortened_with_a_note() -> None:
    with receiver() as hook:
        send(hook.url(PATH), rendered(huge_message(), settings(hook.url(PATH))))
    assert len(hook.requests[0].body) < 200_000
    ((_, document),) = hook.accepted
    assert "more characters)" in document["process"]["command_line"]
    assert "more characters)" in document["host"]["name"]


def test_an_altered_or_old_document_is_recognised() -> None:
    """The receiver can refuse what others send: the signature covers the body, the key and the time."""
    other = receiver()
    other.key = b"another key"
    with other, pytest.raises(DeliveryError, match=r"answered 401.*wrong signature") as caught:
        send(other.url(PATH))
    assert not caught.value.permanent  # somebody will mend the secret
    late = receiver()
    late.moment = NOW.timestamp() + 301
    with late, pytest.raises(DeliveryError, match="too old"):
        send(late.url(PATH))


def test_a_retry_after_a_lost_answer_has_the_same_key() -> None:
    with receiver() as hook:
        hook.failures = [Response("", 502)]
        with pytest.raises(DeliveryError, match="answered 502"):
            send(hook.url(PATH))
        send(hook.url(PATH))
        send(hook.url(PATH))
    assert len(hook.requests) == 3
    assert [key for key, _ in hook.accepted] == ["k1"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_status_of_success_is_a_delivery(status: int) -> None:
    with HttpReceiver(status=status, answer="") as hook:
        send(hook.url(PATH))
    assert len(hook.requests) == 1


@pytest.mark.parametrize(
    ("status", "about"),
    [
        *((status, Refusal.OF_MESSAGE) for status in (400, 409, 413, 422)),
        *((status, Refusal.OF_CHANNEL) for status in (301, 308, 401, 403, 404, 405, 407, 410)),
        *((status, Refusal.PASSING) for status in (302, 307, 408, 425, 429, 500, 502, 503)),
    ],
)
def test_every_other_status_says_what_it_is_about(status: int, about: Refusal) -> None:
    hook = HttpReceiver(status=status, answer=f"{TOKEN} at {PATH}", headers={"Retry-After": "7", "Location": "/other"})
    with hook, pytest.raises(DeliveryError, match=f"answered {status}.*asks to wait 7 s") as caught:
        send(hook.url(PATH))
    assert refusal_in(caught.value) is about
    assert "Hunter2" not in str(caught.value)
    assert len(hook.requests) == 1


BROKEN = [
    b"",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
    b"HTTP/1.1 2xx OK\r\n\r\n",
    b"\xff" * 100,
]


@pytest.mark.parametrize("answer", BROKEN)
def test_an_answer_that_breaks_off_is_tried_again(answer: bytes) -> None:
    def talk(client: socket) -> None:
        read_http_request(client)
        client.sendall(answer)

    with ScriptedServer(script=talk) as server, pytest.raises(DeliveryError, match="cannot be reached") as caught:
        send(f"http://{LOCALHOST}:{server.port}{PATH}")
    assert not caught.value.permanent
    assert "Hunter2" not in str(caught.value)


def test_a_complete_answer_without_a_length_is_accepted() -> None:
    def talk(client: socket) -> None:
        read_http_request(client)
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nok")

    with ScriptedServer(script=talk) as server:
        send(f"http://{LOCALHOST}:{server.port}{PATH}")


def test_the_authorities_of_settings_are_trusted_and_no_others(tmp_path: Path) -> None:
    file, context = certificates(tmp_path)
    with tls_server(context) as url:
        send(url, ca_certs=file)
        with pytest.raises(DeliveryError, match=r"cannot be reached.*certificate verify failed") as caught:
            send(url)
    assert not caught.value.permanent  # an expired certificate is renewed, and the message is still wanted


def test_an_invalid_certificate_of_slack_is_tried_again(tmp_path: Path) -> None:
    _, context = certificates(tmp_path)
    with tls_server(context) as url:
        slack = SlackNotifier(SlackChannel(name="chat", webhook_url=Secret(url)), FixedClock())
        with pytest.raises(DeliveryError, match=r"cannot be reached.*certificate verify failed") as caught:
            slack.send(SMALL)
    assert not caught.value.permanent


def tls_server(context: ssl.SSLContext) -> _TlsServer:
    return _TlsServer(context)


class _TlsServer:
    def __init__(self, context: ssl.SSLContext) -> None:
        self._server = LocalServer(context)
        self._server.expect_request(PATH).respond_with_data("ok")

    def __enter__(self) -> str:
        self._server.start()
        return self._server.url_for(PATH)

    def __exit__(self, *_: object) -> None:
        self._server.stop()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("signing_secret: 'whsec_not base64'", "not a secret of a signature"),
        ("token: ''", "expected a string of one line"),
        ("ca_certs: nowhere.pem", "nowhere.pem"),
    ],
)
def test_wrong_settings_are_reported_without_the_secret(line: str, message: str) -> None:
    text = f"channels: {{h: {{type: webhook, url: 'https://hooks.example/Hunter2-4711', {line}}}}}"
    with pytest.raises(Exception, match=message) as caught:
        read(text, {})
    assert "Hunter2" not in str(caught.value)
    assert "not base64" not in str(caught.value)
