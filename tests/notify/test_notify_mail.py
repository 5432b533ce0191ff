from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.headerregistry import Address
from email.utils import parsedate_to_datetime
from pathlib import Path
from socket import create_server
from ssl import SSLContext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.hostile_text import EVENT, EVIL, NOW, FixedClock, alert
from support.receivers import LOCALHOST, Received, SmtpServer, certificates, dripping_server, free_port
from support.refusals import refusal_in

from watcher.clock import SystemClock
from watcher.errors import DeliveryError, RecipientsRefused
from watcher.model import Notification
from watcher.notify.defanging import defang
from watcher.notify.escaping import bounded_text, single_line
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.mail.message import mail_message
from watcher.notify.mail.transport import MailNotifier
from watcher.notify.message_context import alert_context
from watcher.notify.refusals import Refusal
from watcher.notify.renderer import Renderer
from watcher.settings import Secret

NOTE = Notification(
    alert="a1",
    channel="soc",
    key="k1",
    subject="[HIGH] Grüße",
    bodies={"text/plain": "text ü\n.\nafter the dot", "text/html": "<p>html é</p>"},
)


def _mail(
    server: SmtpServer,
    *,
    tls: str = "none",
    ca_certs: Path | None = None,
    login: tuple[str, str] | None = None,
    to: tuple[str, ...] = ("a@example.com", "b@example.com"),
) -> MailNotifier:
    channel = MailChannel(
        name="soc",
        host="localhost" if tls != "none" else LOCALHOST,
        port=server.port,
        tls=tls,
        ca_certs=ca_certs,
        username=login[0] if login else None,
        password=Secret(login[1]) if login else None,
        sender="Watcher <watcher@corp.example>",
        to=to,
        timeout=timedelta(seconds=30),
    )
    return MailNotifier(channel, FixedClock())


@pytest.fixture(scope="module")
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SSLContext]:
    return certificates(tmp_path_factory.mktemp("ca"))


def _last(server: SmtpServer) -> Received:
    return server.messages[-1]


def test_the_mail_arrives_whole(server: SmtpServer) -> None:
    """Headers, recipients and both parts arrive as they were rendered."""
    _mail(server).send(NOTE)
    got = _last(server)
    assert (got.sender, got.recipients) == ("watcher@corp.example", ("a@example.com", "b@example.com"))
    assert got.message["Subject"] == "[HIGH] Grüße"
    assert got.message["From"] == "Watcher <watcher@corp.example>"
    assert got.message["To"] == "a@example.com, b@example.com"
    assert parsedate_to_datetime(got.message["Date"]) == NOW.replace(microsecond=0)
    assert got.message["Message-ID"] == "<k1@corp.example>"
    assert got.message["X-Watcher-Alert"] == "a1"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message.get_content_type() == "multipart/alternative"
    assert got.part("text/plain").strip() == NOTE.bodies["text/plain"]
    assert got.part("text/html").strip() == NOTE.bodies["text/html"]


def test_every_attempt_has_the_same_message_id(server: SmtpServer) -> None:
    """A second attempt bears the first one's Message-ID, so that it is recognised as a duplicate."""
    for _ in range(2):
        _mail(server).send(NOTE)
    first, second = server.messages[-2:]
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_event_text_stays_text_through_a_real_server(server: SmtpServer) -> None:
    """Nothing in an event becomes a header, a recipient, or is lost on the way."""
    notification = Renderer().render(
        alert_context(alert(EVENT), links=Links()), MailChannel(name="soc", host="x", to=())
    )
    _mail(server).send(notification)
    got = _last(server)
    assert got.recipients == ("a@example.com", "b@example.com")
    assert "Bcc" not in got.message
    assert got.message["Subject"] == notification.subject
    for text in EVIL.values():
        assert all(line in got.part("text/plain") for line in defang(bounded_text(text)).splitlines())
    assert got.part("text/html").strip() == notification.bodies["text/html"].strip()
    assert max(len(line) for line in got.raw.splitlines()) <= 998
    assert got.raw.isascii()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), min_size=1, max_size=300))
def test_any_subject_arrives_as_one_header(server: SmtpServer, text: str) -> None:
    """Whatever text becomes the subject, it arrives as one line and adds no header."""
    note = Notification(alert="a1", channel="soc", key="k1", subject=text, bodies={"text/plain": "x"})
    _mail(server).send(note)
    got = _last(server).message
    assert str(got["Subject"]).split() == single_line(text).split()
    assert len(got.keys()) == 11


def test_starttls_is_used_before_the_login(certified: tuple[Path, SSLContext]) -> None:
    """With STARTTLS the mail and the password travel encrypted."""
    ca_certs, tls = certified
    with SmtpServer(tls="starttls", context=tls, login=("watcher", "s3cret-pass")) as server:
        _mail(server, tls="starttls", ca_certs=ca_certs, login=("watcher", "s3cret-pass")).send(NOTE)
    assert [got.encrypted for got in server.messages] == [True]


def test_tls_from_the_first_byte(certified: tuple[Path, SSLContext]) -> None:
    """With TLS the connection is encrypted from its start."""
    ca_certs, tls = certified
    with SmtpServer(tls="tls", context=tls) as server:
        _mail(server, tls="tls", ca_certs=ca_certs).send(NOTE)
    assert [got.encrypted for got in server.messages] == [True]


def test_without_starttls_nothing_is_sent_in_clear(server: SmtpServer) -> None:
    """A server that does not offer STARTTLS gets neither password nor mail."""
    before = len(server.messages)
    with pytest.raises(DeliveryError, match="STARTTLS") as caught:
        _mail(server, tls="starttls").send(NOTE)
    assert not caught.value.permanent
    assert len(server.messages) == before


def test_a_stranger_with_another_certificate_gets_nothing(certified: tuple[Path, SSLContext], tmp_path: Path) -> None:
    """A certificate of another authority ends the attempt; it may be tried again once it is renewed."""
    other, _ = certificates(tmp_path)
    server = SmtpServer(tls="starttls", context=certified[1])
    with server, pytest.raises(DeliveryError, match="certificate verify failed") as caught:
        _mail(server, tls="starttls", ca_certs=other).send(NOTE)
    assert not caught.value.permanent
    assert server.messages == []


def test_a_refused_login_is_about_the_channel() -> None:
    """A wrong password is mended in settings, so alerts wait for that and are not dropped."""
    with SmtpServer(login=("watcher", "right")) as server:
        with pytest.raises(DeliveryError, match="login refused: 535") as caught:
            _mail(server, login=("watcher", "wrong-one")).send(NOTE)
        assert refusal_in(caught.value) is Refusal.OF_CHANNEL
        _mail(server, login=("watcher", "right")).send(NOTE)
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("first", "second", "permanent"),
    [
        ("550 no such user", "551 moved", True),  # nobody is there: for good
        ("450 greylisted", "550 no such user", False),  # one of them may take it later
        ("450 greylisted", "452 full", False),
    ],
)
def test_all_recipients_refused(first: str, second: str, permanent: bool) -> None:  # noqa: FBT001 - a table's column
    """Where every recipient is refused, the attempt failed; for good only where all of them said so."""
    server = SmtpServer(recipients={"a@example.com": first, "b@example.com": second})
    with server, pytest.raises(DeliveryError, match=r"every recipient refused: .*a@example\.com") as caught:
        _mail(server).send(NOTE)
    assert caught.value.permanent is permanent


def test_a_refused_recipient_is_named_and_the_others_get_the_mail() -> None:
    """Where some recipients take it, the mail is sent; each of the others is named with its reply."""
    replies = {"b@example.com": "450 greylisted", "c@example.com": "550 no such user"}
    with SmtpServer(recipients=replies) as server, pytest.raises(RecipientsRefused) as caught:
        _mail(server, to=("a@example.com", "b@example.com", "Carl <c@example.com>")).send(NOTE)
    assert [got.recipients for got in server.messages] == [("a@example.com",)]
    assert [(refusal.recipient, refusal.error, refusal.permanent) for refusal in caught.value.refusals] == [
        ("b@example.com", "450 greylisted", False),
        ("c@example.com", "550 no such user", True),
    ]


def test_a_mail_to_one_recipient_goes_to_nobody_else() -> None:
    """The retry for one recipient has the headers and the Message-ID of the mail that the others got."""
    with SmtpServer() as server:
        _mail(server).send(NOTE)
        _mail(server).send(replace(NOTE, recipients=("b@example.com",)))
        with pytest.raises(DeliveryError, match="no longer in `to`") as caught:
            _mail(server).send(replace(NOTE, recipients=("former@example.com",)))
    assert caught.value.permanent
    first, second = server.messages
    assert (first.recipients, second.recipients) == (("a@example.com", "b@example.com"), ("b@example.com",))
    assert (second.message["To"], second.message["Message-ID"]) == (first.message["To"], first.message["Message-ID"])


# --------------------------------------------------------------------------- letters outside ASCII


@pytest.mark.parametrize("login", [("wächter", "geheim"), ("watcher", "pässwörd-€-🔑"), ("Ω", "日本")])
def test_a_login_may_have_letters_outside_ascii(login: tuple[str, str]) -> None:
    """User and password are sent as UTF-8 (RFC 4616)."""
    with SmtpServer(login=login) as server:
        _mail(server, login=login).send(NOTE)
        with pytest.raises(DeliveryError, match="login refused: 535") as caught:
            _mail(server, login=(login[0], "äöü")).send(NOTE)
    assert len(server.messages) == 1
    assert refusal_in(caught.value) is Refusal.OF_CHANNEL


@pytest.mark.parametrize(
    ("to", "recipient"),
    [
        ("soc@bücher.example", "soc@xn--bcher-kva.example"),
        ("SOC Zürich <soc@straße.example>", "soc@xn--strae-oqa.example"),
        ("soc@例え.テスト", "soc@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_domains_are_sent_in_their_ascii_form(to: str, recipient: str) -> None:
    """No server needs SMTPUTF8 for a domain: it has an ASCII form (IDNA)."""
    with SmtpServer(utf8=False) as server:
        _mail(server, to=(to,)).send(NOTE)
    (got,) = server.messages
    assert got.recipients == (recipient,)
    assert recipient in got.message["To"]
    assert ("Zürich" in to) is ("Zürich" in got.message["To"])


def test_an_address_that_is_not_ascii_is_sent_where_the_server_offers_smtputf8() -> None:
    """With SMTPUTF8 the address is sent as it is, in the envelope and in the header."""
    with SmtpServer() as server:
        _mail(server, to=("müller@bücher.example",)).send(NOTE)
    (got,) = server.messages
    assert got.recipients == ("müller@xn--bcher-kva.example",)
    assert "müller@xn--bcher-kva.example".encode() in got.raw
    assert got.message["Subject"] == NOTE.subject


def test_an_address_that_is_not_ascii_is_refused_in_a_sentence_where_the_server_lacks_smtputf8() -> None:
    """The others get the mail; the sentence says which address to change."""
    with SmtpServer(utf8=False) as server:
        with pytest.raises(RecipientsRefused, match=r"müller@corp.example: .* SMTPUTF8") as caught:
            _mail(server, to=("müller@corp.example", "a@example.com")).send(NOTE)
        with pytest.raises(DeliveryError, match="write the part before the `@` in ASCII") as alone:
            _mail(server, to=("müller@corp.example",)).send(NOTE)
    assert [got.recipients for got in server.messages] == [("a@example.com",)]
    assert [refusal.permanent for refusal in caught.value.refusals] == [True]
    assert alone.value.permanent


# --------------------------------------------------------------------------- servers that do not end


@pytest.mark.parametrize("greeting", [b"220-still", b"220 ready\r\n250-a\r\n", b"x"])
@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time(greeting: bytes, tls: str) -> None:
    """The time limit is of the attempt, not of each byte."""
    clock = SystemClock()
    with dripping_server(greeting=greeting) as port:
        channel = MailChannel(
            name="soc", host=LOCALHOST, port=port, tls=tls, to=("a@example.com",), timeout=timedelta(seconds=0.4)
        )
        start = clock.monotonic()
        with pytest.raises(DeliveryError, match=r"not done within 0.4 s|WRONG_VERSION|wrong version|record") as caught:
            MailNotifier(channel, FixedClock()).send(NOTE)
    assert clock.monotonic() - start < 20  # the server goes on for minutes
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("sender_reply", "data_reply", "about"),
    [
        ("550 sender unknown", "", Refusal.OF_MESSAGE),
        ("530 log in first", "", Refusal.OF_CHANNEL),  # about settings, not about the mail
        ("451 try later", "", Refusal.PASSING),
        ("", "554 content refused", Refusal.OF_MESSAGE),
        ("", "451 queue full", Refusal.PASSING),
    ],
)
def test_refusals_of_sender_and_mail(sender_reply: str, data_reply: str, about: Refusal) -> None:
    """5xx about the sender or the mail is for good, 4xx is not."""
    server = SmtpServer(sender_reply=sender_reply, data_reply=data_reply)
    with server, pytest.raises(DeliveryError, match=(sender_reply or data_reply)[4:]) as caught:
        _mail(server).send(NOTE)
    assert refusal_in(caught.value) is about


def test_nobody_listens() -> None:
    """A refused connection may be tried again; the error names channel, host and port."""
    port = free_port()
    mail = MailNotifier(
        MailChannel(name="soc", host=LOCALHOST, port=port, tls="none", to=("a@example.com",)), FixedClock()
    )
    with pytest.raises(DeliveryError, match=f"channel `soc`: {LOCALHOST}:{port}: ConnectionRefused") as caught:
        mail.send(NOTE)
    assert not caught.value.permanent


def test_a_server_that_says_nothing_is_given_up() -> None:
    """A listening socket accepts and never greets, which no SMTP server does; it costs the timeout, not more."""
    with create_server((LOCALHOST, 0)) as silent:
        channel = MailChannel(
            name="soc",
            host=LOCALHOST,
            port=silent.getsockname()[1],
            tls="none",
            to=("a@example.com",),
            timeout=timedelta(milliseconds=200),
        )
        with pytest.raises(DeliveryError, match="timed out") as caught:
            MailNotifier(channel, FixedClock()).send(NOTE)
    assert not caught.value.permanent


def test_a_line_break_in_an_address_is_refused() -> None:
    """An address with a line break in settings is no way to add headers."""
    channel = MailChannel(name="soc", host=LOCALHOST, sender="a@b.example\r\nBcc: x@y.example", to=("a@example.com",))
    with pytest.raises(DeliveryError, match="an address is not usable") as caught:
        MailNotifier(channel, FixedClock()).send(NOTE)
    assert refusal_in(caught.value) is Refusal.OF_CHANNEL


def test_nobody_to_write_to() -> None:
    """A channel without recipients says so before it connects."""
    with pytest.raises(DeliveryError, match="`to` names nobody") as caught:
        MailNotifier(MailChannel(name="soc", host=LOCALHOST, to=()), FixedClock()).send(NOTE)
    assert refusal_in(caught.value) is Refusal.OF_CHANNEL


def test_a_bad_farewell_does_not_send_twice() -> None:
    """Once the server has taken the mail, nothing that follows makes the attempt a failure."""
    with SmtpServer(quit_reply="421 closing") as server:
        _mail(server).send(NOTE)
    assert len(server.messages) == 1


def test_an_update_is_in_the_thread_of_the_first_message() -> None:
    sender, to = Address("watcher", "watcher", "corp.example"), (Address("soc", "soc", "corp.example"),)
    first = Notification(alert="a", channel="mail", key="k1", subject="first", bodies={"text/plain": "first"})
    update = replace(first, key="k2", thread="k1")
    mails = [mail_message(sent, sender, to, now=NOW, utf8=False) for sent in (first, update)]
    assert [(mail["In-Reply-To"], mail["References"]) for mail in mails] == [
        (None, None),
        ("<k1@corp.example>", "<k1@corp.example>"),
    ]
