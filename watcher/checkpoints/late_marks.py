"""How far a late-event check has come: what is numbered higher, or left the overlap since, is for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher.ports import IndexMarks
from watcher.state.state_documents import Body
from watcher.timestamps import format_timestamp, read_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class LateMarks:
    """The marks of a late-event check."""

    overlap: datetime  # where the overlap of the live search began: earlier slices were compared
    indices: Mapping[str, IndexMarks]


def marks_from_body(body: Body) -> LateMarks:
    """Return the marks that the body of a state document holds."""
    return LateMarks(
        overlap=read_timestamp(body["overlap"]),
        indices={entry["index"]: _index_marks(entry) for entry in body["indices"]},
    )


def marks_to_body(marks: LateMarks) -> Body:
    """Return marks as the body of a state document."""
    return {
        "overlap": format_timestamp(marks.overlap),
        "indices": [
            {
                "index": index,
                "uuid": entry.uuid,
                "numbers": list(entry.numbers),
                "newest": None if entry.newest is None else format_timestamp(entry.newest),
            }
            for index, entry in sorted(marks.indices.items())
        ],
    }


def _index_marks(entry: Mapping[str, Any]) -> IndexMarks:
    newest = entry.get("newest")
    return IndexMarks(
        uuid=str(entry["uuid"]),
        numbers=tuple(int(number) for number in entry["numbers"]),
        newest=read_timestamp(newest) if newest else None,
    )
