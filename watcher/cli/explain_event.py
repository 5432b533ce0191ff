"""`watcher explain RULE --event E`: where the event comes from, and what the rule says of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from watcher import app as wiring
from watcher.cli.common import EXIT_FINDINGS, EXIT_FINE, out, write_json
from watcher.errors import InputError
from watcher.event_files.event_reader import FileEvent, read_events, read_json
from watcher.match.event_explanation import Explanation, explain
from watcher.match.event_view import EventView
from watcher.model import EventDocument, Rule
from watcher.present.explanations import as_json, render_explanation
from watcher.settings import Settings, Source
from watcher.taxonomy.logsources import events_of
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import paths_of

_STDIN = "-"


def explain_event(rule: Rule, wanted: str, settings: Settings, *, as_data: bool) -> int:
    """Say why a rule matches an event or not, for every source of settings; gives the exit code."""
    told = tuple(_told(rule, wanted, settings))
    if as_data:
        write_json([{"source": source.name, **as_json(one)} for source, one in told])
    else:
        for source, one in told:
            if len(told) > 1:
                out.print(f"source `{source.name}`", style="dim")
            out.print(render_explanation(one))
    return EXIT_FINE if any(one.holds for _, one in told) else EXIT_FINDINGS


def _told(rule: Rule, wanted: str, settings: Settings) -> Iterator[tuple[Source, Explanation]]:
    event = _from_file(wanted)
    if event is not None:
        for source in settings.sources:
            yield source, explain(rule, events_of(rule.logsource, source.logsources), EventView(event, source.fields))
        return
    index, _, name = wanted.partition("/")
    if not name:
        raise InputError(
            f"`{wanted}` is no file, and no event of the cluster",
            fix="give a file, `FILE:LINE`, `-` for standard input, or `index/_id`",
        )
    yield from _from_cluster(rule, index, name, settings)


def _from_cluster(rule: Rule, index: str, name: str, settings: Settings) -> Iterator[tuple[Source, Explanation]]:
    with closing(wiring.connect_clusters(settings)) as connections:
        (stored,) = connections.events.state().get([(index, name)])
        if stored is None:
            raise InputError(f"the index `{index}` holds no event `{name}`", fix="copy `_index` and `_id` of the event")
        found = EventDocument(index=stored.index, id=stored.id, event=stored.document)
        for source in settings.sources:
            mapping = connections.events.events().mapping(source.index, paths_of((rule,), source))
            view = EventReader(source, mapping).view(found)
            yield source, explain(rule, events_of(rule.logsource, source.logsources), view)


# --------------------------------------------------------------------------- files


def _from_file(wanted: str) -> dict[str, object] | None:
    """Read the event of a file or of standard input; None where neither is meant."""
    if wanted == _STDIN:
        return _only(islice(read_json(iter(sys.stdin.buffer), file="standard input"), 2), wanted)
    if Path(wanted).is_file():
        return _only(islice(read_events(Path(wanted)), 2), wanted)
    name, _, number = wanted.rpartition(":")
    if name and number.isdecimal() and Path(name).is_file():
        return _numbered(Path(name), int(number))
    return None


def _only(found: Iterator[FileEvent | InputError], wanted: str) -> dict[str, object]:
    events = [_sound(one) for one in found]
    if not events:
        raise InputError(f"`{wanted}` holds no event", fix="give one as JSON")
    if len(events) > 1:
        raise InputError(f"`{wanted}` holds several events", fix=f"name one by its line or record: `{wanted}:1`")
    return dict(events[0].event)


def _numbered(path: Path, number: int) -> dict[str, object]:
    for one in read_events(path):
        location = one.number if isinstance(one, FileEvent) else one.location.line if one.location else 0
        if location == number:
            return dict(_sound(one).event)
    raise InputError(f"`{path}` has no event in line or record {number}", fix="count from 1")


def _sound(one: FileEvent | InputError) -> FileEvent:
    if isinstance(one, InputError):
        raise one
    return one
