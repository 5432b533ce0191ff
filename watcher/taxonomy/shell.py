"""The texts of the PowerShell logs, put together again from what Winlogbeat's module made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from watcher.taxonomy.build import ComputedField, ComputedFromObjects, Make, Parts, domain_user

_DETAILS = "powershell.command.invocation_details"
_USER = ("user.domain", "user.name")
_PARAMETERS = ("winlog.event_data.param1", "winlog.event_data.param2", "winlog.event_data.param3")

_BEFORE_CONNECTED_USER = ("3.", "4.")  # versions whose context has no line for the connected user
_HOST = (
    ("HostName", "process.title"),
    ("HostVersion", "powershell.process.executable_version"),
    ("HostId", "process.entity_id"),
    ("HostApplication", "process.command_line"),
    ("EngineVersion", "powershell.engine.version"),
    ("RunspaceId", "powershell.runspace_id"),
    ("PipelineId", "powershell.pipeline_id"),
)
_COMMAND = (
    ("CommandName", "powershell.command.name"),
    ("CommandType", "powershell.command.type"),
    ("ScriptName", "file.path"),
    ("CommandPath", "powershell.command.path"),
    ("CommandLine", "powershell.command.value"),
)
_ENGINE = (
    ("NewEngineState", "powershell.engine.new_state"),
    ("PreviousEngineState", "powershell.engine.previous_state"),
)
_PROVIDER = (("ProviderName", "powershell.provider.name"), ("NewProviderState", "powershell.provider.new_state"))
_DETAIL = (("DetailSequence", "powershell.sequence"), ("DetailTotal", "powershell.total"))

_CONTEXT = (  # the lines of a module log's context, in their order
    ("Host Name", "process.title"),
    ("Host Version", "powershell.process.executable_version"),
    ("Host ID", "process.entity_id"),
    ("Host Application", "process.command_line"),
    ("Engine Version", "powershell.engine.version"),
    ("Runspace ID", "powershell.runspace_id"),
    ("Pipeline ID", "powershell.pipeline_id"),
    ("Command Name", "powershell.command.name"),
    ("Command Type", "powershell.command.type"),
    ("Script Name", "file.path"),
    ("Command Path", "powershell.command.path"),
    ("Sequence Number", "event.sequence"),
)
LINES = tuple(
    name
    for group in (_HOST, _COMMAND, _ENGINE, _PROVIDER, _DETAIL, (("SequenceNumber", ""), ("UserId", "")))
    for name, _ in group
)
"""The names that the classic log writes as `name=value` lines."""


def _first(parts: Parts, path: str) -> str:
    return (parts.get(path) or ("",))[0]


def _context(parts: Parts) -> tuple[str, ...]:
    if not any(parts.get(path) for _, path in _CONTEXT):
        return ()
    lines = [("Severity", "Informational")]
    lines += [(label, _first(parts, path)) for label, path in _CONTEXT]
    lines.append(("User", (domain_user(parts) or ("",))[0]))
    if not _first(parts, "powershell.engine.version").startswith(_BEFORE_CONNECTED_USER):
        lines.append(("Connected User", ""))
    lines.append(("Shell ID", _first(parts, "powershell.id")))
    return ("".join(f"        {label} = {value}\n" for label, value in lines),)


def _blocks(*groups: tuple[tuple[str, str], ...]) -> Make:
    """Make a maker of the classic log's blocks of `name=value` lines."""

    def make(parts: Parts) -> tuple[str, ...]:
        if not any(parts.get(path) for group in groups for _, path in group):
            return ()
        values = {**parts, "UserId": domain_user(parts)}
        blocks = ("\n".join(f"\t{name}={_first(values, path)}" for name, path in group) for group in groups)
        return ("\n\n".join(blocks),)

    return make


def _built(*groups: tuple[tuple[str, str], ...]) -> ComputedField:
    paths = (path for group in groups for _, path in group if path != "UserId")
    return ComputedField(
        paths=(*paths, *(_USER if any(("UserId", "UserId") in group for group in groups) else ())),
        make=_blocks(*groups),
    )


def _invocation(objects: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
    return ("\n".join(map(_detail, objects)),) if objects else ()


def _detail(found: Mapping[str, Any]) -> str:
    value = found.get("value") or ""
    if "type" not in found:
        return str(value)
    text = f"name={found['name']}; value={value}" if "name" in found else value
    return f"{found['type']}({found.get('related_command', '')}): {text}"


_SEQUENCE = (("SequenceNumber", "event.sequence"),)
CONTEXT = ComputedField(
    paths=(*(path for _, path in _CONTEXT), "powershell.id", *_USER),
    make=_context,
)
"""The context of a module log's event."""
INVOCATION = ComputedFromObjects(
    at=_DETAILS,
    paths=tuple(f"{_DETAILS}.{key}" for key in ("type", "related_command", "name", "value")),
    make=_invocation,
)
"""What a module log's event says was called: `CommandInvocation(…): "…"` lines."""
ENGINE_LINES = _built(_ENGINE, _SEQUENCE, (*_HOST, *_COMMAND))
"""The lines of an event on the engine's start or end."""
PROVIDER_LINES = _built(_PROVIDER, _SEQUENCE, (*_HOST, *_COMMAND))
"""The lines of an event on a provider's start."""
PIPELINE_LINES = _built(_DETAIL, _SEQUENCE, (("UserId", "UserId"), *_HOST, ("ScriptName", "file.path"), _COMMAND[-1]))
"""The lines of an event on what a pipeline executed."""


_LINE = re.compile(rf"^[ \t]*({'|'.join(LINES)})=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


@lru_cache(maxsize=16)
def _lines(text: str) -> Mapping[str, tuple[str, ...]]:
    """Read all lines of a text at once: whoever asks for one name asks for others."""
    found: dict[str, list[str]] = {}
    for name, value in _LINE.findall(text):
        if value:
            found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def line(name: str) -> ComputedField:
    """Make the values behind `name=` at a line's start, as the classic log writes them."""

    def make(parts: Parts) -> tuple[str, ...]:
        texts = (text for path in _PARAMETERS for text in parts.get(path, ()))
        return tuple(found for text in texts for found in _lines(text).get(name, ()))

    return ComputedField(paths=_PARAMETERS, make=make, cut=True)
