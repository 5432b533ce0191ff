"""Events of base rules as correlations count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watcher.alerts.group_keys import key_parts
from watcher.match.event_view import EventView
from watcher.model import Hit
from watcher.model.correlation_hits import BaseHit
from watcher.timestamps import milliseconds


def base_hit(hit: Hit, view: EventView, fields: Sequence[str]) -> BaseHit:
    """Return the base hit of a hit, with the values of some fields."""
    return BaseHit(
        rule_id=hit.rule.id,
        hit_id=hit.id,
        time=milliseconds(hit.time),
        values=field_values(view, fields),
        index=hit.index,
        event_id=hit.event_id,
    )


def field_values(view: EventView, fields: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the values of the fields that an event has, read as those of `group_by` are."""
    return {part.field: part.values for part in key_parts(view, fields) if part.values}
