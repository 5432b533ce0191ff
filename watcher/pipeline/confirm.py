"""What a search returned, held against the rule once more, and grouped into alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.alerts.grouping import GroupedHit, event_time, group
from watcher.errors import Undecided
from watcher.match.predicate import Predicate
from watcher.model import UnreadableEvent
from watcher.nesting import bounded
from watcher.pipeline.undecided import UndecidedEvent, UndecidedMemory
from watcher.search.outcomes import MatchedPage, reason_of
from watcher.settings.effective import RuleSettings
from watcher.translate.mapped_events import EventReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What one page of a rule's search came to."""

    hits: tuple[GroupedHit, ...]
    unreadable: tuple[UnreadableEvent, ...]  # events that cannot be evaluated
    undecided: tuple[UndecidedEvent, ...]  # events that the rule did not decide within the time limit, not reported yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmer:
    """Evaluates the events of one window by the rules themselves."""

    event_reader: EventReader
    time_field: str
    undecided: UndecidedMemory  # an event that was undecided before is not evaluated again
    pause: Callable[[], None]  # called before each event; raises where the search is to end

    def confirm(
        self, matched: MatchedPage, holds: Predicate, effective: RuleSettings, since: datetime | None
    ) -> Confirmed:
        """Return the hits of a page, the events of it that cannot be evaluated, and those that stay undecided.

        Such an event hides neither other events nor other rules. Events before `since`, by the time field, are no
        hits.
        """
        rule = matched.plan.rule
        hits: list[GroupedHit] = []
        unreadable: list[UnreadableEvent] = []
        new: list[UndecidedEvent] = []
        for document in matched.found:
            self.pause()
            try:
                event = bounded(document.event)  # what is stored and sent is written by encoders that recurse
                shallow = document if event is document.event else replace(document, event=event)
                view = self.event_reader.view(shallow)
                if since is not None and event_time(view, self.time_field) < since:
                    continue
                if not self.undecided.holds(rule, document) and holds(view):
                    hits.append(group(rule, effective, shallow, view))
            except Undecided as fault:
                new.append(self.undecided.report(rule, document, fault))
            except Exception as error:  # noqa: BLE001 - attackers write events: one of them must not end the window
                unreadable.append(UnreadableEvent(index=document.index, id=document.id, reason=reason_of(error)))
        return Confirmed(hits=tuple(hits), unreadable=tuple(unreadable), undecided=tuple(new))
