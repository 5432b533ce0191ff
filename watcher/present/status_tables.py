"""The status as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from watcher.checkpoints.gaps import Gap
from watcher.present.silence_tables import silence_json, silences_table
from watcher.present.terminal import cell, table
from watcher.usecases.status import (
    ALERTS_COUNTED,
    CurrentProblem,
    DeliveryCount,
    LeaseStatus,
    MemberStatus,
    SourceStatus,
    Status,
)


def status_tables(status: Status) -> Iterator[Table]:
    """Yield the tables of problems, sources, gaps, faults, leases, sidecars, deliveries and silences."""
    if status.problems:
        yield _problems_table(status.problems)
    yield _sources_table(status.sources)
    unsearched = _unsearched_table(status.sources)
    if unsearched.row_count:
        yield unsearched
    faults = _faults_table(status.sources)
    if faults.row_count:
        yield faults
    if any(lease.holder for lease in status.leases):
        yield _leases_table(status.leases)
    if status.members:
        yield _members_table(status.members)
    if status.deliveries:
        yield _deliveries_table(status.deliveries)
    if status.silences:
        yield silences_table(status.silences)


def _problems_table(problems: Sequence[CurrentProblem]) -> Table:
    shown = table("since", "problem")
    for problem in problems:
        since = f"{problem.since:%Y-%m-%d %H:%M:%S}" if problem.since else "now"
        shown.add_row(cell(since), cell(problem.problem.message, style="red"))
    return shown


def _sources_table(sources: Sequence[SourceStatus]) -> Table:
    shown = table("source", "index", "indices", "searched until", "lag", "too late", "too far ahead", "times replaced")
    for source in sources:
        checkpoint, lag = source.checkpoint, source.lag
        shown.add_row(
            cell(source.source.name),
            cell(source.source.index),
            cell(len(source.mapping.indices)),
            cell(f"{checkpoint.watermark:%Y-%m-%d %H:%M:%S}" if checkpoint else ""),
            cell("never searched" if lag is None else f"{round(lag.total_seconds()):,} s"),
            cell(f"{checkpoint.too_late:,} events" if checkpoint and checkpoint.too_late else ""),
            cell(f"{checkpoint.future_events:,} events" if checkpoint and checkpoint.future_events else ""),
            cell(f"{checkpoint.replaced_times:,} events" if checkpoint and checkpoint.replaced_times else ""),
        )
    return shown


def _unsearched_table(sources: Sequence[SourceStatus]) -> Table:
    shown = table("source", "not searched", "rules", "why", "next try")
    for source in sources:
        name = source.source.name
        for index in source.unsearchable:
            shown.add_row(cell(name), cell(index.index, style="yellow"), "all", cell(index.reason), "")
        for gap in source.checkpoint.gaps if source.checkpoint else ():
            span = f"{gap.window.start:%Y-%m-%d %H:%M:%S} .. {gap.window.end:%Y-%m-%d %H:%M:%S}"
            shown.add_row(
                cell(name),
                cell(f"{span} in {', '.join(gap.indices)}" if gap.indices else span, style="yellow"),
                cell(f"{len(gap.rules):,}" if gap.rules else "all"),
                cell(gap.reason),
                cell(f"{gap.due:%H:%M:%S}"),
            )
    return shown


def _faults_table(sources: Sequence[SourceStatus]) -> Table:
    shown = table("source", "fault")
    for source in sources:
        for fault in source.faults:
            shown.add_row(cell(source.source.name), cell(fault, style="yellow"))
    return shown


def _leases_table(leases: Sequence[LeaseStatus]) -> Table:
    shown = table("lease", "holder", "last seen")
    for lease in leases:
        seen = f"{lease.last_seen:%H:%M:%S}" if lease.last_seen else ""
        is_gone = bool(lease.holder) and not lease.is_alive
        shown.add_row(cell(lease.lease), cell(lease.holder or "nobody"), cell(f"{seen} (gone)" if is_gone else seen))
    return shown


def _members_table(members: Sequence[MemberStatus]) -> Table:
    shown = table("sidecar", "rules run", "not run", "since")
    for member in members:
        not_run = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in member.rules_not_run.items())
        since = f"{member.since:%Y-%m-%d %H:%M:%S}" if member.since else ""
        shown.add_row(cell(member.member), cell(f"{member.rules_run:,}"), cell(not_run), cell(since))
    return shown


def _deliveries_table(deliveries: Sequence[DeliveryCount]) -> Table:
    shown = table("channel", "state", f"messages (of the newest {ALERTS_COUNTED:,} alerts)")
    for delivery in deliveries:
        style = "red" if delivery.state == "failed" else ""
        shown.add_row(cell(delivery.channel), cell(delivery.state, style=style), cell(delivery.count))
    return shown


def status_json(status: Status) -> dict[str, Any]:
    """Return the status as JSON."""
    return {
        "sources": [source_json(source) for source in status.sources],
        "problems": [_problem_json(problem) for problem in status.problems],
        "leases": {lease.lease: lease.holder for lease in status.leases},
        "holders": {lease.holder: _holder_json(lease) for lease in status.leases if lease.holder},
        "members": {
            member.member: {
                "rules_run": member.rules_run,
                "rules_not_run": dict(member.rules_not_run),
                "since": member.since.isoformat() if member.since else None,
            }
            for member in status.members
        },
        "messages": [
            {"channel": delivery.channel, "state": delivery.state, "count": delivery.count}
            for delivery in status.deliveries
        ],
        "silences": [silence_json(entry) for entry in status.silences],
    }


def _problem_json(problem: CurrentProblem) -> dict[str, Any]:
    return {
        "kind": str(problem.problem.kind),
        "subject": problem.problem.subject,
        "message": problem.problem.message,
        "since": problem.since.isoformat() if problem.since else None,
    }


def _holder_json(lease: LeaseStatus) -> dict[str, Any]:
    return {
        "alive": lease.is_alive,
        "last_seen": lease.last_seen.isoformat() if lease.last_seen else None,
    }


def source_json(status: SourceStatus) -> dict[str, Any]:
    """Return the status of a source as JSON."""
    checkpoint, lag = status.checkpoint, status.lag
    return {
        "source": status.source.name,
        "index": status.source.index,
        "indices": len(status.mapping.indices),
        "closed": list(status.mapping.closed),
        "searched_since": checkpoint.since.isoformat() if checkpoint else None,
        "searched_until": checkpoint.watermark.isoformat() if checkpoint else None,
        "lag_seconds": round(lag.total_seconds()) if lag is not None else None,
        "gaps": [_gap_json(gap) for gap in (checkpoint.gaps if checkpoint else ())],
        "unsearchable": [{"index": index.index, "reason": index.reason} for index in status.unsearchable],
        "faults": list(status.faults),
        "late_events_checked": checkpoint.last_late_check.isoformat()
        if checkpoint and checkpoint.last_late_check
        else None,
        "events_too_late": checkpoint.too_late if checkpoint else 0,
        "events_too_far_ahead": checkpoint.future_events if checkpoint else 0,
        "events_with_replaced_time": checkpoint.replaced_times if checkpoint else 0,
    }


def _gap_json(gap: Gap) -> dict[str, Any]:
    return {
        "start": gap.window.start.isoformat(),
        "end": gap.window.end.isoformat(),
        "rules": list(gap.rules),
        "indices": list(gap.indices),
        "reason": gap.reason,
        "attempts": gap.attempts,
        "next_try": gap.due.isoformat(),
    }
