"""What rules look at: nothing that a predicate reads is left out, wherever Winlogbeat's modules put it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.fakes import rule

from watcher.match.event_view import EventView
from watcher.match.flat_event import FieldFilter
from watcher.model import Rule
from watcher.ports import IndexMapping, Server
from watcher.search.event_selection import needed_fields
from watcher.settings import Source
from watcher.taxonomy.logsources import POWERSHELL_CLASSIC
from watcher.taxonomy.moved_fields import MOVED_FIELDS, MovedFields
from watcher.translate.plan import Translator

FACTS = IndexMapping(pattern="*", server=Server(engine="opensearch", version="3.6.0"), fields={})
TRANSLATOR = Translator(source=Source(), mapping=FACTS)
SERVICES = {
    "Microsoft-Windows-Sysmon/Operational": "sysmon",
    "Security": "security",
    "Microsoft-Windows-PowerShell/Operational": "powershell",
    POWERSHELL_CLASSIC: "powershell-classic",
}


def seeking(detection: str, logsource: str) -> Rule:
    """Make a rule that seeks something in a log source."""
    return rule(
        "title: Seeks\nstatus: test\nlogsource: {product: windows" + logsource + "}\n"
        f"detection: {{sel: {detection}, condition: sel}}\n"
    )


def events() -> Iterator[tuple[str, dict[str, Any]]]:
    """Make an event of every kind whose values modules move, each value naming its place."""
    for row in (row for rows in MOVED_FIELDS.values() for row in rows):
        for channel in row.channels:
            for code in (*row.codes[:2], *row.codes[-1:]) or ("1",):
                yield channel, {"winlog.channel": channel, "event.code": code, **{path: path for path in paths(row)}}


def paths(row: MovedFields) -> tuple[str, ...]:
    return (*row.direct, *(row.computed.paths if row.computed else ()))


@pytest.mark.parametrize(
    ("detection", "read"),
    [
        ("[x]", EventView.keyword_values),
        ("{EventData|contains: x}", lambda view: view.values("EventData")),
        ("{Data|contains: x}", lambda view: view.values("Data")),
    ],
)
def test_what_searches_all_values_sees_those_that_modules_moved(
    detection: str, read: Callable[[EventView], tuple[str, ...]]
) -> None:
    seen = 0
    for channel, event in events():
        complete = read(EventView(event))
        for logsource in ("", *([f", service: {SERVICES[channel]}"] if channel in SERVICES else [])):
            looked = FieldFilter(needed_fields([seeking(detection, logsource)], TRANSLATOR))
            assert read(EventView(event, None, looked)) == complete, (event, logsource)
            seen += len(complete)
    assert seen > 20


@pytest.mark.parametrize("name", MOVED_FIELDS)
def test_a_field_is_seen_wherever_modules_moved_it(name: str) -> None:
    for _, event in events():
        looked = FieldFilter(needed_fields([seeking(f"{{{name}: x}}", "")], TRANSLATOR))
        assert EventView(event, None, looked).values(name) == EventView(event).values(name)
