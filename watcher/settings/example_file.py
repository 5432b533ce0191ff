"""Settings types → the commented example file with every setting and its default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from watcher.settings.annotations import Setting, bare_type, settings_of
from watcher.settings.channel_types import ChannelSettings, channel_type_names, load_channel_type
from watcher.settings.setting_texts import is_section, item_type, to_plain, to_yaml, without_links
from watcher.settings.settings_types import Settings

_WIDTH = 118
_HEADER = """\
# yaml-language-server: $schema=./watcher.schema.json
#
# The settings of watcher, each with its default. `watcher schema > watcher.schema.json` writes the schema for editors.
#
# A setting after a `#` in the first column is off; its value is an example or the default. Remove the `#` to set it.
# A setting that is left out has its default: `cluster: {hosts: https://search.example:9200}` is a complete file.
#
# `${NAME}` or `${NAME:-default}` in any value is replaced by the environment variable; `$$` is a dollar.
# Durations: `30s`, `5m`, `24h`, `7d`, `2w`. A list of one item may be written without brackets.
# Paths are relative to this file. A secret is given as it is (`password`) or by its file (`password_file`).
#
# What `cluster` leaves out is taken from WATCHER_URL, WATCHER_USERNAME, WATCHER_PASSWORD or WATCHER_PASSWORD_FILE,
# WATCHER_API_KEY or WATCHER_API_KEY_FILE, and WATCHER_CA_CERTS, where they are set.
"""


def example_file() -> str:
    """Return the text of the example file."""
    blocks = ("\n".join(_setting_lines(setting, 0)) for setting in settings_of(Settings))
    return "\n".join([_HEADER, *(f"{block}\n" for block in blocks)])


def _section_lines(kind: Any, indent: int) -> Iterator[str]:
    for setting in settings_of(bare_type(kind)):
        yield from _setting_lines(setting, indent)


def _setting_lines(setting: Setting, indent: int) -> Iterator[str]:
    yield from _comment(setting, indent)
    item = item_type(setting.type)
    key = f"{' ' * indent}{setting.name}:"
    if setting.option.example:
        yield from _off([f"{' ' * indent}{setting.keys[-1]}: {setting.option.example}"])
    elif is_section(setting.type):
        yield from (key, *_section_lines(setting.type, indent + 2))
    elif item is ChannelSettings:
        yield from (key, *_off(_channel_lines(indent + 2)))
    elif item is not None and is_section(item):
        lines = (key, *_as_item(_section_lines(item, indent + 4), indent + 2))
        yield from lines if setting.default else _off(lines)
    else:
        yield f"{key} {to_yaml(to_plain(setting.default))}"


def _off(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines with a `#` in the first column; comments stay as they are."""
    yield from (line if line.lstrip().startswith("#") else f"#{line}" for line in lines)


def _as_item(lines: Iterable[str], indent: int) -> Iterator[str]:
    """Yield the lines of a mapping as an item of a list: its first key gets the dash."""
    dash = f"{' ' * indent}- "
    for line in lines:
        is_comment = line.startswith(" ") and line.lstrip().startswith("#")
        if is_comment or not dash:
            yield line
        else:
            mark = "#" if line.startswith("#") else ""
            yield f"{mark}{dash}{line.removeprefix('#').lstrip()}"
            dash = ""


def _channel_lines(indent: int) -> Iterator[str]:
    for name in channel_type_names():
        yield f"{' ' * indent}{name}:"
        yield f"{' ' * indent}  type: {name}"
        yield from _section_lines(load_channel_type(name).settings, indent + 2)


def _comment(setting: Setting, indent: int) -> Iterator[str]:
    text = without_links(setting.option.help)
    for line in wrap(text[:1].upper() + text[1:], width=_WIDTH - indent - 2, break_long_words=False):
        yield f"{' ' * indent}# {line}"
