"""Sample messages for `watcher notify` and `watcher render`; every template marks the alert as a test."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from watcher.model import (
    Alert,
    DetectionItem,
    Event,
    EventSummary,
    Hit,
    Level,
    Location,
    LogSource,
    Rule,
    SigmaString,
    Window,
)
from watcher.notify.digest_context import DigestContext, digest_context
from watcher.notify.message_context import OperatorNotice, operator_notice
from watcher.timestamps import format_milliseconds

_TEXT = """\
title: Test Message
status: test
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        Image|endswith: '\\whoami.exe'
    condition: selection
level: informational
"""


_SUMMARY = EventSummary(
    host="TEST-HOST",
    user="nobody",
    domain="TEST",
    process="C:\\Windows\\System32\\whoami.exe",
    command_line="whoami /all",
    parent_process="C:\\Windows\\System32\\cmd.exe",
    parent_command_line="cmd.exe /k",
    channel="Microsoft-Windows-Sysmon/Operational",
    code="1",
    provider="Microsoft-Windows-Sysmon",
)


def sample(now: datetime, *, channels: tuple[str, ...] = ()) -> Alert:
    """Return a sample alert, with another id for every moment; its origin is `test`."""
    rule = _rule()
    digest = _digest(now)
    hit = Hit(
        id=digest,
        rule=rule,
        index="winlogbeat-test",
        event_id="test",
        time=now,
        event=_event(now),
        summary=_SUMMARY,
        alert=digest,
    )
    key = (("host.name", "TEST-HOST"),)
    return Alert(id=digest, rule=rule, key=key, slot=now, origin="test", channels=channels, first=hit)


def sample_digest(now: datetime) -> DigestContext:
    """Return the context of a sample digest of the last hour."""
    window = Window(start=now - timedelta(hours=1), end=now)
    return digest_context(_rule(), digest=_digest(now), count=1_234, window=window, keys=("TEST-HOST", "TEST-HOST-2"))


def sample_notice(now: datetime) -> OperatorNotice:
    """Return the context of a sample notice about watcher itself."""
    text = "This is a test of the templates.\nNothing happened, and nothing needs to be done."
    return operator_notice("test of a notice", text, moment=now, digest=_digest(now))


def _digest(now: datetime) -> str:
    return sha256(f"test {format_milliseconds(now)}".encode()).hexdigest()[:32]


def _rule() -> Rule:
    return Rule(
        id="00000000-0000-4000-8000-000000000000",
        title="Test message: this channel works",
        logsource=LogSource(product="windows", category=("process_creation",)),
        selections=(),
        conditions=("selection",),
        node=DetectionItem(field="Image", values=(SigmaString(("\\whoami.exe",)),)),
        status="test",
        level=Level.INFORMATIONAL,
        description="Nothing happened: somebody called `watcher notify` to see whether messages arrive here",
        author="watcher",
        references=("https://github.com/SigmaHQ/sigma-specification",),
        tags=("attack.discovery", "attack.t1033"),
        falsepositives=("This one",),
        path="test.yml",
        location=Location(file="test.yml", line=1),
        text=_TEXT,
        hash=sha256(_TEXT.encode()).hexdigest(),
    )


def _event(now: datetime) -> Event:
    return {
        "@timestamp": format_milliseconds(now),
        "host": {"name": _SUMMARY.host},
        "user": {"domain": _SUMMARY.domain, "name": _SUMMARY.user},
        "event": {"code": _SUMMARY.code, "provider": _SUMMARY.provider},
        "winlog": {"channel": _SUMMARY.channel},
        "process": {
            "executable": _SUMMARY.process,
            "command_line": _SUMMARY.command_line,
            "parent": {"executable": _SUMMARY.parent_process, "command_line": _SUMMARY.parent_command_line},
        },
    }
