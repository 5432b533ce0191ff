"""Values and help texts of settings as people write and read them: YAML, JSON and Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from datetime import timedelta
from typing import Any, get_args, get_origin

from watcher.settings.annotations import Setting, ValueFormat, bare_type, notes_of

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./:*@+-]*")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def has_shown_default(setting: Setting) -> bool:
    """Whether the default is a value that a settings file can hold."""
    return setting.default is not MISSING and to_plain(setting.default) not in (None, "", [], {})


def is_section(kind: Any) -> bool:
    """Whether a type is a nested mapping of settings."""
    return is_dataclass(bare_type(kind)) and not notes_of(kind, ValueFormat)


def item_type(kind: Any) -> Any:
    """Return the type of the items of a list, None where the type is no list."""
    bare = bare_type(kind)
    return get_args(bare)[0] if get_origin(bare) is tuple and not notes_of(kind, ValueFormat) else None


def to_plain(value: Any) -> Any:
    """Return a value as JSON holds it; a settings type becomes None."""
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, tuple):
        return [plain for item in value if (plain := to_plain(item)) is not None]
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | bool) else None


def to_yaml(value: Any) -> str:
    """Return a plain value in one line of YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(to_yaml(item) for item in value)}]"
    text = str(value)
    return text if _PLAIN.fullmatch(text) else f'"{text}"'


def without_links(markdown: str) -> str:
    """Return a help text with the titles of its links alone."""
    return _LINK.sub(r"\1", markdown)


def _duration(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"
