"""`watcher status` and `watcher alerts`: what the state says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from watcher import wiring
from watcher.cli.frame import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.decide.coverage import Covered
from watcher.decide.lease import holders
from watcher.decide.outbox import owed as debts_of
from watcher.ports import IndexFacts
from watcher.settings import Source
from watcher.show.terminal import alerts_table, cell, table

_BEHIND = timedelta(minutes=10)  # beside `every`, `delay`: how far behind a live edge is a finding


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(status)
    app.command()(alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How one source stands."""

    source: Source
    covered: Covered | None
    facts: IndexFacts
    now: datetime

    @property
    def lag(self) -> timedelta | None:
        """How far the live edge lies behind now."""
        return None if self.covered is None else self.now - self.covered.until

    def gaps(self) -> tuple[tuple[str, str], ...]:
        """Name what no search sees, and why."""
        named = [(name, "closed: no search sees it") for name in self.facts.closed]
        named += [(name, "keeps no `_source`: its events match no rule") for name in self.facts.sourceless]
        for gap in self.covered.gaps if self.covered else ():
            names = ", ".join(gap.indices)
            named.append((names, f"vanished by {gap.noticed:%Y-%m-%d %H:%M}, with {gap.events:,} events of the sweep"))
        if not self.facts.indices:
            named.append((self.source.index, "no index of this pattern is there"))
        return tuple(named)

    def wrong(self) -> bool:
        """Tell whether somebody should look at it."""
        behind = self.lag is None or self.lag > _BEHIND + self.source.every + self.source.delay
        return bool(behind or self.gaps() or (self.covered and self.covered.holes))

    def as_json(self) -> dict[str, Any]:
        """Write it for programs."""
        covered, lag = self.covered, self.lag
        return {
            "source": self.source.name,
            "index": self.source.index,
            "indices": len(self.facts.indices),
            "closed": list(self.facts.closed),
            "searched_since": covered.since.isoformat() if covered else None,
            "searched_until": covered.until.isoformat() if covered else None,
            "lag_seconds": round(lag.total_seconds()) if lag is not None else None,
            "holes": [
                {
                    "start": hole.window.start.isoformat(),
                    "end": hole.window.end.isoformat(),
                    "rules": list(hole.rules),
                    "reason": hole.reason,
                    "attempts": hole.attempts,
                    "next_try": hole.due.isoformat(),
                }
                for hole in (covered.holes if covered else ())
            ],
            "gaps": [{"index": name, "reason": why} for name, why in self.gaps()],
            "swept": covered.swept.isoformat() if covered and covered.swept else None,
            "events_too_late": covered.older if covered else 0,
            "events_too_far_ahead": covered.ahead if covered else 0,
        }


def status(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Show what was searched, what was not, and what is owed.

    Exit code 1 where something is wrong: a source never searched or far behind, a hole, an index that no search sees,
    a message given up.
    """
    settings = wiring.load_settings(settings_file)
    connected = wiring.reach(settings)
    try:
        events = connected.events.events()
        coverage = wiring.coverage(settings, connected)
        now = events.now()
        sources = [
            SourceStatus(
                source=source, covered=coverage.read(source.name), facts=events.facts(source.index, ()), now=now
            )
            for source in settings.sources
        ]
        works = wiring.works(settings)
        held = holders(wiring.notes(settings, connected), works)
        owed = Counter(
            (str(one["channel"]), str(one["state"]))
            for alert in wiring.ledger(settings, connected).alerts(size=1000)
            for one in debts_of(alert.document)
        )
    finally:
        connected.close()
    if as_json:
        messages = [
            {"channel": channel, "state": state, "count": count} for (channel, state), count in sorted(owed.items())
        ]
        write_json({"sources": [one.as_json() for one in sources], "works": held, "messages": messages})
    else:
        _show_status(sources, held, owed)
    if any(one.wrong() for one in sources) or any(state == "failed" for _, state in owed):
        raise typer.Exit(EXIT_FINDINGS)


def _show_status(sources: list[SourceStatus], held: dict[str, str], owed: Counter[tuple[str, str]]) -> None:
    shown = table("source", "index", "indices", "searched until", "lag", "too late", "too far ahead")
    for one in sources:
        covered, lag = one.covered, one.lag
        shown.add_row(
            cell(one.source.name),
            cell(one.source.index),
            cell(len(one.facts.indices)),
            cell(f"{covered.until:%Y-%m-%d %H:%M:%S}" if covered else ""),
            cell("never searched" if lag is None else f"{round(lag.total_seconds()):,} s"),
            cell(f"{covered.older:,} events" if covered and covered.older else ""),
            cell(f"{covered.ahead:,} events" if covered and covered.ahead else ""),
        )
    out.print(shown)
    _show_missing(sources)
    if any(held.values()):
        works = table("work", "done by")
        for work, holder in held.items():
            works.add_row(cell(work), cell(holder or "nobody"))
        out.print(works)
    if owed:
        messages = table("channel", "state", "messages (of the newest 1,000 alerts)")
        for (channel, state), count in sorted(owed.items()):
            messages.add_row(cell(channel), cell(state, style="red" if state == "failed" else ""), cell(count))
        out.print(messages)


def _show_missing(sources: list[SourceStatus]) -> None:
    missing = table("source", "not searched", "rules", "why", "next try")
    for one in sources:
        for name, why in one.gaps():
            missing.add_row(cell(one.source.name), cell(name, style="yellow"), "all", cell(why), "")
        for hole in one.covered.holes if one.covered else ():
            missing.add_row(
                cell(one.source.name),
                cell(f"{hole.window.start:%Y-%m-%d %H:%M:%S} .. {hole.window.end:%Y-%m-%d %H:%M:%S}", style="yellow"),
                cell(f"{len(hole.rules):,}" if hole.rules else "all"),
                cell(hole.reason),
                cell(f"{hole.due:%H:%M:%S}"),
            )
    if missing.row_count:
        out.print(missing)


def alerts(
    *,
    settings_file: SettingsFile = None,
    limit: Annotated[int, typer.Option(help="The most to show.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest alerts."""
    settings = wiring.load_settings(settings_file)
    connected = wiring.reach(settings)
    try:
        found = wiring.ledger(settings, connected).alerts(size=limit)
    finally:
        connected.close()
    if as_json:
        write_json([{"index": one.index, "id": one.id, **one.document} for one in found])
        return
    out.print(alerts_table(found) if found else "no alerts")
