"""What a correlation rule says of some events: of files, standard input or the cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.errors import InputError
from watcher.event_files.event_chunks import FileEvent
from watcher.event_files.event_reader import read_events, read_json
from watcher.match.event_explanation import Explanation, explain
from watcher.match.event_view import EventView
from watcher.model import EventDocument
from watcher.ruletests.correlated_events import CorrelatedEvents, EventCorrelator, LabelledEvent
from watcher.settings import Settings, Source
from watcher.sigma.rule_test_files import is_test_file
from watcher.taxonomy.logsources import events_of
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import paths_of
from watcher.usecases.explain_event import index_and_id, is_in_file, read_event
from watcher.usecases.named_rules import NamedCorrelation

if TYPE_CHECKING:
    from watcher.components import Components

_MOST_EVENTS = 10_000
_STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedEvents:
    """What a correlation rule says of some events."""

    named: NamedCorrelation
    correlated: CorrelatedEvents
    explanations: tuple[Explanation, ...] = ()  # of each base rule, where there is a single event
    events: tuple[LabelledEvent, ...] = ()  # as they were given


def explain_file_events(named: NamedCorrelation, references: Sequence[str], settings: Settings) -> ExplainedEvents:
    """Explain the events of files, of `FILE:LINE`, or of standard input (`-`), with the first source of settings.

    Raises InputError where there is none, or too many.
    """
    source = settings.sources[0]
    events = [event for reference in references for event in _file_events(reference, source)]
    return _explained(named, events, source)


def explain_stored_events(
    named: NamedCorrelation, references: Sequence[str], components: Components
) -> ExplainedEvents:
    """Explain events of the cluster, `index/_id`, with the first source of settings.

    Raises InputError where a reference names no event.
    """
    source = components.settings.sources[0]
    mapping = components.events().mapping(source.index, paths_of(named.rules, source))
    event_reader = EventReader(source, mapping)
    keys = [index_and_id(reference) for reference in references]
    events = []
    for (index, name), stored in zip(keys, components.connections.events.state().get(keys), strict=True):
        if stored is None:
            raise InputError(f"the index `{index}` holds no event `{name}`", fix="copy `_index` and `_id` of the event")
        document = EventDocument(index=stored.index, id=stored.id, event=stored.document)
        events.append(LabelledEvent(label=f"{index}/{name}", view=event_reader.view(document)))
    return _explained(named, events, source)


def _explained(named: NamedCorrelation, events: Sequence[LabelledEvent], source: Source) -> ExplainedEvents:
    correlator = EventCorrelator(named.correlation, named.plan, named.rules, source)
    explanations = (
        explain(rule, events_of(rule.logsource, source.logsources), event.view)
        for event in (events if len(events) == 1 else ())
        for rule in named.rules
    )
    return ExplainedEvents(
        named=named,
        correlated=correlator.evaluate(events),
        explanations=tuple(explanations),
        events=tuple(events),
    )


def _file_events(reference: str, source: Source) -> Iterator[LabelledEvent]:
    if is_test_file(Path(reference.rpartition(":")[0] or reference)) or is_test_file(Path(reference)):
        raise InputError(
            f"`{reference}` holds tests, whose events are of one case each",
            fix="call `watcher test`, which shows the events and windows of each case that fails",
        )
    if reference != _STDIN and not Path(reference).is_file():
        yield LabelledEvent(label=reference, view=EventView(read_event(reference), source.fields))
        return
    items = read_json(sys.stdin.buffer, file="standard input") if reference == _STDIN else read_events(Path(reference))
    events = list(islice(items, _MOST_EVENTS + 1))
    if not events or len(events) > _MOST_EVENTS:
        message = f"`{reference}` holds {f'more than {_MOST_EVENTS:,} events' if events else 'no event'}"
        raise InputError(message, fix="call `watcher match`" if events else "give events as JSON")
    for item in events:
        if not isinstance(item, FileEvent):
            raise item
        yield LabelledEvent(label=str(item), view=EventView(item.event, source.fields))


def are_in_files(references: Sequence[str]) -> bool:
    """Whether events are of files alone; raises InputError where some are of files, and some of the cluster."""
    inside = [is_in_file(reference) for reference in references]
    if any(inside) and not all(inside):
        raise InputError("some events are of files, and some of the cluster", fix="name events of one of them")
    if not any(inside):
        for reference in references:
            index_and_id(reference)  # a wrong reference is reported before a cluster that does not answer
    return all(inside)
