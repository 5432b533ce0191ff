"""What a correlation counted, in words: for channels that do not show the data of an event."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.counted_nouns import counted
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.notify.escaping import bounded_text
from watcher.timestamps import format_milliseconds

_MAX_TEXT = 200  # characters of each title, value and id


def counted_rows(
    evidence: CorrelationEvidence | None, group: Sequence[tuple[str, str | None]]
) -> tuple[tuple[str, str], ...]:
    """Return what a correlation counted in a group as (label, text): none for other rules."""
    if evidence is None:
        return ()
    by_rule = ", ".join(f"{rule.count:,} of {_short(rule.title)}" for rule in evidence.rules)
    values = ", ".join(f"{_short(name)}: {_short(value or '')}" for name, value in group)
    ids = ", ".join(_short(f"{event.index}/{event.event_id}") for event in evidence.events)
    rows = (
        ("Group", values),
        ("Counted", f"{counted(evidence.count, 'event')}{f': {by_rule}' if by_rule else ''}"),
        ("First", format_milliseconds(evidence.first)),
        ("Last", format_milliseconds(evidence.last)),
        ("Events", ids),
    )
    return tuple((label, text) for label, text in rows if text)


def _short(text: str) -> str:
    return bounded_text(text, _MAX_TEXT)
