"""The data of an event in the parser's JSON → fields as Winlogbeat names them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_REPEATED = re.compile(r"(.+)_[1-9][0-9]*")  # how the parser names further elements of a name


class _Elements(list[Any]):
    """The values of several elements of one name, and not a value that is an array."""


def _all_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which a name that stands several times has the list of its values."""
    members = dict(pairs)
    if len(members) < len(pairs):
        values: dict[str, _Elements] = {}
        for name, value in pairs:
            values.setdefault(name, _Elements()).append(value)
        members = {name: listed if len(listed) > 1 else listed[0] for name, listed in values.items()}
    return members


DECODER = json.JSONDecoder(object_pairs_hook=_all_members, strict=False)


def event_data_fields(data: Any) -> dict[str, Any]:
    """Return the named values; unnamed values are named by their position, as Winlogbeat names them."""
    event_data: dict[str, Any] = {}
    if isinstance(data, tuple):
        for number, element in enumerate(data, start=1):
            _put(event_data, element.name or f"param{number}", element.text)
        return event_data
    values = {key: value for key, value in data.items() if key != "#attributes"} if isinstance(data, Mapping) else {}
    for position, (name, value) in enumerate(values.items(), start=1):
        if name == "Data" and not attributes_of(value).get("Name"):
            unnamed = value.get("#text") if isinstance(value, Mapping) else value
            for number, item in enumerate(unnamed if isinstance(unnamed, list) else [unnamed], start=position):
                _put(event_data, f"param{number}", item)
        else:
            _put_element(event_data, data, name, value)
    return event_data


def user_data_fields(data: Any) -> dict[str, Any]:
    """Return the values of the first element, its attributes, and its name."""
    if not isinstance(data, Mapping):
        return {}
    for name, inner in data.items():
        if name == "#attributes":
            continue
        user_data: dict[str, Any] = {"xml_name": name}
        elements = inner if isinstance(inner, Mapping) else {}
        for key, value in elements.items():
            if key != "#attributes":
                _put_element(user_data, elements, key, value)
        _put_attributes(user_data, (inner, *elements.values()))
        return user_data
    return {}


def _put_attributes(fields: dict[str, Any], elements: Iterable[Any]) -> None:
    """Add the attributes of elements; a name of an element comes before that of an attribute."""
    names = frozenset((*fields, "Name", "xmlns"))
    for value in elements:
        for element in value if isinstance(value, _Elements) else (value,):
            for name, attribute in attributes_of(element).items():
                if name not in names:
                    _put(fields, name, attribute)


def _put_element(fields: dict[str, Any], elements: Mapping[str, Any], name: str, value: Any) -> None:
    """Add the values of an element by its attribute `Name`, else by the element's own name."""
    repeated = _REPEATED.fullmatch(name)
    own_name = repeated[1] if repeated is not None and repeated[1] in elements else name
    for item in value if isinstance(value, _Elements) else (value,):
        _put(fields, attributes_of(item).get("Name") or own_name, item)


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    """Add a value unless it is empty; further values of a name make a list."""
    content = _nested(value) if isinstance(value, Mapping) and "#text" not in value else text_of(value)
    if not content:
        return
    held = fields.get(name)
    if held is None:
        fields[name] = content
    elif isinstance(held, list):
        held.append(content)
    elif held != content:
        fields[name] = [held, content]


def _nested(value: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, inner in value.items():
        if name == "#attributes" and isinstance(inner, Mapping):
            for key, attribute in inner.items():
                _put(fields, key, attribute)
        else:
            _put_element(fields, value, name, inner)
    return fields


def text_of(value: Any) -> str:
    """Return a value as Windows writes it."""
    if isinstance(value, Mapping):
        return text_of(value.get("#text"))
    if isinstance(value, list):
        return ", ".join(text_of(item) for item in value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return with_braces(str(value).replace("\r\n", "\n"))


def with_braces(text: str) -> str:
    """Return a GUID with the braces that the parser omits; other text is unchanged."""
    return f"{{{text}}}" if len(text) == 36 and _GUID.fullmatch(text) else text


def attributes_of(value: Any) -> Mapping[str, str]:
    """Return the attributes of an element; empty for another value."""
    attributes = value.get("#attributes") if isinstance(value, Mapping) else None
    return {key: str(item) for key, item in attributes.items()} if isinstance(attributes, Mapping) else {}
