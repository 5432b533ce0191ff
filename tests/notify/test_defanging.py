"""Addresses in event text become no links; what only looks like one stays as it is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from time import thread_time

import pytest
from support.hostile_text import NOW, alert

from watcher.model import MatchedField, MatchedValue
from watcher.notify.apprise.settings import AppriseChannel
from watcher.notify.defanging import defang
from watcher.notify.digest_context import DigestCount
from watcher.notify.links import Links
from watcher.notify.mail.settings import MailChannel
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer
from watcher.notify.sample import sample_digest
from watcher.notify.slack.settings import SlackChannel
from watcher.settings import ChannelSettings, Secret

ADDRESSES = {
    "http://evil.com/a?b=c.d": "http[:]//evil[.]com/a?b=c.d",
    "HTTPS://EVIL.COM:8443/x": "HTTPS[:]//EVIL[.]COM:8443/x",
    "http://10.0.0.1/a.ps1": "http[:]//10.0.0.1/a.ps1",
    "http://evil.example": "http[:]//evil.example",
    "evil.com": "evil[.]com",
    "see evil.com.": "see evil[.]com.",
    "www.evil.example": "www[.]evil.example",
    "a.evil.co.uk": "a.evil.co[.]uk",
    "user@evil.com": "user@evil[.]com",
    "//evil.com": "//evil[.]com",
    "invoice.zip": "invoice[.]zip",
    "xn--e1afmkfd.xn--p1ai": "xn--e1afmkfd[.]xn--p1ai",
    "пример.рф": "пример[.]рф",
    "\\\\10.0.0.1\\share\\x.exe": "[\\\\]10.0.0.1\\share\\x.exe",
}
READABLE = (
    "cmd.exe /c whoami",
    "powershell (New-Object Net.WebClient).DownloadString",
    "System.IO.File",
    "C:\\Windows\\System32\\drivers\\etc\\hosts.txt",
    "C:\\\\Windows\\\\x.dll",
    "script.js wscript.vbs a.7z data.db",
    "DC01.corp.local",
    "winlog.event_data.CommandLine",
    "version 10.0.19041.1",
    "T1059.001",
)
FIELD = "cloud.account.id"
CHANNELS = (
    MailChannel(name="soc", host="x", to=()),
    AppriseChannel(name="pager", url=Secret("x")),
    SlackChannel(name="chat", webhook_url=Secret("https://hooks.example/x")),
)
FORM = re.compile(r"[a-z]://|www\.|\bevil\.com|^\\\\", re.IGNORECASE)


@pytest.mark.parametrize(("text", "expected"), ADDRESSES.items())
def test_an_address_is_written_so_that_no_program_makes_a_link_of_it(text: str, expected: str) -> None:
    assert defang(text) == expected
    assert defang(expected) == expected


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_address_stays_readable(text: str) -> None:
    assert defang(text) == text


@pytest.mark.parametrize(
    "text", ["a." * 50_000 + "com", "://" * 30_000, ".xn--" * 20_000, "\\\\" * 50_000, "www." * 25_000]
)
def test_any_text_takes_little_time(text: str) -> None:
    began = thread_time()
    defang(text)
    assert thread_time() - began < 2


@pytest.mark.parametrize("channel", CHANNELS, ids=["mail", "apprise", "slack"])
def test_no_message_holds_an_address_of_an_event_where_it_would_become_a_link(channel: ChannelSettings) -> None:
    address = "http://www.evil.com/x"
    event = {
        "host": {"name": address},
        "winlog": {"event_data": {"CommandLine": address, "User": address, "Image": address, "Other": address}},
    }
    notification = Renderer().render(alert_context(alert(event), links=Links()), channel)
    for media, body in notification.bodies.items():
        shown = json.loads(body)["text"] if media == "application/json" else body  # Slack makes no links in its blocks
        assert "evil" in shown
        assert "www.evil.com" not in shown
        assert "//www[.]evil[.]com" in shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("host.name=DC01", "host.name=DC01"),  # the field of a group key
        ("host.name = DC01", "host.name = DC01"),
        ("12 \N{MULTIPLICATION SIGN} user.id=evil.com", "12 \N{MULTIPLICATION SIGN} user.id=evil[.]com"),
        ("cloud.account.id=evil.com", "cloud.account.id=evil[.]com"),
        ("cloud.account.id: a, host.name: b.com", "cloud.account.id: a, host.name: b[.]com"),
        ("host.name", "host[.]name"),
        ("evil.com=1", "evil[.]com=1"),
        ("evil.host.name=1", "evil.host[.]name=1"),
    ],
)
def test_the_field_of_a_group_key_is_no_address(written: str, shown: str) -> None:
    assert defang(written, ("host.name", "user.id", "cloud.account.id", "")) == shown


@pytest.mark.parametrize("channel", CHANNELS[:2], ids=["mail", "apprise"])
def test_the_fields_of_keys_and_rules_are_shown_as_they_are_and_their_values_are_not(channel: ChannelSettings) -> None:
    digest = replace(sample_digest(NOW), about=(DigestCount(text="cloud.account.id=evil.com", count=3, field=FIELD),))
    value = MatchedValue("evil.com", ((0, 8),))
    hostile = alert({"Field": "evil.com"})
    hit = replace(hostile.first, matched=(MatchedField(field=FIELD, values=(value,), words=("is `x`",)),))
    for context in (digest, alert_context(replace(hostile, key=((FIELD, "evil.com"),), first=hit), links=Links())):
        for body in Renderer().render(context, channel).bodies.values():
            assert FIELD in re.sub(r"<[^>]*>", "", body)
            assert "[.]id" not in body
            assert "evil.com" not in re.sub(r"<[^>]*>", "", body)
