"""What an exception would remove: tried on stored hits, and on events of the past that the rule matches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from watcher.components import Components
from watcher.match.event_explanation import explain
from watcher.match.event_summarizer import stored_summary
from watcher.match.event_view import EventView
from watcher.model import EventDocument, EventSummary, Hit, Rule
from watcher.pipeline import DetectionScope, Stopping
from watcher.ports import StateQuery, StoredDocument
from watcher.settings import Source
from watcher.taxonomy.logsources import events_of
from watcher.timestamps import format_timestamp
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import paths_of
from watcher.usecases.exceptions import ExceptionPlan
from watcher.usecases.preview import PreviewProgress, last_days

MOST_HITS = 10_000
"""The hits that an exception is tried on."""

_SAMPLES = 5
_PAGE = 500
_MOST_VALUES = 1_000  # different values of a field that are counted; further ones are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedHit:
    """A hit that the exception would remove."""

    time: str
    summary: EventSummary


@dataclass(slots=True)
class ExceptionImpact:
    """The hits that an exception was tried on."""

    removed: int = 0
    kept: int = 0
    undecided: int = 0  # the event is not stored, or neither the rule nor the exception can be decided
    samples: list[RemovedHit] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)  # of what is removed
    hosts: Counter[str] = field(default_factory=Counter)
    accounts: Counter[str] = field(default_factory=Counter)
    seen: set[tuple[str, str]] = field(default_factory=set)  # index and `_id` of the events

    @property
    def is_complete(self) -> bool:
        """Whether there were no more hits than it is tried on."""
        return len(self.seen) < MOST_HITS

    def is_new(self, index: str, event_id: str) -> bool:
        """Whether an event was not counted yet; it is from now on."""
        if (index, event_id) in self.seen:
            return False
        self.seen.add((index, event_id))
        return True

    def count(self, verdict: str, time: str, summary: EventSummary) -> None:
        """Count a hit: `removed`, `kept` or `undecided`."""
        if verdict == "kept":
            self.kept += 1
        elif verdict == "undecided":
            self.undecided += 1
        else:
            self.removed += 1
            if len(self.samples) < _SAMPLES:
                self.samples.append(RemovedHit(time=time, summary=summary))
            _add(self.commands, summary.command_line or summary.process)
            _add(self.hosts, summary.host)
            _add(self.accounts, summary.account)


def _add(counts: Counter[str], value: str) -> None:
    if value and (value in counts or len(counts) < _MOST_VALUES):
        counts[value] += 1


def try_on_stored_hits(plan: ExceptionPlan, days: int, components: Components) -> ExceptionImpact:
    """Try an exception on the stored hits of the last days, the newest first."""
    impact = ExceptionImpact()
    since = components.events().now() - timedelta(days=days)
    for stored in _stored_hits(plan.rule, since, components):
        own = stored.document["watcher"]["hit"]
        if not impact.is_complete:
            break
        if impact.is_new(str(own["index"]), str(own["id"])):
            verdict = _verdict_of_stored(plan, stored, components.settings.sources)
            impact.count(verdict, str(stored.document["@timestamp"]), stored_summary(stored.document))
    return impact


def _stored_hits(rule: Rule, since: datetime, components: Components) -> Iterator[StoredDocument]:
    query = {
        "bool": {
            "filter": [
                {"term": {"rule.id": rule.id}},
                {"range": {"@timestamp": {"gte": format_timestamp(since)}}},
            ]
        }
    }
    newest = ({"@timestamp": "desc"}, {"watcher.hit.id": "asc"})
    pattern, after = f"{components.settings.state.prefix}-hits-*", ()
    while True:
        page = components.state().search(StateQuery(index=pattern, query=query, size=_PAGE, sort=newest, after=after))
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].sort


def _verdict_of_stored(plan: ExceptionPlan, stored: StoredDocument, sources: tuple[Source, ...]) -> str:
    """Return what becomes of a stored hit; which source it is of is not stored, so that any may match it."""
    event = _stored_event(stored.document)
    if event is None:
        return "undecided"
    views = [(source, EventView(event, source.fields)) for source in sources]
    matching = [(source, view) for source, view in views if _verdict(plan.rule, view, source) == "kept"]
    verdicts = {_verdict(plan.narrowed, view, source) for source, view in matching}
    return verdicts.pop() if len(verdicts) == 1 else "undecided" if not verdicts else "kept"


def _stored_event(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the event of a stored hit, None where it is not stored."""
    try:
        event = json.loads(document["event"]["original"])
    except (KeyError, TypeError, ValueError):
        return None
    return event if isinstance(event, dict) else None


def try_on_events(
    plan: ExceptionPlan,
    days: int,
    components: Components,
    *,
    progress: Callable[[PreviewProgress], None],
    stopping: Stopping,
) -> ExceptionImpact:
    """Search the last days by the rule on every source, the newest first, and try an exception on the hits.

    Raises ClusterError where a day could not be searched completely, Stopped where it is asked to end.
    """
    impact = ExceptionImpact()
    for source in components.settings.sources:
        mapping = components.events().mapping(source.index, paths_of((plan.rule, plan.narrowed), source))
        reader = EventReader(source, mapping)
        detector = components.detector(source, (plan.rule,))
        windows = tuple(last_days(components.events().now(), days))[::-1]
        for done, window in enumerate(windows):
            progress(PreviewProgress(source=source.name, done=done, days=len(windows), hits=len(impact.seen)))
            for item in detector.find_hits(window, DetectionScope(stopping=stopping)):
                hit = getattr(item, "hit", None)
                if isinstance(hit, Hit) and impact.is_complete and impact.is_new(hit.index, hit.event_id):
                    document = EventDocument(index=hit.index, id=hit.event_id, event=hit.event)
                    verdict = _verdict(plan.narrowed, reader.view(document), source)
                    impact.count(verdict, format_timestamp(hit.time), hit.summary)
            if not impact.is_complete:
                break
        progress(PreviewProgress(source=source.name, done=len(windows), days=len(windows), hits=len(impact.seen)))
    return impact


def _verdict(rule: Rule, view: EventView, source: Source) -> str:
    """Return what a rule does with an event: `kept`, `removed` or `undecided`."""
    explanation = explain(rule, events_of(rule.logsource, source.logsources), view)
    if explanation.is_undecided:
        return "undecided"
    return "kept" if explanation.holds else "removed"
