"""No secret of any channel is in an error, a log or a repr."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from support.hostile_text import FixedClock
from support.receivers import LOCALHOST, HttpReceiver, SmtpServer, free_port

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.apprise import AppriseChannel
from watcher.notify.channel_registry import build_notifier
from watcher.notify.mail import MailChannel
from watcher.notify.slack import SlackChannel
from watcher.settings import ChannelSettings, Secret

# Apprise loads a module that Python 3.13 no longer has
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "Hunter2-Zx81-TOPSECRET"
NOTE = Notification(
    alert="a1",
    channel="c",
    key="k1",
    subject="s",
    bodies={"text/plain": "b", "text/html": "<p>b</p>", "application/json": '{"text": "t"}'},
)


def _mail(port: int) -> ChannelSettings:
    return MailChannel(
        name="c",
        host=LOCALHOST,
        port=port,
        tls="none",
        username="watcher",
        password=Secret(SECRET),
        to=("a@example.com",),
    )


def _slack(port: int) -> ChannelSettings:
    return SlackChannel(name="c", webhook_url=Secret(f"http://{LOCALHOST}:{port}/services/T000/{SECRET}"))


def _slack_with_a_blank(port: int) -> ChannelSettings:
    return SlackChannel(name="c", webhook_url=Secret(f"http://{LOCALHOST}:{port}/services/ T000/{SECRET}"))


def _slack_of_another_kind(port: int) -> ChannelSettings:
    return SlackChannel(name="c", webhook_url=Secret(f"gopher://{LOCALHOST}:{port}/services/T000/{SECRET}"))


def _service(port: int) -> ChannelSettings:
    return AppriseChannel(name="c", url=Secret(f"json://user:{SECRET}@{LOCALHOST}:{port}/{SECRET}"))


def _unknown_service(port: int) -> ChannelSettings:
    return AppriseChannel(name="c", url=Secret(f"nosuch://user:{SECRET}@{LOCALHOST}:{port}/{SECRET}"))


def _broken_service(_port: int) -> ChannelSettings:
    return AppriseChannel(name="c", url=Secret(f"tgram://{SECRET}"))


MAKERS: list[Callable[[int], ChannelSettings]] = [
    _mail,
    _slack,
    _slack_with_a_blank,
    _slack_of_another_kind,
    _service,
    _unknown_service,
    _broken_service,
]


def _failure(channel: ChannelSettings) -> str:
    """Everything that a failed attempt leaves: the error with its causes, what it printed, the reprs."""
    built = build_notifier(channel, FixedClock())
    with pytest.raises(DeliveryError) as caught:
        built.send(NOTE)
    return "".join([*traceback.format_exception(caught.value), repr(caught.value), repr(built), repr(channel)])


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Switch every logger to its most talkative."""
    caplog.set_level(logging.NOTSET)
    return caplog


@pytest.mark.parametrize("make", MAKERS)
def test_no_secret_where_nobody_listens(
    make: Callable[[int], ChannelSettings], everything: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A channel that cannot be reached keeps its secret, even with every log at DEBUG."""
    with capture_logs() as logs:
        told = _failure(make(free_port()))
    output = capfd.readouterr()
    assert SECRET not in told + repr(logs) + everything.text + output.out + output.err


@pytest.mark.parametrize("make", [_slack, _service])
def test_no_secret_where_the_server_echoes_it(
    make: Callable[[int], ChannelSettings], everything: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A server that quotes the request in its refusal does not make us print the secret."""
    with HttpReceiver(status=500, answer=f"cannot do /services/T000/{SECRET}") as receiver:
        told = _failure(make(receiver.port))
    output = capfd.readouterr()
    assert SECRET not in told + everything.text + output.out + output.err
    assert "500" in told


@pytest.mark.parametrize("make", [_slack, _service])
def test_no_secret_where_it_is_taken(
    make: Callable[[int], ChannelSettings], everything: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A message that goes through leaves no secret in any log."""
    with HttpReceiver() as receiver:
        build_notifier(make(receiver.port), FixedClock()).send(NOTE)
    output = capfd.readouterr()
    assert len(receiver.requests) == 1
    assert SECRET not in everything.text + output.out + output.err


@pytest.mark.parametrize(
    "server",
    [
        SmtpServer(login=("watcher", "another")),
        SmtpServer(login=("watcher", SECRET), sender_reply=f"550 go away with your {SECRET}"),
        SmtpServer(login=("watcher", SECRET), data_reply=f"554 no {SECRET}"),
        SmtpServer(login=("watcher", SECRET), recipients={"a@example.com": f"550 {SECRET}?"}),
    ],
)
def test_no_secret_where_mail_is_refused(
    server: SmtpServer, everything: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A mail server that refuses, even one that quotes the password, does not make us print it."""
    with server, capture_logs() as logs:
        told = _failure(_mail(server.port))
    output = capfd.readouterr()
    ours = [record.getMessage() for record in everything.records if not record.name.startswith("mail.")]  # aiosmtpd's
    assert SECRET not in told + repr(logs) + "".join(ours) + output.out + output.err
