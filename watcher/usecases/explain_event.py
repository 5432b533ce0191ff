"""Why a rule matches one event, or does not; the event comes from a file, standard input or the cluster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.errors import InputError
from watcher.event_files.event_chunks import FileEvent
from watcher.event_files.event_reader import read_events, read_json
from watcher.match.event_explanation import Explanation, explain
from watcher.match.event_view import EventView
from watcher.model import Event, EventDocument, Rule
from watcher.ruletests.referenced_test import referenced_test
from watcher.ruletests.suites import event_of
from watcher.settings import Settings, Source
from watcher.sigma.rule_test_files import is_test_file
from watcher.taxonomy.logsources import events_of
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import paths_of

if TYPE_CHECKING:
    from watcher.components import Components

_STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceExplanation:
    """What a rule says of an event, with the field mappings of one source."""

    source: str
    explanation: Explanation


def explain_with_source(rule: Rule, event: Event, source: Source) -> Explanation:
    """Explain an event of a file with the field mappings of a source."""
    return explain(rule, events_of(rule.logsource, source.logsources), EventView(event, source.fields))


def explain_file_event(rule: Rule, event: Event, settings: Settings) -> tuple[SourceExplanation, ...]:
    """Explain an event of a file for every source of settings."""
    return tuple(
        SourceExplanation(source=source.name, explanation=explain_with_source(rule, event, source))
        for source in settings.sources
    )


def explain_referenced_event(rule: Rule, reference: str, settings: Settings) -> tuple[SourceExplanation, ...]:
    """Explain the event of a file, of `FILE:LINE`, or of standard input (`-`), for every source of settings.

    The sketch of a test gets channel and event id of the rule's log source. Raises InputError where there is no such
    event, or several that the reference fits.
    """
    path, line = numbered_file(reference) or (Path(reference), None)
    if not is_test_file(path):
        return explain_file_event(rule, read_event(reference), settings)
    test = referenced_test(path, line)
    return tuple(
        SourceExplanation(source=source.name, explanation=explain_with_source(rule, event, source))
        for source in settings.sources
        for event in (event_of(test, events_of(rule.logsource, source.logsources)),)
    )


def explain_stored_event(rule: Rule, reference: str, components: Components) -> tuple[SourceExplanation, ...]:
    """Explain an event of the cluster, `index/_id`, for every source of settings.

    Raises InputError where the reference names no event.
    """
    index, name = index_and_id(reference)
    (stored,) = components.connections.events.state().get([(index, name)])
    if stored is None:
        raise InputError(f"the index `{index}` holds no event `{name}`", fix="copy `_index` and `_id` of the event")
    document = EventDocument(index=stored.index, id=stored.id, event=stored.document)
    return tuple(_explain_stored(rule, document, components))


def index_and_id(reference: str) -> tuple[str, str]:
    """Return index and `_id` of `index/_id`; raises InputError where the reference is something else."""
    index, _, name = reference.partition("/")
    if not name:
        raise InputError(
            f"`{reference}` is no file, and no event of the cluster",
            fix="give a file, `FILE:LINE`, `-` for standard input, or `index/_id`",
        )
    return index, name


def _explain_stored(rule: Rule, document: EventDocument, components: Components) -> Iterator[SourceExplanation]:
    for source in components.settings.sources:
        mapping = components.events().mapping(source.index, paths_of((rule,), source))
        view = EventReader(source, mapping).view(document)
        explanation = explain(rule, events_of(rule.logsource, source.logsources), view)
        yield SourceExplanation(source=source.name, explanation=explanation)


# --------------------------------------------------------------------------- files


def is_in_file(reference: str) -> bool:
    """Whether a reference means a file, a line of a file, or standard input."""
    return reference == _STDIN or Path(reference).is_file() or numbered_file(reference) is not None


def read_event(reference: str) -> Event:
    """Read the event of a file, of `FILE:LINE`, or of standard input (`-`).

    Raises InputError where there is no such event, or several that the reference fits.
    """
    if reference == _STDIN:
        return _single(islice(read_json(sys.stdin.buffer, file="standard input"), 2), reference)
    if Path(reference).is_file():
        return _single(islice(read_events(Path(reference)), 2), reference)
    numbered = numbered_file(reference)
    if numbered is None:
        raise InputError(f"`{reference}` is no file", fix="give a file, `FILE:LINE` or `-` for standard input")
    return _at(*numbered)


def numbered_file(reference: str) -> tuple[Path, int] | None:
    """Return the file and the line of `FILE:LINE`; None where there is no such file."""
    name, _, number = reference.rpartition(":")
    return (Path(name), int(number)) if name and number.isdecimal() and Path(name).is_file() else None


def _single(items: Iterator[FileEvent | InputError], reference: str) -> Event:
    events = [_readable(item) for item in items]
    if not events:
        raise InputError(f"`{reference}` holds no event", fix="give one as JSON")
    if len(events) > 1:
        raise InputError(f"`{reference}` holds several events", fix=f"name one by its line or record: `{reference}:1`")
    return events[0].event


def _at(path: Path, number: int) -> Event:
    for item in read_events(path):
        position = item.number if isinstance(item, FileEvent) else item.location.line if item.location else 0
        if position == number:
            return _readable(item).event
    raise InputError(f"`{path}` has no event in line or record {number}", fix="count from 1")


def _readable(item: FileEvent | InputError) -> FileEvent:
    if isinstance(item, InputError):
        raise item
    return item
