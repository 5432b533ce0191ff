"""Formats of single values: text → value, the JSON schema of the text, and the advice for a wrong one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from watcher.model import Level
from watcher.settings.annotations import InvalidValueError, NonEmpty, PathFormat, ValueFormat
from watcher.settings.secret import Secret
from watcher.timestamps import parse_zoned_timestamp

STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
"""The values that Sigma has for a rule's status."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAIL_ADDRESS = re.compile(r"[^@<>]+@[^@<>\s]+|[^<>@]*<[^@<>\s]+@[^@<>\s]+>")
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")
_LISTEN_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_TIMESTAMP = "write it as `2025-01-31T08:00:00Z`"
_SCALAR = ("string", "number", "boolean")  # what YAML makes of an unquoted text


def is_name(text: str) -> bool:
    """Whether a text can be a name that the user chooses: it becomes a part of document ids and field names."""
    return _NAME.fullmatch(text) is not None


def parse_line(text: str) -> str:
    """Return a string of one line that is not empty."""
    if not text.strip() or not text.isprintable():
        raise InvalidValueError("expected a string of one line that is not empty")
    return text


def parse_duration(text: str) -> timedelta:
    """Return a duration: `0s`, `30s`, `5m`, `24h`, `7d`, `2w`."""
    number, unit = _groups(_DURATION, text)
    return timedelta(**{_UNITS[unit]: int(number)})


def parse_positive_duration(text: str) -> timedelta:
    """Return a duration that is greater than zero."""
    duration = parse_duration(text)
    if not duration:
        raise InvalidValueError("the duration must be greater than zero", f"`{text}` is zero")
    return duration


def parse_boolean(text: str) -> bool:
    """Return the value of `true` or `false`, also where it came from the environment."""
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]


def parse_count(text: str) -> int:
    """Return an integer of zero or more."""
    return int(_text(re.compile(r"[0-9]{1,9}"), text))


def parse_port(text: str) -> int:
    """Return the number of a TCP port."""
    port = int(_text(re.compile(r"[0-9]{1,5}"), text))
    if not 1 <= port <= 65535:
        raise ValueError(text)
    return port


def parse_start(text: str) -> datetime:
    """Return a timestamp with a time zone."""
    timestamp = parse_zoned_timestamp(text)
    if timestamp is None:
        raise InvalidValueError(f"the timestamp `{text}` has no time zone", _TIMESTAMP)
    return timestamp


def parse_index_pattern(text: str) -> str:
    """Return an index pattern; several are separated by commas."""
    if not text or not all(text.split(",")) or re.search(r'[\s"<>|/\\?#]', text):
        raise ValueError(text)
    return text


def parse_web_address(text: str) -> str:
    """Return an address that starts with http:// or https://, without a user name and password.

    The errors never show the address: people put passwords and tokens into addresses.
    """
    fix = "write it as `https://search.example:9200`"
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise InvalidValueError("not a valid address", fix) from None
    if not is_address or not text.isprintable() or " " in text:
        raise InvalidValueError("not a valid address", fix)
    if "@" in parts.netloc:
        raise InvalidValueError(
            "the address must not contain a user name and password", "use the settings for credentials"
        )
    return text


def parse_cluster_address(text: str) -> str:
    """Return the web address of a cluster: without a query, where people put keys, and which clients leave out."""
    parse_web_address(text)
    if "?" in text or "#" in text:
        raise InvalidValueError(
            "the address must not contain a query or a fragment", "use `api_key`, or `username` and `password`"
        )
    return text


def parse_listen_address(text: str) -> str:
    """Return a host and a port to listen at: `127.0.0.1:9464`, `[::1]:9464`."""
    _groups(_LISTEN_ADDRESS, text)
    parse_port(text.rpartition(":")[2])
    return text


def parse_silence(text: str) -> str:
    """Return `auto`, `never`, or the text of a duration that is greater than zero."""
    if text not in ("auto", "never"):
        parse_positive_duration(text)
    return text


def parse_mail_address(text: str) -> str:
    """Return a mail address, with or without a display name."""
    if not _MAIL_ADDRESS.fullmatch(parse_line(text)) or "," in text:
        raise ValueError(text)
    return text


def secret_address(pattern: str, example: str) -> ValueFormat:
    """Return the format of an address that is itself a secret; no error shows it."""
    compiled = re.compile(pattern)

    def parse(text: str) -> Secret:
        if not compiled.fullmatch(text):
            raise InvalidValueError("not a valid address", f"write it as `{example}`")
        return Secret(text)

    return ValueFormat(expected="an address", parse=parse, schema={"type": "string"}, advice=f"write it as `{example}`")


def _text(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return text


def _groups(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return match.groups()


def _pattern(pattern: re.Pattern[str]) -> dict[str, str]:
    return {"type": "string", "pattern": f"^(?:{pattern.pattern})$"}


def word(*words: str) -> ValueFormat:
    """Return the format of a value that is one of a few words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return ValueFormat(
        expected=f"one of {', '.join(f'`{word}`' for word in words)}", parse=parse, schema={"enum": list(words)}
    )


_LINE = ValueFormat(expected="a string", parse=parse_line, schema={"type": list(_SCALAR)})
_DURATION_ADVICE = "write a number and a unit (s, m, h, d, w): `30s`, `5m`, `24h`, `7d`, `2w`"

Line = Annotated[str, _LINE]
Lines = tuple[Line, ...]
SomeLines = Annotated[tuple[Line, ...], NonEmpty()]
Name = Annotated[
    str,
    ValueFormat(
        expected="a name",
        parse=lambda text: _text(_NAME, text),
        schema=_pattern(_NAME),
        advice="use letters, digits, `_` and `-`, at most 64 characters",
    ),
]
Boolean = Annotated[bool, ValueFormat(expected="`true` or `false`", parse=parse_boolean, schema={"type": "boolean"})]
Count = Annotated[
    int, ValueFormat(expected="an integer of zero or more", parse=parse_count, schema={"type": "integer", "minimum": 0})
]
Port = Annotated[
    int,
    ValueFormat(
        expected="a port number",
        parse=parse_port,
        schema={"type": "integer", "minimum": 1, "maximum": 65535},
        advice="give an integer from 1 to 65535",
    ),
]
Duration = Annotated[
    timedelta,
    ValueFormat(expected="a duration", parse=parse_duration, schema=_pattern(_DURATION), advice=_DURATION_ADVICE),
]
PositiveDuration = Annotated[
    timedelta,
    ValueFormat(
        expected="a duration",
        parse=parse_positive_duration,
        schema=_pattern(re.compile(r"0*[1-9][0-9]*[smhdw]")),
        advice=_DURATION_ADVICE,
    ),
]
Timestamp = Annotated[
    datetime,
    ValueFormat(expected="a timestamp", parse=parse_start, schema={"type": "string"}, advice=_TIMESTAMP),
]
IndexPattern = Annotated[
    str,
    ValueFormat(
        expected="an index pattern",
        parse=parse_index_pattern,
        schema={"type": "string"},
        advice="write it as `winlogbeat-*`, several as `winlogbeat-*,logs-windows-*`",
    ),
]
IndexPrefix = Annotated[
    str,
    ValueFormat(
        expected="the prefix of an index name",
        parse=lambda text: _text(_PREFIX, text),
        schema=_pattern(_PREFIX),
        advice="use lower-case letters, digits, `_` and `-`",
    ),
]
WebAddress = Annotated[
    str, ValueFormat(expected="an address", parse=parse_web_address, schema={"type": "string", "pattern": "^https?://"})
]
ClusterAddress = Annotated[
    str,
    ValueFormat(expected="an address", parse=parse_cluster_address, schema={"type": "string", "pattern": "^https?://"}),
]
ListenAddressText = Annotated[
    str,
    ValueFormat(
        expected="a host and a port",
        parse=parse_listen_address,
        schema=_pattern(_LISTEN_ADDRESS),
        advice="write it as `127.0.0.1:9464`, or `[::1]:9464`",
    ),
]
Silence = Annotated[
    str,
    ValueFormat(
        expected="`auto`, `never` or a duration",
        parse=parse_silence,
        schema={"type": "string", "pattern": f"^(?:auto|never|{_DURATION.pattern})$"},
        advice="write `auto`, `never`, or a duration: `30m`, `12h`, `3d`",
    ),
]
MailAddress = Annotated[
    str,
    ValueFormat(
        expected="a mail address",
        parse=parse_mail_address,
        schema=_pattern(_MAIL_ADDRESS),
        advice="write it as `soc@example.org` or `SOC <soc@example.org>`",
    ),
]
CertificateFingerprint = Annotated[
    str,
    ValueFormat(
        expected="a SHA-256 fingerprint",
        parse=lambda text: _text(_FINGERPRINT, text),
        schema=_pattern(_FINGERPRINT),
        advice="write its 64 hexadecimal digits, with or without colons",
    ),
]
SecretText = Annotated[
    Secret,
    ValueFormat(expected="a string", parse=lambda text: Secret(parse_line(text)), schema={"type": list(_SCALAR)}),
]
RuleLevel = Annotated[str, word(*Level)]
RuleStatus = Annotated[str, word(*STATUSES)]
ExistingFile = Annotated[Path, PathFormat(kind="file")]
ExistingFolder = Annotated[Path, PathFormat(kind="folder")]
AnyPath = Annotated[Path, PathFormat()]
