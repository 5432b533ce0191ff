"""What Winlogbeat's modules destroy for good: the values that differ between both shapes, by cause, as documented."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from support.truth_table import as_modules, events

from watcher.match.event_view import EventView

SETS = ("mdecrevoisier", "sbousseaden", "sigmahq-regression")
DOCUMENT = Path(__file__).parents[2] / "docs" / "modules-shape.md"
_NOTHING = ("-", "{00000000-0000-0000-0000-000000000000}")
_ZEROS = re.compile(r",?[A-Z0-9]+=0+(?=,|$)")


def cause(field: str, raw: str, view: EventView) -> str:
    """Name the cause of a difference; the names are those of the document."""
    classic = view.channel == "Windows PowerShell"
    causes = (
        (raw in _NOTHING, "dash"),
        (field in ("Hashes", "Hash") and (raw == "Unknown" or bool(_ZEROS.search(raw))), "no hash"),
        (field == "Details" and raw.startswith("QWORD"), "qword"),
        (field == "IpAddress" and raw.startswith("::ffff:"), "mapped address"),
        (field == "QueryResults", "answers"),
        (field == "PrivilegeList", "privileges"),
        (field == "Archived", "archived"),
        (classic and view.code == "800" and field in ("param1", "param2"), "white space"),
        (field == "ContextInfo" and view.code == "4103", "context"),
        (field in ("ContextInfo", "Payload") and view.code == "4100", "error event"),
        (field == "SourcePortName", "port name"),
        (field == "User" and raw.count("\\") != 1, "user without domain"),
    )
    return next((name for holds, name in causes if holds), f"unknown: {view.channel} {view.code} {field} {raw!r}")


def differences(folder: Path) -> tuple[int, int, Counter[str]]:
    """Count the events that the modules change, their values, and those that cannot be read back, by cause."""
    shape = as_modules(folder)
    counts: Counter[str] = Counter()
    changed_events = values = 0
    for name in SETS:
        for _, event in events(folder, name):
            changed = shape(event)
            if changed == event:
                continue
            changed_events += 1
            before, after = EventView(event), EventView(changed)
            for field in (*event["winlog"].get("event_data", ()), *event["winlog"].get("user_data", ())):
                raw = before.values(field)
                values += 1
                if raw != after.values(field):
                    counts[cause(field, raw[0], before)] += 1
    return changed_events, values, counts


def documented() -> dict[str, int]:
    """Read the numbers of the document's table."""
    rows = re.findall(r"^\| `([a-z ]+)` \|.*\| ([0-9,]+) \| 0 \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in rows}


def test_the_document_lists_every_value_that_cannot_be_rebuilt(shared_data: Path) -> None:
    events, values, counts = differences(shared_data)
    assert dict(counts) == documented()
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    assert f"change {events:,} of them, which hold {values:,} values" in text
