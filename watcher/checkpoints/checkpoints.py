"""Checkpoints, event counts and rule starts of the sources, stored as documents of the state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher.checkpoints.checkpoint import Begin, Checkpoint, Command, apply
from watcher.checkpoints.checkpoint_body import checkpoint_from_body, checkpoint_to_body, is_current
from watcher.checkpoints.gaps import SLICE, slice_floor, slices
from watcher.checkpoints.late_marks import LateMarks, marks_from_body, marks_to_body
from watcher.errors import Incomplete, Refused
from watcher.model import RuleMetadata, Window
from watcher.state.state_documents import Body, DocumentKey, StateDocuments
from watcher.timestamps import format_timestamp, read_timestamp

CHECKPOINT_KIND = "live"
"""The kind of the state documents that hold a checkpoint."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of the sources in the state."""

    documents: StateDocuments

    # ---- watermark and gaps

    def read(self, source: str) -> Checkpoint | None:
        """Return the checkpoint of a source, None where its search never began."""
        body = self.documents.read(_checkpoint_key(source))
        return None if body is None else _restored(source, body)

    def apply(
        self, source: str, commands: Sequence[Command], *, now: datetime, begin: Begin | None = None
    ) -> Checkpoint:
        """Apply commands to the stored checkpoint in one conditional write, repeated after a conflict.

        Raises Incomplete where the document is gone and `begin` is None: a checkpoint created anew would hide that
        recorded gaps are lost.
        """

        def changed(body: Body | None) -> Body:
            return checkpoint_to_body(apply(_current(source, body, begin), commands))

        body = self.documents.change(_checkpoint_key(source), changed, now=now)
        return _current(source, body, begin)

    # ---- counts

    def counts(self, source: str, window: Window) -> Mapping[datetime, int]:
        """Return how many events each slice held when it was last searched; slices without events are left out."""
        days = tuple(_days(window))
        bodies = self.documents.read_all([_counts_key(source, day) for day in days])
        counts = {
            day + SLICE * int(number): int(count)
            for day, body in zip(days, bodies, strict=True)
            for number, count in ((body or {}).get("counts") or {}).items()
        }
        return {start: count for start, count in counts.items() if slice_floor(window.start) <= start < window.end}

    def digests(self, source: str, window: Window) -> Mapping[datetime, str]:
        """Return the digest of the events that each slice held when the live search read it, where it is stored."""
        days = tuple(_days(window))
        bodies = self.documents.read_all([_counts_key(source, day) for day in days])
        digests = {
            day + SLICE * int(number): str(digest)
            for day, body in zip(days, bodies, strict=True)
            for number, digest in ((body or {}).get("digests") or {}).items()
        }
        return {start: digest for start, digest in digests.items() if slice_floor(window.start) <= start < window.end}

    def record_counts(
        self,
        source: str,
        window: Window,
        counts: Mapping[datetime, int],
        *,
        now: datetime,
        digests: Mapping[datetime, str] | None = None,
    ) -> None:
        """Store how many events each slice of a window held when it was searched, and their digest."""
        for day in _days(window):
            starts = [start for start in slices(window) if _day(start) == day]
            record = _SliceRecord(
                counts={_number(start, day): counts.get(start, 0) for start in starts},
                digests={_number(start, day): (digests or {}).get(start, "") for start in starts},
            )
            self.documents.change(_counts_key(source, day), record.merged, now=now)

    # ---- marks of late-event checks

    def late_marks(self, source: str) -> LateMarks | None:
        """Return the marks of the last late-event check, None where there are none."""
        body = self.documents.read(_marks_key(source))
        return None if body is None else marks_from_body(body)

    def record_late_marks(self, source: str, marks: LateMarks, *, now: datetime) -> None:
        """Store the marks of a late-event check."""
        body = marks_to_body(marks)
        self.documents.change(_marks_key(source), lambda _: body, now=now)

    # ---- rules

    def record_rules(
        self, source: str, rules: Iterable[RuleMetadata], start: datetime, *, now: datetime
    ) -> Mapping[str, datetime]:
        """Store which rules are searched, and return since when each is.

        A new rule begins at `start`, a changed one keeps its own start, a removed one is forgotten.
        """
        hashes = {rule.id: rule.hash for rule in rules}

        def changed(body: Body | None) -> Body:
            stored = (body or {}).get("rules") or {}
            return {
                "rules": {
                    name: {
                        "since": stored[name]["since"] if name in stored else format_timestamp(start),
                        "hash": digest,
                    }
                    for name, digest in hashes.items()
                }
            }

        return _starts(self.documents.change(_rules_key(source), changed, now=now))

    def rule_starts(self, source: str) -> Mapping[str, datetime]:
        """Return since when each rule of a source is searched."""
        return _starts(self.documents.read(_rules_key(source)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SliceRecord:
    """What a search recorded of the slices of a day, by their number in it."""

    counts: Mapping[str, int]
    digests: Mapping[str, str]  # empty: unknown

    def merged(self, body: Body | None) -> Body | None:
        """Return the stored body of the day with this record."""
        stored = body or {}
        counts = {number: count for number, count in {**(stored.get("counts") or {}), **self.counts}.items() if count}
        digests = {**(stored.get("digests") or {}), **self.digests}
        digests = {number: digest for number, digest in digests.items() if digest and number in counts}
        if not counts and body is None:
            return None
        return {"counts": counts, **({"digests": digests} if digests else {})}


def _current(source: str, body: Body | None, begin: Begin | None) -> Checkpoint:
    if body is not None:
        return _restored(source, body)
    if begin is None:
        raise Incomplete(f"the checkpoint of `{source}` was deleted; the next search begins anew")
    return Checkpoint(since=begin.since, watermark=begin.watermark)


def _restored(source: str, body: Body) -> Checkpoint:
    """Return the checkpoint of a body; raises Refused for one of an older version, which only the migration reads."""
    if not is_current(body):
        raise Refused(
            f"the checkpoint of `{source}` has the form of an older state version; "
            "run `watcher setup`, which migrates it"
        )
    return checkpoint_from_body(body)


def _starts(body: Body | None) -> Mapping[str, datetime]:
    rules = (body or {}).get("rules") or {}
    return {name: read_timestamp(rule["since"]) for name, rule in rules.items()}


def _checkpoint_key(source: str) -> DocumentKey:
    return DocumentKey(kind=CHECKPOINT_KIND, source=source)


def _counts_key(source: str, day: datetime) -> DocumentKey:
    return DocumentKey(kind="counts", source=source, of=f"{day:%Y-%m-%d}")


def _marks_key(source: str) -> DocumentKey:
    return DocumentKey(kind="marks", source=source)


def _number(start: datetime, day: datetime) -> str:
    return str((start - day) // SLICE)


def _rules_key(source: str) -> DocumentKey:
    return DocumentKey(kind="rules", source=source)


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _days(window: Window) -> Iterator[datetime]:
    day = _day(window.start)
    while day < window.end:
        yield day
        day += _DAY
