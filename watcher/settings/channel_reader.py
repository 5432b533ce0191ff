"""The channels of watcher.yml, one reader per type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from watcher.errors import SettingsError
from watcher.settings.channel_settings import AppriseChannel, Channel, MailChannel, SlackChannel
from watcher.settings.secret import Secret
from watcher.settings.sections import Reading, Section
from watcher.settings.value_readers import choice, invalid, is_name, line, mail_address, port, some, span, truth
from watcher.yaml_nodes.nodes import Entry

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_NO_SECRET = Secret("")
_MAIL = MailChannel(name="", host="")
_SLACK = SlackChannel(name="", webhook_url=_NO_SECRET)
_APPRISE = AppriseChannel(name="", url=_NO_SECRET)


def channels(entries: Iterable[Entry], reading: Reading) -> Iterator[Channel]:
    """Read the channels that can be read; what is wrong with the others is noted."""
    for entry in entries:
        if not is_name(entry.key_text):
            message = f"`{entry.key_text}` is no name for a channel"
            reading.note(invalid(entry.key_location, message, "use letters, digits, `_` and `-`, at most 64"))
        try:
            section = Section(entry.value, f"channels.{entry.key_text}", reading)
        except SettingsError as fault:
            reading.note(fault)
            continue
        kind = section.need("type", choice(*_TYPES), "")
        if kind in _TYPES:  # else no key can be judged: which ones there are depends on the type
            yield _TYPES[kind](entry.key_text, section)
            section.close()


def _mail(name: str, section: Section) -> Channel:
    tls: Any = section.take("tls", choice(*_PORTS), str(_MAIL.tls))
    made = MailChannel(
        name=name,
        host=section.need("host", line, ""),
        port=section.take("port", port, _PORTS[tls]),
        tls=tls,
        ca_certs=section.take("ca_certs", section.reading.file, _MAIL.ca_certs),
        verify_certs=section.take("verify_certs", truth, _MAIL.verify_certs),
        username=section.take("username", line, _MAIL.username),
        password=section.secret("password"),
        sender=section.take("sender", mail_address, _MAIL.sender),
        to=section.need("to", some(mail_address), ()),
        timeout=section.take("timeout", span, _MAIL.timeout),
        operator=section.take("operator", truth, _MAIL.operator),
    )
    section.together("username", "password")
    return made


def _slack(name: str, section: Section) -> Channel:
    return SlackChannel(
        name=name,
        webhook_url=_address(section, "webhook_url", r"https?://[^\s/]+/\S*", "https://hooks.slack.com/services/…"),
        timeout=section.take("timeout", span, _SLACK.timeout),
        operator=section.take("operator", truth, _SLACK.operator),
    )


def _apprise(name: str, section: Section) -> Channel:
    return AppriseChannel(
        name=name,
        url=_address(section, "url", r"[A-Za-z0-9]+://\S+", "ntfys://ntfy.example/alerts"),
        operator=section.take("operator", truth, _APPRISE.operator),
    )


def _address(section: Section, key: str, pattern: str, example: str) -> Secret:
    """Read an address that is itself a secret; no error shows it."""
    found = section.secret(key)
    if found is None:
        if not section.has(f"{key}_file"):  # else it is noted already that the file cannot be read
            section.missing(key, f"give it, or `{key}_file`")
        return _NO_SECRET
    if not re.fullmatch(pattern, found.value):
        location = section.location_of(key)
        section.reading.note(invalid(location, f"`{section.path(key)}` holds no address", f"it looks like `{example}`"))
    return found


_TYPES = {"mail": _mail, "slack": _slack, "apprise": _apprise}
