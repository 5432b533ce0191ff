"""Silences as tables, lines and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from watcher.present.event_lines import event_lines, host_and_account
from watcher.present.preview_tables import values_table
from watcher.present.terminal import cell, shortened, table
from watcher.routes.silences import SilencePhase, StoredSilence
from watcher.timestamps import format_timestamp
from watcher.usecases.silence_requests import MOST_ALERTS, PREVIEWED, ListedSilence, ListedWindow, SilencePreview

_STYLES = {SilencePhase.ACTIVE: "bold yellow", SilencePhase.PENDING: "cyan", SilencePhase.EXPIRED: "dim"}
_MINUTES = "%Y-%m-%d %H:%M"


def silences_table(listed: Sequence[ListedSilence]) -> Table:
    """Show silences, one a row."""
    shown = table("id", "phase", "from (UTC)", "until (UTC)", "alerts", "who", "matchers and reason")
    for entry in listed:
        silence = entry.silence
        shown.add_row(
            cell(silence.id),
            cell(entry.phase, style=_STYLES[entry.phase]),
            f"{silence.start:{_MINUTES}}",
            f"{silence.until:{_MINUTES}}",
            f"{entry.alerts:,}",
            cell(silence.by),
            Text("\n").join((cell(matchers_text(silence)), cell(silence.reason))),
        )
    return shown


def windows_table(listed: Sequence[ListedWindow]) -> Table:
    """Show maintenance windows, one a row."""
    shown = table("maintenance window", "phase", "alerts", "matchers")
    for entry in listed:
        phase = SilencePhase.ACTIVE if entry.holds else SilencePhase.PENDING
        texts = ", ".join(map(str, entry.window.matchers))
        shown.add_row(cell(entry.window.name), cell(phase, style=_STYLES[phase]), f"{entry.alerts:,}", cell(texts))
    return shown


def window_json(entry: ListedWindow) -> dict[str, Any]:
    """Return a maintenance window as JSON."""
    return {
        "maintenance_window": entry.window.name,
        "phase": str(SilencePhase.ACTIVE if entry.holds else SilencePhase.PENDING),
        "matchers": [str(matcher) for matcher in entry.window.matchers],
        "alerts": entry.alerts,
    }


def silence_json(entry: ListedSilence) -> dict[str, Any]:
    """Return a silence as JSON."""
    silence = entry.silence
    return {
        "id": silence.id,
        "phase": str(entry.phase),
        "matchers": [str(matcher) for matcher in silence.matchers],
        "from": format_timestamp(silence.start),
        "until": format_timestamp(silence.until),
        "by": silence.by,
        "reason": silence.reason,
        "created": format_timestamp(silence.created),
        "expired_by": silence.expired_by,
        "alerts": entry.alerts,
    }


def silence_lines(silence: StoredSilence) -> Iterator[RenderableType]:
    """Yield a silence in words."""
    yield cell(f"silence {silence.id}: {matchers_text(silence)}")
    yield cell(f"from {silence.start:{_MINUTES}} to {silence.until:{_MINUTES}} UTC, by {silence.by}: {silence.reason}")


def matchers_text(silence: StoredSilence) -> str:
    """Return the matchers of a silence as they are typed."""
    return ", ".join(map(str, silence.matchers))


def preview_json(name: str, preview: SilencePreview) -> dict[str, Any]:
    """Return what a maintenance window would have held back as JSON."""
    return {
        "maintenance_window": name,
        "days": PREVIEWED.days,
        "alerts": preview.alerts,
        "held_back": preview.silenced,
        "rules": dict(preview.rules.most_common()),
        "hosts": dict(preview.hosts.most_common()),
        "warnings": list(preview.warnings),
    }


def silence_preview_lines(preview: SilencePreview) -> Iterator[RenderableType]:
    """Yield what a silence would have held back, with examples and warnings."""
    limit = f" (the newest {MOST_ALERTS:,} are counted)" if preview.alerts == MOST_ALERTS else ""
    days = f"in the last {PREVIEWED.days} days"
    yield cell(f"{days} it would have held back {preview.silenced:,} of {preview.alerts:,} alerts{limit}")
    for name, counts in (("rule", preview.rules), ("host", preview.hosts)):
        if counts:
            yield values_table(name, dict(counts.most_common()), unit="alerts")
    for alert in preview.samples:
        summary = alert.first.summary
        yield cell(f"  {format_timestamp(alert.first.time)}  {host_and_account(summary)}", style="dim")
        for line in event_lines(summary):
            yield cell(f"    {shortened(line)}")
    for warning in preview.warnings:
        yield cell(f"warning: {warning}", style="yellow")
