"""Where an event says which host, account and process it is about.

A name with a dot is a path of the document; any other is a Sigma field, read wherever Winlogbeat put its values.
"""

from __future__ import annotations

from collections.abc import Mapping

from watcher.taxonomy.field_locations import DATA, is_path

SUMMARY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "host": ("host.name", "winlog.computer_name", "host.hostname", "Computer"),
    "process": ("process.executable", "Image", "NewProcessName", "ProcessName", "SourceImage"),
    "command_line": ("process.command_line", "CommandLine"),
    "parent_process": ("process.parent.executable", "ParentImage", "ParentProcessName"),
    "parent_command_line": ("process.parent.command_line", "ParentCommandLine"),
    "channel": ("winlog.channel",),
    "code": ("event.code", "winlog.event_id"),
    "provider": ("event.provider", "winlog.provider_name"),
    "message": ("Message",),
}
"""Attribute of a summary → the names under which it is looked up; the first with a value counts."""

ACCOUNT_FIELDS: tuple[tuple[str | None, str], ...] = (
    (None, f"{DATA[0]}User"),
    ("user.domain", "user.name"),
    ("SubjectDomainName", "SubjectUserName"),
    ("TargetDomainName", "TargetUserName"),
    ("winlog.user.domain", "winlog.user.name"),
    (None, "User"),
)
r"""Domain and name of the account; without a domain of its own, the value may be `DOMAIN\user`."""

DETAIL_PREFIXES = (*DATA, "file.", "registry.", "dns.", "source.", "destination.", "powershell.")
"""Prefixes of the paths that are listed as details."""

_PROCESS_ATTRIBUTES = ("process", "command_line", "parent_process", "parent_command_line")
SUMMARISED_PATHS = frozenset(
    name if is_path(name) else f"{DATA[0]}{name}"
    for name in (f"{DATA[0]}User", *(name for attribute in _PROCESS_ATTRIBUTES for name in SUMMARY_FIELDS[attribute]))
)
"""The paths that are no details, because the summary has them already."""

SUMMARY_PATHS = tuple(
    dict.fromkeys(
        name
        for name in (
            *(name for names in SUMMARY_FIELDS.values() for name in names),
            *(name for pair in ACCOUNT_FIELDS for name in pair if name is not None),
        )
        if is_path(name)
    )
)
"""The paths of the document that a summary reads."""
