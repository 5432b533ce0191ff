"""Write `events.ndjson` for the demo: ten minutes of a small Windows network, and what an intruder does in it.

Run it from anywhere: `python deploy/demo/make_events.py`. The same code always writes the same file.
Each line holds `offset_ms`, the time of the event before the demo's present, and `event`, the document; its own times
count from a fixed moment, so that the file is complete.
"""
# ruff: noqa: INP001 - scripts beside their data, no package

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from background import MAKERS
from modules_shape import with_modules
from windows_events import Event, Seen, stamp

HERE = Path(__file__).resolve().parent
RULES = HERE.parent.parent / "rules" / "windows"
PRESENT = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNT = 300
STEP_MS = 1990

_HOSTS: Sequence[tuple[str, bool]] = (  # host, whether its events went through Winlogbeat's modules
    ("WEB01.corp.example", False),
    ("WEB02.corp.example", True),
    ("DC01.corp.example", True),
    ("FILE01.corp.example", False),
    ("WS07.corp.example", False),
    ("WS12.corp.example", True),
)
_IIS = "process_creation/webserver_iis_module_installed_command"
_ATTACKS: Sequence[tuple[int, str, str]] = (  # offset, the rule's file, the name of the test event
    (
        -236_400,
        "process_creation/proc_creation_win_powershell_encoded_download",
        "An encoded command that downloads and runs a script (raw)",
    ),
    (
        -213_250,
        "process_access/proc_access_win_lsass_memory_read",
        "A program from a download folder opens LSASS for reading (raw)",
    ),
    (
        -187_900,
        "builtin/system/service_control_manager/win_system_service_runs_shell",
        "A service runs a command through the shell",
    ),
    (-154_120, _IIS, "Appcmd installs a native module (raw)"),
    (-152_870, _IIS, "Appcmd adds a managed module, started by the worker process (raw)"),
    (-131_640, _IIS, "Markup in the command line is text like any other (modules)"),
    (
        -104_310,
        "process_access/proc_access_win_lsass_memory_read",
        "An installed program asks for more than the usual (modules)",
    ),
)


def background() -> Iterator[tuple[int, Event]]:
    """Make what matches no rule."""
    chance = Random(2026)  # noqa: S311 - a demo that is the same everywhere, nothing secret
    makers, weights = list(MAKERS), list(MAKERS.values())
    for number in range(COUNT):
        offset = -600_000 + number * STEP_MS + chance.randrange(STEP_MS)
        host, modules = chance.choice(_HOSTS)
        maker = chance.choices(makers, weights)[0]
        time = PRESENT + timedelta(milliseconds=offset)
        event = maker(Seen(host=host, time=time, record=731_000 + number * 7, pid=2896), chance)
        yield offset, with_modules(event) if modules else event


def attacks() -> Iterator[tuple[int, Event]]:
    """Take the events that must alert from the tests of the rules."""
    for offset, rule, name in _ATTACKS:
        lines = (RULES / f"{rule}.test.ndjson").read_text(encoding="utf-8").splitlines()
        events = {case["name"]: case["event"] for case in map(json.loads, lines)}
        yield offset, moved(events[name], PRESENT + timedelta(milliseconds=offset))


def moved(event: Event, time: datetime) -> Event:
    """Return the event with another time, wherever it holds its time."""
    old, new = event["@timestamp"], stamp(time)
    text = json.dumps(event, ensure_ascii=False).replace(old, new)
    moved_event: Event = json.loads(text.replace(_utc(old), _utc(new)))
    return moved_event


def _utc(written: str) -> str:
    """Write a timestamp as Sysmon does."""
    return written.replace("T", " ").removesuffix("Z")


def main() -> None:
    """Write the file."""
    pairs = sorted([*background(), *attacks()], key=lambda pair: pair[0])
    lines = [json.dumps({"offset_ms": offset, "event": event}, ensure_ascii=False) for offset, event in pairs]
    (HERE / "events.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
