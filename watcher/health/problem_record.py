"""The problems of all sidecars in one document of the state, with what operators were notified of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher.health.outside_events import OutsideCounts, counts_from_body, counts_to_body
from watcher.health.recorded_problems import (
    RecordedProblem,
    Report,
    mark_notified,
    merge_report,
    problems_from_body,
    problems_to_body,
    with_offline,
)
from watcher.state.state_documents import Body, DocumentKey, StateDocuments

_KEY = DocumentKey(kind="problems", source="")


@dataclass(frozen=True, slots=True)
class ProblemRecord:
    """Reads and changes the record by conditional writes; an unchanged record is not written."""

    documents: StateDocuments

    def read(self) -> tuple[RecordedProblem, ...]:
        """Return the recorded problems."""
        return problems_from_body(self.documents.read(_KEY))

    def merge(
        self, report: Report, offline: Iterable[RecordedProblem], *, now: datetime
    ) -> tuple[RecordedProblem, ...]:
        """Merge the report of a sidecar, and what it notified operators of while the state did not answer."""
        kept = tuple(offline)
        return self._change(lambda recorded: merge_report(with_offline(recorded, kept), report, now=now), now)

    def mark(self, notified: Sequence[str], over: Sequence[str], *, now: datetime) -> tuple[RecordedProblem, ...]:
        """Record of which problems operators were notified, and of which that they are over."""
        return self._change(lambda recorded: mark_notified(recorded, notified, over, now=now), now)

    def outside_events(self) -> Mapping[str, OutsideCounts]:
        """Return the counts of events outside the searched span that operators were last notified of, by source."""
        return counts_from_body(self.documents.read(_KEY))

    def record_outside_events(self, counts: Mapping[str, OutsideCounts], *, now: datetime) -> None:
        """Record the counts that operators were notified of."""

        def changed(body: Body | None) -> Body:
            return {**(body or {}), "outside": counts_to_body({**counts_from_body(body), **counts})}

        self.documents.change(_KEY, changed, now=now)

    def _change(
        self, change: Callable[[tuple[RecordedProblem, ...]], tuple[RecordedProblem, ...]], now: datetime
    ) -> tuple[RecordedProblem, ...]:
        def changed(body: Body | None) -> Body | None:
            recorded = change(problems_from_body(body))
            if body is None and not recorded:
                return None
            return {**(body or {}), "problems": problems_to_body(recorded)}

        return problems_from_body(self.documents.change(_KEY, changed, now=now))
