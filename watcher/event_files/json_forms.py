"""JSON that holds events in another form than one document per line → the documents.

Known are answers of searches (`_search`, `_msearch`, asynchronous, of Kibana's inspector), hits without `_source`, and
the XML of an event as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watcher.event_files.evtx import evtx_document
from watcher.event_files.flat_events import flat_document, is_flat

_ANSWERS = ("response", "rawResponse", "result", "body")  # what an asynchronous answer or an inspector wraps
_FORMS_OF_ANSWERS = frozenset(("hits", "responses", *_ANSWERS))
_FORMS_OF_EVENTS = frozenset(("_source", "_id", "expect", "Event"))
_OTHER_FORMS = _FORMS_OF_ANSWERS | _FORMS_OF_EVENTS
_ATTRIBUTES = "_attributes"  # the suffix of evtx_dump with `--separate-json-attributes`


def documents_in(value: Any) -> Iterator[Any]:
    """Yield the documents that a JSON value holds: those of an answer or a list, else the value itself."""
    if type(value) is dict and _FORMS_OF_ANSWERS.isdisjoint(value):  # nearly every line of a file
        yield value
        return
    if isinstance(value, list):
        yield from value
        return
    if not isinstance(value, Mapping):
        yield value
        return
    hits = value.get("hits")
    if isinstance(hits, Mapping) and "hits" in hits:
        yield from hits["hits"] if isinstance(hits["hits"], list) else ()
        return
    responses = value.get("responses")
    if isinstance(responses, list) and all(isinstance(response, Mapping) for response in responses):
        for response in responses:
            yield from documents_in(response) if "hits" in response else ()
        return
    for name in _ANSWERS:
        answer = value.get(name)
        if isinstance(answer, Mapping) and ("hits" in answer or any(inner in answer for inner in _ANSWERS)):
            yield from documents_in(answer)
            return
    yield value


def is_plain_event(value: Any) -> bool:
    """Return whether a JSON value is an event as Winlogbeat ships it, without anything around it."""
    return type(value) is dict and "winlog" in value and _OTHER_FORMS.isdisjoint(value)


def event_in(document: Any) -> Any:
    """Return the event inside a document: a search hit, a rule test, the XML of an event, a flat record.

    Raises KeyError, TypeError or AttributeError where the XML of an event lacks a part.
    """
    if type(document) is dict and "winlog" in document and _FORMS_OF_EVENTS.isdisjoint(document):
        return document
    document = _without_envelope(document)
    if not isinstance(document, Mapping):
        return document
    event = document.get("Event", document)
    if isinstance(event, Mapping) and isinstance(event.get("System"), Mapping):
        return evtx_document(_with_attributes(event))
    return flat_document(document) if is_flat(document) else document


def _without_envelope(document: Any) -> Any:
    if isinstance(document, Mapping):
        if isinstance(document.get("_source"), Mapping):
            document = document["_source"]
        elif "_id" in document and isinstance(document.get("fields"), Mapping):
            document = {name: _single(values) for name, values in document["fields"].items()}
        if "expect" in document and isinstance(document.get("event"), Mapping):
            document = document["event"]
    return document


def _single(values: Any) -> Any:
    """Return the only value of an array, in which `fields` lists even single ones."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _with_attributes(element: Mapping[str, Any]) -> dict[str, Any]:
    """Return the elements of an event with their attributes inside of them."""
    elements: dict[str, Any] = {
        name: _with_attributes(value) if isinstance(value, Mapping) and name != "#attributes" else value
        for name, value in element.items()
        if not name.endswith(_ATTRIBUTES) or not isinstance(value, Mapping)
    }
    for name, attributes in element.items():
        if name.endswith(_ATTRIBUTES) and isinstance(attributes, Mapping):
            own = elements.get(name.removesuffix(_ATTRIBUTES))
            inner = own if isinstance(own, dict) else {} if own is None else {"#text": own}
            elements[name.removesuffix(_ATTRIBUTES)] = {"#attributes": dict(attributes), **inner}
    return elements
