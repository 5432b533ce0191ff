"""One value of watcher.yml → one Python value; each reader raises a SettingsError that says what was wanted."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from watcher.errors import SettingsError
from watcher.model import Location
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

T = TypeVar("T")
Reader = Callable[[YamlNode], T]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def wrong(node: YamlNode, wanted: str, fix: str = "") -> SettingsError:
    """Say what was found where something else was wanted."""
    return invalid(node.location, f"{shown(node)} was found where {wanted} is wanted", fix, "wrong-type")


def invalid(location: Location, message: str, fix: str = "", code: str = "wrong-value") -> SettingsError:
    """Make the error of a value that cannot be used."""
    return SettingsError(message, location=location, fix=fix, code=code)


def shown(node: YamlNode) -> str:
    """Name what was found, a single value as it was written."""
    if isinstance(node, MapNode):
        return "a map"
    if isinstance(node, ListNode):
        return "a list"
    return f"`{node.text}`" if node.text else "nothing"


def unset(node: YamlNode | None) -> bool:
    """Tell whether a key is missing or has no value, which is the same."""
    return node is None or (isinstance(node, ScalarNode) and node.value is None)


def text(node: YamlNode) -> str:
    """Read a text, as written: `010` and `yes` are texts too."""
    if not isinstance(node, ScalarNode):
        raise wrong(node, "a text")
    return node.text


def line(node: YamlNode) -> str:
    """Read a text of one line that says something."""
    written = text(node)
    if not written.strip() or not written.isprintable():
        raise invalid(node.location, "a text of one line is wanted here, and it may not be empty")
    return written


def listed(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Read a list, each item by the reader; a value alone is a list of one."""

    def read(node: YamlNode) -> tuple[T, ...]:
        return tuple(reader(item) for item in (node.items if isinstance(node, ListNode) else (node,)))

    return read


def some(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """Read a list that holds at least one item."""

    def read(node: YamlNode) -> tuple[T, ...]:
        items = listed(reader)(node)
        if not items:
            raise invalid(node.location, "the list is empty", "name at least one")
        return items

    return read


def truth(node: YamlNode) -> bool:
    """Read `true` or `false`, also where it came from the environment."""
    if isinstance(node, ScalarNode):
        found = _TRUTH.get(node.text.lower())
        if found is not None:
            return found
    raise wrong(node, "`true` or `false`")


def port(node: YamlNode) -> int:
    """Read the number of a port."""
    if isinstance(node, ScalarNode) and re.fullmatch(r"\d{1,5}", node.text) and 1 <= int(node.text) <= 65535:
        return int(node.text)
    raise wrong(node, "the number of a port", "give a number from 1 to 65535")


def whole(node: YamlNode) -> int:
    """Read a whole number, none below zero."""
    written = text(node)
    if not (written.isascii() and written.isdigit() and len(written) < 10):
        raise wrong(node, "a whole number")
    return int(written)


def choice(*allowed: str) -> Reader[str]:
    """Read one of a few words."""

    def read(node: YamlNode) -> str:
        if isinstance(node, ScalarNode) and node.text in allowed:
            return node.text
        raise wrong(node, f"one of {', '.join(f'`{word}`' for word in allowed)}")

    return read


def duration(node: YamlNode) -> timedelta:
    """Read a span of time: `0s`, `30s`, `5m`, `24h`, `7d`, `2w`."""
    found = _DURATION.fullmatch(node.text) if isinstance(node, ScalarNode) else None
    if found is None:
        raise wrong(
            node, "a duration", "write a number and one of s, m, h, d, w together: `30s`, `5m`, `24h`, `7d`, `2w`"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def span(node: YamlNode) -> timedelta:
    """Read a duration that is longer than nothing."""
    found = duration(node)
    if not found:
        raise invalid(node.location, f"{shown(node)} is no time at all", "give a duration longer than `0s`")
    return found


def moment(node: YamlNode) -> datetime:
    """Read a point in time with its zone."""
    try:
        found = datetime.fromisoformat(text(node))
    except ValueError:
        raise wrong(node, "a point in time", "write it as `2025-01-31T08:00:00Z`") from None
    if found.tzinfo is None:
        raise invalid(node.location, f"{shown(node)} has no time zone", "write it as `2025-01-31T08:00:00Z`")
    return found


def is_name(written: str) -> bool:
    """Tell whether a text can be a name of the user's choice: it becomes a part of document ids and field names."""
    return _NAME.fullmatch(written) is not None


def name(node: YamlNode) -> str:
    """Read a name of the user's choice."""
    if not isinstance(node, ScalarNode) or not is_name(node.text):
        raise wrong(node, "a name", "use letters, digits, `_` and `-`, at most 64")
    return node.text


def index_prefix(node: YamlNode) -> str:
    """Read what the names of watcher's own indices start with."""
    if not isinstance(node, ScalarNode) or not _PREFIX.fullmatch(node.text):
        raise wrong(node, "the start of an index name", "use lower-case letters, digits, `_` and `-`")
    return node.text


def index_pattern(node: YamlNode) -> str:
    """Read an index pattern; several are separated by commas."""
    written = text(node)
    if not written or not all(written.split(",")) or re.search(r'[\s"<>|/\\?#]', written):
        raise wrong(node, "an index pattern", "write it as `winlogbeat-*`, several as `winlogbeat-*,logs-windows-*`")
    return written


def web_address(node: YamlNode) -> str:
    """Read an address that starts with http:// or https://, without a user and password in it."""
    # what was found is never shown: people put passwords and tokens into addresses
    fix = "write it as `https://search.example:9200`"
    try:
        parts = urlsplit(text(node))
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or not text(node).isprintable() or " " in text(node):
        raise invalid(node.location, "this is no address", fix)
    if "@" in parts.netloc:
        raise invalid(node.location, "an address may not hold a user and password", "use the settings made for them")
    return text(node)


def mail_address(node: YamlNode) -> str:
    """Read a mail address, with or without a name before it."""
    written = line(node)
    if not re.fullmatch(r"[^@<>]+@[^@<>\s]+|[^<>@]*<[^@<>\s]+@[^@<>\s]+>", written) or "," in written:
        raise wrong(node, "a mail address", "write it as `soc@example.org` or `SOC <soc@example.org>`")
    return written


def fingerprint(node: YamlNode) -> str:
    """Read the SHA-256 of a certificate, with or without colons."""
    if not isinstance(node, ScalarNode) or not re.fullmatch(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}", node.text):
        raise wrong(node, "a SHA-256 fingerprint", "write its 64 hexadecimal digits, with or without colons")
    return node.text
