"""The multi-line strings of the PowerShell logs, computed from what Winlogbeat's module left of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from watcher.taxonomy.computed_fields import Compute, ComputedField, ComputedFromObjects, Parts, domain_user

_DETAILS = "powershell.command.invocation_details"
_USER = ("user.domain", "user.name")
_PARAMETERS = ("winlog.event_data.param1", "winlog.event_data.param2", "winlog.event_data.param3")

_BEFORE_CONNECTED_USER = ("3.", "4.")  # versions without a line for the connected user
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


def _blocks(*groups: tuple[tuple[str, str], ...]) -> Compute:
    """Return a function that computes the classic log's blocks of `name=value` lines."""

    def compute(parts: Parts) -> tuple[str, ...]:
        if not any(parts.get(path) for group in groups for _, path in group):
            return ()
        values = {**parts, "UserId": domain_user(parts)}
        blocks = ("\n".join(f"\t{name}={_first(values, path)}" for name, path in group) for group in groups)
        return ("\n\n".join(blocks),)

    return compute


def _computed_lines(*groups: tuple[tuple[str, str], ...]) -> ComputedField:
    paths = (path for group in groups for _, path in group if path != "UserId")
    return ComputedField(
        paths=(*paths, *(_USER if any(("UserId", "UserId") in group for group in groups) else ())),
        compute=_blocks(*groups),
    )


def _invocation(objects: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
    return ("\n".join(map(_detail, objects)),) if objects else ()


def _detail(detail: Mapping[str, Any]) -> str:
    value = detail.get("value") or ""
    if "type" not in detail:
        return str(value)
    text = f"name={detail['name']}; value={value}" if "name" in detail else value
    return f"{detail['type']}({detail.get('related_command', '')}): {text}"


_SEQUENCE = (("SequenceNumber", "event.sequence"),)
CONTEXT = ComputedField(
    paths=(*(path for _, path in _CONTEXT), "powershell.id", *_USER),
    compute=_context,
)
"""The field `ContextInfo` of a module log event."""
INVOCATION = ComputedFromObjects(
    list_path=_DETAILS,
    paths=tuple(f"{_DETAILS}.{key}" for key in ("type", "related_command", "name", "value")),
    compute=_invocation,
)
"""The field `Payload` of a module log event: `CommandInvocation(…): "…"` lines."""
ENGINE_LINES = _computed_lines(_ENGINE, _SEQUENCE, (*_HOST, *_COMMAND))
"""The lines of an event for the start or the end of the engine."""
PROVIDER_LINES = _computed_lines(_PROVIDER, _SEQUENCE, (*_HOST, *_COMMAND))
"""The lines of an event for the start of a provider."""
PIPELINE_LINES = _computed_lines(
    _DETAIL, _SEQUENCE, (("UserId", "UserId"), *_HOST, ("ScriptName", "file.path"), _COMMAND[-1])
)
"""The lines of an event for an executed pipeline."""


_LINE = re.compile(rf"^[ \t]*({'|'.join(LINES)})=[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


@lru_cache(maxsize=16)
def _lines(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return the values of all lines of a string by name; a rule that reads a name mostly reads several."""
    values_by_name: dict[str, list[str]] = {}
    for name, value in _LINE.findall(text):
        if value:
            values_by_name.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in values_by_name.items()}


def line(name: str) -> ComputedField:
    """Return the field of the values after `name=` at the start of a line, as the classic log writes them."""

    def compute(parts: Parts) -> tuple[str, ...]:
        texts = (text for path in _PARAMETERS for text in parts.get(path, ()))
        return tuple(value for text in texts for value in _lines(text).get(name, ()))

    return ComputedField(paths=_PARAMETERS, compute=compute, is_substring=True)
