"""Settings types → a JSON schema, with which editors complete and check settings files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from watcher.settings.annotations import (
    AnyKeyOf,
    NonEmpty,
    Setting,
    ValueFormat,
    bare_type,
    notes_of,
    settings_of,
)
from watcher.settings.channel_types import ChannelSettings, channel_type_names, load_channel_type
from watcher.settings.rule_selection import Folder
from watcher.settings.setting_texts import has_shown_default, is_section, item_type, to_plain, without_links
from watcher.settings.settings_types import Settings
from watcher.settings.source_settings import FieldMap

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_NULL = {"type": "null"}


def settings_schema(root: type = Settings) -> dict[str, Any]:
    """Return the JSON schema of a settings file, or of a file of field maps."""
    definitions: dict[str, Any] = {"variable": _VARIABLE}
    schema = _section(root, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of watcher" if root is Settings else "Field map of watcher",
        **schema,
        "$defs": dict(sorted(definitions.items())),
    }


def _section(kind: type, definitions: dict[str, Any], **constants: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {key: {"const": value} for key, value in constants.items()}
    alternatives: list[Any] = []
    required = [*constants]
    for setting in settings_of(kind):
        for key in setting.keys:
            properties[key] = _property(setting, key, definitions)
        if setting.is_required and setting.is_secret:
            alternatives.append({"anyOf": [{"required": [key]} for key in setting.keys]})
        elif setting.is_required:
            required.append(setting.name)
    checks: tuple[AnyKeyOf, ...] = getattr(kind, "checks", ())
    alternatives.extend({"anyOf": [{"required": [key]} for key in check.keys]} for check in checks)
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    if alternatives:
        schema["allOf"] = alternatives
    return schema


def _property(setting: Setting, key: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one key; a key without a value is the same as none."""
    if key == setting.name:
        value = _value(setting.type, definitions)
        description = setting.option.help
    else:
        value = {"type": "string"}
        description = f"{setting.option.help}: the path of a file that contains it"
    schema: dict[str, Any] = {"description": without_links(description), "anyOf": [*_alternatives(value), _NULL]}
    if has_shown_default(setting):
        schema["default"] = to_plain(setting.default)
    return schema


def _alternatives(schema: dict[str, Any]) -> list[Any]:
    return schema["anyOf"] if set(schema) == {"anyOf"} else [schema]


def _value(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    bare = bare_type(kind)
    if is_section(kind):
        return _reference(bare, definitions)
    if item_type(kind) is ChannelSettings:
        return {"type": "object", "additionalProperties": _channel(definitions)}
    if item_type(kind) is not None:
        item = _value(item_type(kind), definitions)
        array: dict[str, Any] = {"type": "array", "items": item}
        if notes_of(kind, NonEmpty):
            array["minItems"] = 1
        return {"anyOf": [*_alternatives(item), array]}
    if get_origin(bare) is Mapping:
        return {"type": "object", "additionalProperties": _value(get_args(bare)[1], definitions)}
    formats = notes_of(kind, ValueFormat)
    if formats:
        return {"anyOf": [dict(formats[0].schema), {"$ref": "#/$defs/variable"}]}
    return {"type": "string"}  # a path


def _reference(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind is FieldMap:
        return {"type": "string"}  # the path of its file
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}  # ends the recursion
        definitions[kind.__name__] = _section(kind, definitions)
    reference = {"$ref": f"#/$defs/{kind.__name__}"}
    return {"anyOf": [{"type": "string"}, reference]} if kind is Folder else reference


def _channel(definitions: dict[str, Any]) -> dict[str, Any]:
    names = channel_type_names()
    for name in names:
        section = _section(load_channel_type(name).settings, definitions, type=name)
        definitions[f"channel-{name}"] = section
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(names)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/channel-{name}"},
            }
            for name in names
        ],
    }
