"""The secrets of the settings, and the filter that keeps them out of the log, messages, errors and the terminal.

A server may repeat what it was sent, and a library may quote it. So texts are filtered where they leave, by what they
contain, whoever wrote them.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus, unquote

_HIDDEN = "***"
SHORTEST = 6
"""Characters of a secret that is filtered: a shorter one is a part of other words, and hiding it would show where."""
_SHORTEST_TOKEN = 16  # characters of a part of an address: a shorter one is a word, as `services`

_forms: dict[str, None] = {}  # of this process: whatever a secret was read for, no text shows it


def remember_secret(value: str) -> None:
    """Keep a secret out of every text from now on, also as it is written in addresses, JSON, HTML and Base64."""
    for part in (value, *_address_parts(value)):
        if len(part) >= SHORTEST:
            _forms.update(dict.fromkeys(_written(part)))


def remember_credentials(username: str, password: str) -> None:
    """Keep the value of an `Authorization` header, and that of SMTP's PLAIN, out of every text."""
    remember_secret(f"{username}:{password}")
    remember_secret(f"\0{username}\0{password}")


def known_forms() -> Collection[str]:
    """Return how all known secrets may be written, for a process that does not read the settings itself."""
    return tuple(_forms)


def remember_forms(forms: Iterable[str]) -> None:
    """Keep the secrets of another process out of every text of this one."""
    _forms.update(dict.fromkeys(forms))


def without_secrets(text: str) -> str:
    """Return a text with every known secret replaced by asterisks, the longest first."""
    present = [form for form in tuple(_forms) if form in text]
    for form in sorted(present, key=len, reverse=True):
        text = text.replace(form, _HIDDEN)
    return text


def without_secrets_inside(value: Any) -> Any:
    """Return a value of JSON without secrets in its strings, keys included; other objects become strings."""
    match value:
        case str():
            return without_secrets(value)
        case Mapping():
            return {_key(key): without_secrets_inside(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [without_secrets_inside(inner) for inner in value]
        case None | bool() | int() | float():
            return value
    return without_secrets(str(value))


def filter_unexpected_errors() -> None:
    """Filter what Python itself writes to standard error: tracebacks of this process, and the logs of libraries."""
    sys.excepthook = _write_traceback
    threading.excepthook = _write_thread_traceback
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_SecretFormatter())


class _SecretFormatter(logging.Formatter):
    """Formats a record of a library's log without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record, with its traceback."""
        return without_secrets(super().format(record))


def _write_traceback(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    sys.stderr.write(without_secrets("".join(traceback.format_exception(kind, error, frames))))


def _write_thread_traceback(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        _write_traceback(ended.exc_type, ended.exc_value, ended.exc_traceback)


def _key(key: Any) -> Any:
    return without_secrets(key) if isinstance(key, str) else key


def _written(value: str) -> Iterator[str]:
    safe = value.encode("utf-8", "replace")
    percent, plus = quote(safe, safe=""), quote_plus(safe)
    yield from (value, repr(value)[1:-1], html.escape(value), percent, plus)
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (re.sub("%..", lambda code: code[0].lower(), form) for form in (percent, plus))
    yield base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii").rstrip("=")


def _address_parts(value: str) -> Iterator[str]:
    """Yield the parts of a secret address that libraries quote alone: path, password, and long tokens."""
    if "://" not in value:
        return
    rest = value.split("://", 1)[1]
    host, slash, path = rest.partition("/")
    if len(path) >= _SHORTEST_TOKEN:
        yield slash + path
    for token in re.split(r"[/:@?&=#]+", path if "." in host else rest):
        if len(token) >= _SHORTEST_TOKEN:
            yield from {token, unquote(token)}
    password = host.rpartition("@")[0].partition(":")[2]
    yield from {password, unquote(password)} if password else ()
