"""Where an event says which host, account and process it is about.

A name with a dot is a path of the document; any other is a Sigma field, read wherever Winlogbeat put its values.
"""

from __future__ import annotations

from collections.abc import Mapping

from watcher.taxonomy.field_locations import DATA, is_path

HOST_NAME = "host.name"
"""The computer that wrote an event, or the collector where events were forwarded."""

WRITER_PATHS = ("winlog.computer_name", "log.syslog.hostname", "auditd.log.node", "auditd.data.node")
"""Names of the computer that wrote an event in the event's own words, whoever forwarded it."""

SYSLOG_HOST = "host.hostname"
SYSLOG_DATASETS = frozenset(("system.auth", "system.syslog"))
"""Data sets of Filebeat's system module, which reads the syslog header's host into `host.hostname`."""

COMPUTER_FIELDS = ("Computer", "ComputerName")
"""Sigma fields of the computer; where settings map them, their paths are read before `WRITER_PATHS`."""

HOST_PATHS = ("host.hostname", "host", "hostname", "observer.name", "observer.hostname", *COMPUTER_FIELDS)
"""Further names of the computer, of events that have none of the above."""

EMPTY_VALUE = "-"
"""How Windows writes that there is no value."""

SUMMARY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "process": ("process.executable", "Image", "NewProcessName", "ProcessName", "SourceImage"),
    "command_line": ("process.command_line", "CommandLine"),
    "parent_process": ("process.parent.executable", "ParentImage", "ParentProcessName"),
    "parent_command_line": ("process.parent.command_line", "ParentCommandLine"),
    "channel": ("winlog.channel",),
    "code": ("event.code", "winlog.event_id"),
    "provider": ("event.provider", "winlog.provider_name"),
    "service": ("ServiceName",),
    "agent": ("agent.name", "agent.hostname", "agent.id"),
    "message": ("Message",),
}
"""Attribute of a summary → the names under which it is looked up; the first with a value counts."""

ACCOUNT_FIELDS: tuple[tuple[str | None, str], ...] = (
    (None, f"{DATA[0]}User"),
    (None, f"{DATA[1]}User"),
    ("user.domain", "user.name"),
    ("SubjectDomainName", "SubjectUserName"),
    ("TargetDomainName", "TargetUserName"),
    ("winlog.user.domain", "winlog.user.name"),
    (None, "User"),
    (None, "winlog.user.identifier"),
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
        (
            *(HOST_NAME, *WRITER_PATHS, *HOST_PATHS),
            *filter(is_path, (name for names in SUMMARY_FIELDS.values() for name in names)),
            *filter(is_path, (name for pair in ACCOUNT_FIELDS for name in pair if name is not None)),
        )
    )
)
"""The paths of the document that a summary reads."""
