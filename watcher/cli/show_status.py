"""`watcher status` and `watcher alerts`: what the state says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from watcher import app as wiring
from watcher.checkpoints.checkpoints import Checkpoint
from watcher.cli.common import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.delivery.outbox import deliveries_of as debts_of
from watcher.ports import IndexMapping
from watcher.present.terminal import alerts_table, cell, table
from watcher.settings import Source
from watcher.state.leases import lease_holders

_BEHIND = timedelta(minutes=10)  # beside `every`, `delay`: how far behind a live edge is a finding


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(status)
    app.command()(alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How one source stands."""

    source: Source
    checkpoint: Checkpoint | None
    mapping: IndexMapping
    now: datetime

    @property
    def lag(self) -> timedelta | None:
        """How far the live edge lies behind now."""
        return None if self.checkpoint is None else self.now - self.checkpoint.until

    def lost_indices(self) -> tuple[tuple[str, str], ...]:
        """Name what no search sees, and why."""
        named = [(name, "closed: no search sees it") for name in self.mapping.closed]
        named += [(name, "keeps no `_source`: its events match no rule") for name in self.mapping.without_source]
        for lost_index in self.checkpoint.lost_indices if self.checkpoint else ():
            names = ", ".join(lost_index.indices)
            named.append(
                (
                    names,
                    f"vanished by {lost_index.noticed:%Y-%m-%d %H:%M}, with {lost_index.events:,} events of the sweep",
                )
            )
        if not self.mapping.indices:
            named.append((self.source.index, "no index of this pattern is there"))
        return tuple(named)

    def wrong(self) -> bool:
        """Tell whether somebody should look at it."""
        behind = self.lag is None or self.lag > _BEHIND + self.source.every + self.source.delay
        return bool(behind or self.lost_indices() or (self.checkpoint and self.checkpoint.gaps))

    def as_json(self) -> dict[str, Any]:
        """Write it for programs."""
        checkpoint, lag = self.checkpoint, self.lag
        return {
            "source": self.source.name,
            "index": self.source.index,
            "indices": len(self.mapping.indices),
            "closed": list(self.mapping.closed),
            "searched_since": checkpoint.since.isoformat() if checkpoint else None,
            "searched_until": checkpoint.until.isoformat() if checkpoint else None,
            "lag_seconds": round(lag.total_seconds()) if lag is not None else None,
            "holes": [
                {
                    "start": gap.window.start.isoformat(),
                    "end": gap.window.end.isoformat(),
                    "rules": list(gap.rules),
                    "reason": gap.reason,
                    "attempts": gap.attempts,
                    "next_try": gap.due.isoformat(),
                }
                for gap in (checkpoint.gaps if checkpoint else ())
            ],
            "gaps": [{"index": name, "reason": why} for name, why in self.lost_indices()],
            "swept": checkpoint.swept.isoformat() if checkpoint and checkpoint.swept else None,
            "events_too_late": checkpoint.older if checkpoint else 0,
            "events_too_far_ahead": checkpoint.ahead if checkpoint else 0,
        }


def status(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Show what was searched, what was not, and what is owed.

    Exit code 1 where something is wrong: a source never searched or far behind, a hole, an index that no search sees,
    a message given up.
    """
    settings = wiring.load_settings(settings_file)
    connections = wiring.connect_clusters(settings)
    try:
        events = connections.events.events()
        coverage = wiring.checkpoints(settings, connections)
        now = events.now()
        sources = [
            SourceStatus(
                source=source, checkpoint=coverage.read(source.name), mapping=events.mapping(source.index, ()), now=now
            )
            for source in settings.sources
        ]
        works = wiring.lease_names(settings)
        held = lease_holders(wiring.state_documents(settings, connections), works)
        owed = Counter(
            (str(one["channel"]), str(one["state"]))
            for alert in wiring.alert_store(settings, connections).alerts(size=1000)
            for one in debts_of(alert.document)
        )
    finally:
        connections.close()
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
        checkpoint, lag = one.checkpoint, one.lag
        shown.add_row(
            cell(one.source.name),
            cell(one.source.index),
            cell(len(one.mapping.indices)),
            cell(f"{checkpoint.until:%Y-%m-%d %H:%M:%S}" if checkpoint else ""),
            cell("never searched" if lag is None else f"{round(lag.total_seconds()):,} s"),
            cell(f"{checkpoint.older:,} events" if checkpoint and checkpoint.older else ""),
            cell(f"{checkpoint.ahead:,} events" if checkpoint and checkpoint.ahead else ""),
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
        for name, why in one.lost_indices():
            missing.add_row(cell(one.source.name), cell(name, style="yellow"), "all", cell(why), "")
        for gap in one.checkpoint.gaps if one.checkpoint else ():
            missing.add_row(
                cell(one.source.name),
                cell(f"{gap.window.start:%Y-%m-%d %H:%M:%S} .. {gap.window.end:%Y-%m-%d %H:%M:%S}", style="yellow"),
                cell(f"{len(gap.rules):,}" if gap.rules else "all"),
                cell(gap.reason),
                cell(f"{gap.due:%H:%M:%S}"),
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
    connections = wiring.connect_clusters(settings)
    try:
        found = wiring.alert_store(settings, connections).alerts(size=limit)
    finally:
        connections.close()
    if as_json:
        write_json([{"index": one.index, "id": one.id, **one.document} for one in found])
        return
    out.print(alerts_table(found) if found else "no alerts")
