"""`watcher status` and `watcher alerts`: what the state says."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from watcher import wiring
from watcher.cli.frame import EXIT_FINDINGS, AsJson, SettingsFile, out, write_json
from watcher.show.terminal import alerts_table, cell, table


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(status)
    app.command()(alerts)


def status(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Show what is searched and what is owed.

    Exit code 1 where something is wrong: a source never searched, an index closed, a message given up.
    """
    settings = wiring.load_settings(settings_file)
    connected = wiring.reach(settings)
    try:
        events = connected.events.events()
        ledger = wiring.ledger(settings, connected)
        now = events.now()
        sources = []
        for source in settings.sources:
            until = ledger.covered_until(source.name)
            facts = events.facts(source.index, ())
            sources.append(
                {
                    "source": source.name,
                    "index": source.index,
                    "indices": len(facts.indices),
                    "closed": list(facts.closed),
                    "searched_until": until.isoformat() if until else None,
                    "lag_seconds": round((now - until).total_seconds()) if until else None,
                }
            )
        owed = Counter(
            (str(one["channel"]), str(one["state"]))
            for alert in ledger.alerts(size=1000)
            for one in alert.document["watcher"].get("owed", ())
        )
    finally:
        connected.close()
    if as_json:
        messages = [
            {"channel": channel, "state": state, "count": count} for (channel, state), count in sorted(owed.items())
        ]
        write_json({"sources": sources, "messages": messages})
    else:
        _show_status(sources, owed)
    if any(one["closed"] or one["searched_until"] is None for one in sources) or any(
        state == "failed" for _, state in owed
    ):
        raise typer.Exit(EXIT_FINDINGS)


def _show_status(sources: list[dict[str, Any]], owed: Counter[tuple[str, str]]) -> None:
    shown = table("source", "index", "indices", "searched until", "lag")
    for one in sources:
        lag = "never searched" if one["lag_seconds"] is None else f"{one['lag_seconds']} s"
        shown.add_row(
            cell(one["source"]), cell(one["index"]), cell(one["indices"]), cell(one["searched_until"] or ""), cell(lag)
        )
        for name in one["closed"]:
            shown.add_row("", cell(name, style="yellow"), cell("closed: no search sees it", style="yellow"), "", "")
    out.print(shown)
    if owed:
        messages = table("channel", "state", "messages (of the newest 1,000 alerts)")
        for (channel, state), count in sorted(owed.items()):
            messages.add_row(cell(channel), cell(state, style="red" if state == "failed" else ""), cell(count))
        out.print(messages)


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
