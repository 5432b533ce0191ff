"""Event → summary, by the table in the taxonomy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from watcher.event_files.nested_json import loads
from watcher.match.event_host import event_host
from watcher.match.event_view import EventView
from watcher.model.event_summary import EventSummary
from watcher.printable import truncate
from watcher.taxonomy.field_locations import DATA, is_path
from watcher.taxonomy.summary_fields import (
    ACCOUNT_FIELDS,
    DETAIL_PREFIXES,
    EMPTY_VALUE,
    SUMMARISED_PATHS,
    SUMMARY_FIELDS,
)

_MAX_VALUE = 32_768  # characters
_MAX_DETAILS = 30
_MAX_LABEL = 120  # characters
_MAX_DETAIL = 600  # characters


def summarize(view: EventView) -> EventSummary:
    """Return the summary of an event, with what the mapping and settings add to it."""
    host = next(iter(event_host(view).names), "")
    domain, user = account(view)
    values = {attribute: _first_value(view, names) for attribute, names in SUMMARY_FIELDS.items()}
    cut = {name: truncate(value, _MAX_VALUE) for name, value in (*values.items(), ("host", host))}
    account_name, account_domain = truncate(user, _MAX_VALUE), truncate(domain, _MAX_VALUE)
    return EventSummary(user=account_name, domain=account_domain, details=_details(view), **cut)


def stored_summary(document: Mapping[str, Any]) -> EventSummary:
    """Return the summary of a stored alert; where it has none, that of its event."""
    summary = document["watcher"].get("summary")
    if summary is not None:
        return EventSummary.from_document(summary)
    original = document.get("event", {}).get("original")
    try:
        event = loads(original) if isinstance(original, str) else document
    except ValueError:
        event = document
    return summarize(EventView(event))


def _first_value(view: EventView, names: Iterable[str]) -> str:
    for name in names:
        values = view.at(name) if is_path(name) else view.values(name)
        if values and values[0] != EMPTY_VALUE:
            return values[0]
    return ""


def account(view: EventView) -> tuple[str, str]:
    """Return the domain and the name of the account."""
    for domain_name, user_name in ACCOUNT_FIELDS:
        user = _first_value(view, (user_name,))
        if not user:
            continue
        if domain_name is not None:
            return _first_value(view, (domain_name,)), user
        domain, _, name = user.partition("\\")
        return (domain, name) if domain and name else ("", user)
    return "", ""


def _details(view: EventView) -> tuple[tuple[str, str], ...]:
    """Return the provider's own data, without what the summary has already."""
    entries = [
        (path, values)
        for path, values in view.own_values()
        if path.startswith(DETAIL_PREFIXES) and path not in SUMMARISED_PATHS and values != (EMPTY_VALUE,)
    ]
    details = tuple((_label(path), truncate(", ".join(values), _MAX_DETAIL)) for path, values in entries[:_MAX_DETAILS])
    more = len(entries) - _MAX_DETAILS
    return (*details, ("…", f"{more:,} more values in the event")) if more > 0 else details


def _label(path: str) -> str:
    prefix = next((prefix for prefix in DATA if path.startswith(prefix)), "")
    return truncate(path.removeprefix(prefix), _MAX_LABEL)
