"""A backfill job, its progress, and how both are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from watcher.digests import digest
from watcher.model import Window
from watcher.model.correlation_hits import BaseHit
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp, read_timestamp

NOTIFY = ("digest", "none", "all")
"""What a backfill sends: one message at its end, nothing, or each alert as live detection does."""

INTERRUPTED = "interrupted by shutdown; will be retried"
"""The error of a slice that a signal ended."""

_OPEN_END = "the live edge"  # a part of every stored job id without an end: never change it


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillJob:
    """One backfill of one source; the same arguments mean the same job, which is resumed."""

    source: str
    start: datetime
    end: datetime | None  # None: the watermark when the job began
    rules: Mapping[str, str]  # id → hash of the text
    notify: str

    @property
    def id(self) -> str:
        """The digest of the arguments."""
        rules = [f"{name} {self.rules[name]}" for name in sorted(self.rules)]
        end = format_timestamp(self.end) if self.end is not None else _OPEN_END
        return digest(self.source, format_timestamp(self.start), end, self.notify, *rules)

    @property
    def key(self) -> DocumentKey:
        """The key of its document in the state."""
        return DocumentKey(kind="backfill", source=self.source, of=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceResult:
    """The outcome of one slice."""

    window: Window
    events: int = 0
    by_rule: Mapping[str, int] = field(default_factory=dict)  # hits, recorded before or not
    hits: int = 0  # recorded for the first time
    alerts: int = 0  # opened
    base_hits: tuple[BaseHit, ...] = ()  # that correlations count
    unsearchable: Mapping[str, str] = field(default_factory=dict)  # index that was not searched → why
    error: str = ""  # why it was not searched completely
    unreachable: bool = False  # the cluster did not answer at all


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """The progress of a job."""

    window: Window | None = None  # the span as it was when the job began
    done: tuple[Window, ...] = ()  # in order; adjacent windows are joined
    events: int = 0
    hits: int = 0
    alerts: int = 0
    by_rule: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # id → day → hits
    failed: Mapping[Window, str] = field(default_factory=dict)  # slices that this run could not search, and why
    finished: bool = False
    unsearchable: Mapping[str, str] = field(default_factory=dict)  # index that was not searched → why
    resumed: bool = False  # an earlier run was interrupted, and may have opened alerts that it did not count
    pending_channels: tuple[str, ...] = ()  # that have not accepted the digest

    def with_slice(self, result: SliceResult) -> BackfillProgress:
        """Return the progress with one more slice."""
        day = f"{result.window.start:%Y-%m-%d}"
        by_rule = {name: dict(days) for name, days in self.by_rule.items()}
        for name, hits in result.by_rule.items():
            days = by_rule.setdefault(name, {})
            days[day] = days.get(day, 0) + hits
        return replace(
            self,
            done=_joined((*self.done, result.window)),
            events=self.events + result.events,
            hits=self.hits + result.hits,
            alerts=self.alerts + result.alerts,
            by_rule=by_rule,
            unsearchable={**self.unsearchable, **result.unsearchable},
        )

    @property
    def is_over(self) -> bool:
        """Whether every slice is searched and every channel has the digest."""
        return self.finished and not self.pending_channels

    @property
    def matched(self) -> int:
        """How many hits all slices have, recorded before or not."""
        return sum(sum(days.values()) for days in self.by_rule.values())

    def includes(self, window: Window) -> bool:
        """Whether a slice is searched."""
        return any(done.start <= window.start and window.end <= done.end for done in self.done)


def _joined(windows: Sequence[Window]) -> tuple[Window, ...]:
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end:
            joined[-1] = Window(start=joined[-1].start, end=max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return tuple(joined)


def interrupted_window(job: BackfillJob, documents: StateDocuments) -> Window | None:
    """Return the span of a job that was begun and is not over, None where there is nothing to resume."""
    progress = progress_from_body(documents.read(job.key) or {})
    return None if progress.is_over else progress.window


def progress_from_body(body: Body) -> BackfillProgress:
    """Read the progress of a stored document."""
    span = body.get("window")
    pending = body.get("pending_channels", body.get("untold"))  # `untold` in states before version 0.2
    return BackfillProgress(
        window=Window(start=read_timestamp(span[0]), end=read_timestamp(span[1])) if span else None,
        done=tuple(
            Window(start=read_timestamp(start), end=read_timestamp(end)) for start, end in body.get("done") or ()
        ),
        events=int(body.get("events") or 0),
        hits=int(body.get("hits") or 0),
        alerts=int(body.get("alerts") or 0),
        by_rule=body.get("by_rule") or {},
        finished=bool(body.get("finished")),
        unsearchable=body.get("unsearchable") or {},
        resumed=bool(body.get("resumed")),
        pending_channels=tuple(pending or ()),
    )


def progress_to_body(progress: BackfillProgress) -> dict[str, Any]:
    """Return the progress as it is stored."""
    window = progress.window
    return {
        "window": [format_timestamp(window.start), format_timestamp(window.end)] if window else None,
        "done": [[format_timestamp(done.start), format_timestamp(done.end)] for done in progress.done],
        "events": progress.events,
        "hits": progress.hits,
        "alerts": progress.alerts,
        "by_rule": progress.by_rule,
        "finished": progress.finished,
        "resumed": progress.resumed,
        **({"unsearchable": dict(progress.unsearchable)} if progress.unsearchable else {}),
        "pending_channels": list(progress.pending_channels),
    }
