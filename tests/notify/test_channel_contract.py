"""What every channel type promises: no secret in any output, harmless text, bounded size, and retries that help."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.hostile_messages import messages
from support.hostile_text import BIDI, FixedClock
from support.receivers import LOCALHOST, HttpReceiver, SmtpServer, free_port
from support.refusals import refusal_in
from support.service_receivers import JiraReceiver, PagerDutyReceiver, TheHiveReceiver

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.channel_registry import build_notifier, notifier_type
from watcher.notify.refusals import Refusal
from watcher.notify.renderer import Renderer
from watcher.settings import ChannelSettings, channel_type_names, read

# Apprise loads a module that Python 3.13 no longer has
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "Hunter2Zx81TOPSECRET0123456789ab"  # 32 letters and digits, as PagerDuty wants them
MAX_BODY = 100_000  # bytes of one body; some mail programs cut HTML soon after
Receiver = HttpReceiver | SmtpServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How one channel type is set up against a receiver on a port."""

    settings: Callable[[int], Mapping[str, Any]]
    refusing: Callable[[int], Receiver]  # a receiver that answers with a status and quotes the secret
    accepting: Callable[[], Receiver]
    requests: int = 1  # of one message


def http(status: int) -> HttpReceiver:
    return HttpReceiver(status=status, answer=f"cannot do /services/T000/{SECRET}")


def smtp(status: int) -> SmtpServer:
    return SmtpServer(login=("watcher", SECRET), data_reply=f"{status} no {SECRET}")


CASES = {
    "mail": Case(
        settings=lambda port: {
            "host": LOCALHOST,
            "port": port,
            "tls": "none",
            "username": "watcher",
            "password": SECRET,
            "to": ["a@example.com"],
        },
        refusing=smtp,
        accepting=lambda: SmtpServer(login=("watcher", SECRET)),
    ),
    "slack": Case(
        settings=lambda port: {"webhook_url": f"http://{LOCALHOST}:{port}/services/T000/{SECRET}"},
        refusing=http,
        accepting=HttpReceiver,
    ),
    "apprise": Case(
        settings=lambda port: {"url": f"json://user:{SECRET}@{LOCALHOST}:{port}/{SECRET}"},
        refusing=http,
        accepting=HttpReceiver,
    ),
    "webhook": Case(
        settings=lambda port: {"url": f"http://{LOCALHOST}:{port}/services/T000/{SECRET}"},
        refusing=http,
        accepting=HttpReceiver,
    ),
    "hook": Case(
        settings=lambda port: {"url": f"http://{LOCALHOST}:{port}/services/T000/{SECRET}"},
        refusing=http,
        accepting=HttpReceiver,
    ),
    "teams": Case(
        settings=lambda port: {"url": f"http://{LOCALHOST}:{port}/services/T000/{SECRET}"},
        refusing=http,
        accepting=lambda: HttpReceiver(status=202, answer=""),
    ),
    "pagerduty": Case(
        settings=lambda port: {"url": f"http://{LOCALHOST}:{port}", "routing_key": SECRET},
        refusing=http,
        accepting=lambda: PagerDutyReceiver(routing_key=SECRET),
    ),
    "jira": Case(
        settings=lambda port: {
            "url": f"http://{LOCALHOST}:{port}",
            "project": "SOC",
            "edition": "data-center",
            "token": SECRET,
        },
        refusing=http,
        accepting=lambda: JiraReceiver(version="2", authorization=f"Bearer {SECRET}"),
        requests=2,  # the search, and the ticket
    ),
    "thehive": Case(
        settings=lambda port: {"url": f"http://{LOCALHOST}:{port}", "api_key": SECRET},
        refusing=http,
        accepting=lambda: TheHiveReceiver(api_key=SECRET),
    ),
}
PASSING, CHANNEL, MESSAGE = Refusal.PASSING, Refusal.OF_CHANNEL, Refusal.OF_MESSAGE
_TABLE = {
    400: MESSAGE,
    **dict.fromkeys((401, 403, 404, 410), CHANNEL),
    **dict.fromkeys((408, 429, 500, 503), PASSING),
}
REFUSALS = {  # channel type → status → what the refusal is about
    "mail": {421: PASSING, 451: PASSING, 452: PASSING, 550: MESSAGE, 552: MESSAGE, 554: MESSAGE},
    **dict.fromkeys(("slack", "apprise", "webhook", "hook", "teams", "pagerduty", "thehive"), _TABLE),
    "jira": {**_TABLE, 400: CHANNEL},  # its search holds nothing of the message
}
UNUSABLE = {  # settings that no message can be sent with: the error must not quote them
    "blank": ("slack", {"webhook_url": f"http://{LOCALHOST}:1/services/T000/{SECRET}"}, f"http://a/ T000/{SECRET}"),
    "scheme": ("slack", {"webhook_url": f"http://{LOCALHOST}:1/services/T000/{SECRET}"}, f"gopher://a/{SECRET}"),
    "unknown service": ("apprise", {"url": "json://localhost"}, f"nosuch://user:{SECRET}@{LOCALHOST}/{SECRET}"),
    "incomplete": ("apprise", {"url": "json://localhost"}, f"tgram://{SECRET}"),
    "blank in the address of a package": ("hook", {"url": "http://localhost/a"}, f"http://{LOCALHOST}:1/ {SECRET}"),
    "blank in the address": ("webhook", {"url": "http://localhost/a"}, f"http://{LOCALHOST}:1/ {SECRET}"),
}


@pytest.fixture(autouse=True)
def _webhook_channel(webhook_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the channel type of the installed package one of the channel types."""
    monkeypatch.syspath_prepend(str(webhook_package))


@pytest.fixture(params=CASES)
def channel_type(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Switch every logger to its lowest level."""
    caplog.set_level(logging.NOTSET)
    return caplog


def channel(channel_type: str, settings: Mapping[str, Any]) -> ChannelSettings:
    """Read the settings of one channel, as from a file."""
    return read(json.dumps({"channels": {"c": {"type": channel_type, **settings}}}), {}).channels[0]


def channel_at(channel_type: str, port: int) -> ChannelSettings:
    return channel(channel_type, CASES[channel_type].settings(port))


def message(settings: ChannelSettings) -> Notification:
    return Renderer().render(next(messages()), settings)


def failure(settings: ChannelSettings) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        build_notifier(settings, FixedClock()).send(message(settings))
    return caught.value


def traces(error: DeliveryError, settings: ChannelSettings) -> str:
    """Return everything that a failed attempt leaves: the error with its causes, and the reprs."""
    notifier = build_notifier(settings, FixedClock())
    return "".join([*traceback.format_exception(error), repr(error), repr(notifier), repr(settings)])


def own_records(log: pytest.LogCaptureFixture) -> str:
    """Return the log without that of the test's own mail server."""
    return "".join(record.getMessage() for record in log.records if not record.name.startswith("mail."))


def test_every_channel_type_is_held_to_the_contract() -> None:
    assert set(CASES) == set(REFUSALS) == set(channel_type_names()) - {"file"}  # no service


def test_every_channel_type_has_its_templates(channel_type: str) -> None:
    described = notifier_type(channel_type)
    assert described.name == channel_type
    assert described.bodies
    names = [prefix + name for name in described.bodies.values() for prefix in ("", "digest.", "notice.")]
    assert [name for name in names if not (described.templates / name).is_file()] == []


def test_hostile_text_is_rendered_harmless_and_bounded(channel_type: str) -> None:
    settings = channel_at(channel_type, 1)
    for context in messages():
        notification = Renderer().render(context, settings)
        assert notification.subject.isprintable()
        assert len(notification.subject) <= 200
        for media, body in notification.bodies.items():
            assert len(body.encode()) <= MAX_BODY, (type(context).__name__, media)
            text = json.dumps(json.loads(body), ensure_ascii=False) if media == "application/json" else body
            assert BIDI not in text
            assert "\x1b" not in text
            assert "<script>alert" not in text or media != "text/html"


def test_a_message_arrives_and_leaves_no_secret(
    channel_type: str, log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with CASES[channel_type].accepting() as receiver, capture_logs() as logs:
        settings = channel_at(channel_type, receiver.port)
        build_notifier(settings, FixedClock()).send(message(settings))
    output = capfd.readouterr()
    expected = CASES[channel_type].requests
    assert len(receiver.messages if isinstance(receiver, SmtpServer) else receiver.requests) == expected
    assert SECRET not in repr(logs) + own_records(log) + output.out + output.err


def test_an_unreachable_server_is_retried_and_leaves_no_secret(
    channel_type: str, log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = channel_at(channel_type, free_port())
    with capture_logs() as logs:
        error = failure(settings)
    output = capfd.readouterr()
    assert not error.permanent
    assert str(error).startswith("channel `c`: ")
    assert SECRET not in traces(error, settings) + repr(logs) + own_records(log) + output.out + output.err


@pytest.mark.parametrize(
    ("refused", "status", "about"),
    [(name, status, about) for name, table in REFUSALS.items() for status, about in table.items()],
)
def test_a_refusal_says_what_it_is_about_and_leaves_no_secret(
    refused: str,
    status: int,
    about: Refusal,
    log: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with CASES[refused].refusing(status) as receiver, capture_logs() as logs:
        settings = channel_at(refused, receiver.port)
        error = failure(settings)
    output = capfd.readouterr()
    assert refusal_in(error) is about
    assert str(status) in str(error)
    assert SECRET not in traces(error, settings) + repr(logs) + own_records(log) + output.out + output.err


@pytest.mark.parametrize(
    "server",
    [
        SmtpServer(login=("watcher", "another")),
        SmtpServer(login=("watcher", SECRET), sender_reply=f"550 go away with your {SECRET}"),
        SmtpServer(login=("watcher", SECRET), recipients={"a@example.com": f"550 {SECRET}?"}),
    ],
)
def test_a_refusal_of_login_sender_or_recipient_leaves_no_secret(
    server: SmtpServer, log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with server, capture_logs() as logs:
        settings = channel_at("mail", server.port)
        error = failure(settings)
    output = capfd.readouterr()
    assert SECRET not in traces(error, settings) + repr(logs) + own_records(log) + output.out + output.err


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_an_unusable_address_is_not_quoted(
    unusable: str, log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    name, usable, address = UNUSABLE[unusable]
    settings = channel(name, usable)
    (field,) = usable
    settings = replace(settings, **{field: type(getattr(settings, field))(address)})
    error = failure(settings)
    output = capfd.readouterr()
    assert SECRET not in traces(error, settings) + own_records(log) + output.out + output.err
