"""An event in whatever shape Winlogbeat sent it → texts by dotted path, and the answers to who, where and what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watcher.model import Event
from watcher.nesting import entries
from watcher.notify.escaping import bounded_text, truncate

EventTexts = Mapping[str, str]
"""Dotted path → what stands there, as text."""

_MAX_DEPTH = 20  # engines index no deeper by default
_MOST = 30  # details of one event
_DATA = "winlog.event_data."
_DETAILS = (_DATA, "winlog.user_data.", "file.", "registry.", "dns.", "source.", "destination.", "powershell.")

HOST = ("host.name", "winlog.computer_name", "host.hostname")
PROCESS = (
    "process.executable",
    f"{_DATA}Image",
    f"{_DATA}NewProcessName",
    f"{_DATA}ProcessName",
    f"{_DATA}SourceImage",
)
COMMAND_LINE = ("process.command_line", f"{_DATA}CommandLine")
PARENT = ("process.parent.executable", f"{_DATA}ParentImage", f"{_DATA}ParentProcessName")
PARENT_COMMAND_LINE = ("process.parent.command_line", f"{_DATA}ParentCommandLine")
CHANNEL = ("winlog.channel",)
CODE = ("event.code", "winlog.event_id")
PROVIDER = ("event.provider", "winlog.provider_name")
MESSAGE = ("message",)

_USERS = (  # a whole account, or its domain and its name; the first that is there wins
    (None, f"{_DATA}User"),
    ("user.domain", "user.name"),
    (f"{_DATA}SubjectDomainName", f"{_DATA}SubjectUserName"),
    (f"{_DATA}TargetDomainName", f"{_DATA}TargetUserName"),
    ("winlog.user.domain", "winlog.user.name"),
)


def event_texts(event: Event) -> EventTexts:
    """Give every value of an event by its dotted path; nested, dotted and mixed spelling come out the same."""
    values: dict[str, list[Any]] = {}
    for path, value in _walk(event, "", 0):
        if value is not None and value != "":
            values.setdefault(path, []).append(value)
    return {path: bounded_text(found[0] if len(found) == 1 else found) for path, found in values.items()}


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping | list | tuple):
        yield path, value
    elif depth == _MAX_DEPTH:
        yield path, "{…}"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else str(key), depth + 1)
    else:
        for inner in entries(list(value)):  # engines index an array within an array as part of it
            yield from _walk(inner, path, depth)


def first_value(found: EventTexts, paths: tuple[str, ...]) -> str:
    """Give the first of the paths that says something; Windows writes `-` for nothing."""
    return next((found[path] for path in paths if found.get(path, "-") != "-"), "")


def user_name(found: EventTexts) -> str:
    """Name the account, with its domain where that is known."""
    for domain, name in _USERS:
        account = first_value(found, (name,))
        if account:
            realm = first_value(found, (domain,)) if domain else ""
            return f"{realm}\\{account}" if realm else account
    return ""


def event_details(found: EventTexts) -> tuple[tuple[str, str], ...]:
    """Give what else the event says: the provider's own data, without what is told elsewhere."""
    told = {*PROCESS, *COMMAND_LINE, *PARENT, *PARENT_COMMAND_LINE, f"{_DATA}User"}
    left = [(path, text) for path, text in found.items() if path.startswith(_DETAILS) and path not in told]
    rows = tuple((_label(path), truncate(text, 600)) for path, text in left[:_MOST] if text != "-")
    return (*rows, ("…", f"{len(left) - _MOST:,} more values in the event")) if len(left) > _MOST else rows


def _label(path: str) -> str:
    return bounded_text(path.removeprefix(_DATA).removeprefix("winlog.user_data."), 120)
