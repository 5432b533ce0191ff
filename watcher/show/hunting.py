"""What a hunt through files of events came to: the rules that matched, and their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from watcher.hunt import Tally, host_of, time_of
from watcher.model import Rule
from watcher.notify.event import COMMAND_LINE, PROCESS, details, first, texts, user
from watcher.read.events import Logged
from watcher.show.terminal import LEVEL_STYLES, cell

_LONGEST = 240  # characters of a value
_DETAILS = 3  # values told of an event that starts no process


def rules_table(found: Sequence[Tally]) -> Table:
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


def _hosts(tally: Tally) -> str:
    names = sorted(tally.hosts - {""})
    return names[0] if len(names) == 1 else f"{len(names)} hosts" if names else ""


def _time(written: str) -> str:
    return written[:19].replace("T", " ")


def hits_table(found: Sequence[tuple[Rule, Logged]]) -> Table:
    """Show events with the rules that they match."""
    made = Table(title="Hits", title_justify="left", header_style="bold", show_lines=True)
    made.add_column("time (UTC)", no_wrap=True)
    made.add_column("level", no_wrap=True)
    made.add_column("what happened", overflow="fold")
    for rule, logged in found:
        level = str(rule.level)
        day, _, time = time_of(logged.event).partition("T")
        made.add_row(
            Text("\n").join((cell(day[:10]), cell(time[:8]))),
            cell(level, style=LEVEL_STYLES[level]),
            Text("\n").join(_happened(rule, logged)),
        )
    return made


def _happened(rule: Rule, logged: Logged) -> Iterator[Text]:
    told = texts(logged.event)
    yield cell(rule.title, style="bold")
    who = ", ".join(one for one in (host_of(logged.event), user(told)) if one)
    if who:
        yield cell(who, style="dim")
    ran = first(told, COMMAND_LINE) or first(told, PROCESS)
    for line in [ran] if ran else [f"{name}: {value}" for name, value in details(told)[:_DETAILS]]:
        yield cell(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")
    yield cell(logged, style="cyan")


def hit_json(rule: Rule, logged: Logged) -> dict[str, Any]:
    """Give a hit as data."""
    return {
        "rule": {"id": rule.id, "title": rule.title, "level": str(rule.level), "path": rule.path},
        "file": logged.file,
        "number": logged.number,
        "@timestamp": time_of(logged.event),
        "host": host_of(logged.event),
        "event": logged.event,
    }
