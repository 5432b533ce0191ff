"""An alert and an event whose strings contain markup, escapes and injections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from support.fakes import FakeClock
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView
from watcher.model import Alert, Event, Level
from watcher.notify.sample import sample

NOW = datetime(2026, 3, 7, 9, 5, 2, 649_000, tzinfo=UTC)
BIDI = "\N{RIGHT-TO-LEFT OVERRIDE}"

EVIL = {
    "script": "<script>alert(1)</script>",
    "everyone": "<!channel> @everyone <@U123> <https://evil.example|click>",
    "header": "x\r\nBcc: evil@example.com\r\n\r\nbody",
    "markup": "*bold* _it_ ~no~ `code`",
    "bidi": f"{BIDI}gpj.exe",
    "ansi": "\x1b[31mred\x1b[0m\x07",
    "template": "{{7*7}} {% for x in y %}",
    "json": '","blocks":[],"x":"\\',
    "surrogate": "lone \ud800 half",
    "attribute": '" onmouseover="alert(1)" x=\'',
}
ALL = " ".join(EVIL.values())

EVENT: dict[str, Any] = {
    "@timestamp": "2026-03-07T09:05:02.649Z",
    "host": {"name": EVIL["header"]},
    "event": {"code": EVIL["markup"]},
    "winlog": {
        "channel": EVIL["json"],
        "event_data": {
            "Image": EVIL["bidi"] + EVIL["attribute"],
            "CommandLine": ALL,
            "User": EVIL["everyone"],
            "ParentImage": EVIL["script"],
            "ParentCommandLine": "A" * 40_000,
            EVIL["script"]: EVIL["ansi"],
            "Other": EVIL["template"] + EVIL["script"],
        },
    },
}


@dataclass
class FixedClock(FakeClock):
    """A clock that fails the test at each wait."""

    start: datetime = NOW

    def wait(self, seconds: float, stopping: Callable[[], bool] = lambda: False) -> None:
        raise AssertionError(f"a wait of {seconds} s, stopping={stopping}")


def alert(event: Event, *, level: Level = Level.HIGH) -> Alert:
    """Return an alert of an event."""
    example = sample(NOW)
    rule = replace(
        example.rule,
        title="Shell Started by <Web> Server & *Friends*",
        level=level,
        description="First line\nsecond line",
        references=("https://example.com/a?b=1&c=2", "javascript:alert(1)", "A book"),
        tags=("attack.persistence", "attack.stealth", "attack.t1505.004", "attack.g0007"),
        falsepositives=("Deployment tools",),
        path="windows/web.yml",
    )
    hit = replace(
        example.first,
        rule=rule,
        event=event,
        summary=summarize(EventView(event)),
        index="winlogbeat-2026.03.07",
        event_id="a\"b\\c!'d",
    )
    key = (("host.name", "SRV-01"), ("user.name", None))
    return replace(example, rule=rule, first=hit, key=key, origin="live")
