"""What a hunt through files of events came to: the rules that matched, and their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.event_files.event_reader import FileEvent
from watcher.model import Rule
from watcher.notify.event_texts import COMMAND_LINE, PROCESS, event_details, event_texts, first_value, user_name
from watcher.present.terminal import LEVEL_STYLES, cell
from watcher.usecases.match_events import RuleTally, host_of, time_of

_LONGEST = 240  # characters of a value
_DETAILS = 3  # values told of an event that starts no process


def rules_table(found: Sequence[RuleTally]) -> Table:
    """Show the rules that matched."""
    made = Table(title="Rules that matched", title_justify="left", header_style="bold")
    made.add_column("level", no_wrap=True)
    made.add_column("hits", justify="right", no_wrap=True)
    made.add_column("rule", overflow="fold")
    made.add_column("from and to (UTC)", no_wrap=True)
    made.add_column("hosts", overflow="fold")
    for one in found:
        level = str(one.rule.level)
        made.add_row(
            cell(level, style=LEVEL_STYLES[level]),
            f"{one.hits:,}",
            cell(one.rule.title),
            Text("\n").join(cell(_time(time)) for time in dict.fromkeys((one.first, one.last))),
            cell(_hosts(one)),
        )
    return made


def _hosts(tally: RuleTally) -> str:
    names = sorted(tally.hosts - {""})
    return names[0] if len(names) == 1 else f"{len(names)} hosts" if names else ""


def _time(written: str) -> str:
    return written[:19].replace("T", " ")


def hits_table(found: Sequence[tuple[Rule, FileEvent]]) -> Table:
    """Show events with the rules that they match."""
    made = Table(title="Hits", title_justify="left", header_style="bold", show_lines=True)
    made.add_column("time (UTC)", no_wrap=True)
    made.add_column("level", no_wrap=True)
    made.add_column("what happened", overflow="fold")
    for rule, file_event in found:
        level = str(rule.level)
        day, _, time = time_of(file_event.event).partition("T")
        made.add_row(
            Text("\n").join((cell(day[:10]), cell(time[:8]))),
            cell(level, style=LEVEL_STYLES[level]),
            Text("\n").join(_happened(rule, file_event)),
        )
    return made


def _happened(rule: Rule, file_event: FileEvent) -> Iterator[Text]:
    told = event_texts(file_event.event)
    yield cell(rule.title, style="bold")
    who = ", ".join(one for one in (host_of(file_event.event), user_name(told)) if one)
    if who:
        yield cell(who, style="dim")
    ran = first_value(told, COMMAND_LINE) or first_value(told, PROCESS)
    for line in [ran] if ran else [f"{name}: {value}" for name, value in event_details(told)[:_DETAILS]]:
        yield cell(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")
    yield cell(file_event, style="cyan")


def hit_json(rule: Rule, file_event: FileEvent) -> dict[str, Any]:
    """Give a hit as data."""
    return {
        "rule": {"id": rule.id, "title": rule.title, "level": str(rule.level), "path": rule.path},
        "file": file_event.file,
        "number": file_event.number,
        "@timestamp": time_of(file_event.event),
        "host": host_of(file_event.event),
        "event": file_event.event,
    }
