"""The parts of settings whose form differs from their type: channels by type, folders by path, files of field maps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cattrs import BaseValidationError, IterableValidationError
from cattrs.errors import AttributeValidationNote
from msgspec import structs

from watcher.errors import SettingsError
from watcher.settings.annotations import InvalidValueError
from watcher.settings.channel_types import ChannelSettings, channel_type_names, load_channel_type
from watcher.settings.formats import is_name
from watcher.settings.problems import FaultySettingsError, Reading, report, report_duplicates
from watcher.settings.rule_selection import Folder, Selector
from watcher.settings.section_checks import expect_mapping, expected, given
from watcher.settings.settings_types import Settings
from watcher.settings.source_settings import FieldMap, Source
from watcher.settings.structure import Structure
from watcher.shipped import SHIPPED, SHIPPED_FOLDER, shipped
from watcher.yaml_nodes.nodes import MapNode, MappingEntry, ScalarNode, YamlNode
from watcher.yaml_nodes.yaml_documents import read_documents


def structure_settings(root: YamlNode, reading: Reading) -> Settings | None:
    """Return the settings of a document, None where there are errors: `reading` then holds them."""
    structure = create_structure(reading)
    try:
        settings: Settings = structure.section(root, Settings)
    except (BaseValidationError, InvalidValueError) as error:
        reading.errors.extend(report(error, root, "", reading))
        return None
    return settings


def create_structure(reading: Reading) -> Structure:
    """Return the structure of all settings."""
    structure = Structure(reading)
    structure.register(Folder, lambda node: _folder(node, structure))
    structure.register(FieldMap, lambda node: _field_map(node, structure))
    structure.register(Selector, lambda node: _selector(node, structure))
    structure.register(Source, lambda node: _source(node, structure))
    structure.register(tuple[ChannelSettings, ...], lambda node: _channels(node, structure))
    return structure


def _folder(node: YamlNode, structure: Structure) -> Folder:
    """Return a folder of rules; one given as a path is named after the last part of the path."""
    mapping = MapNode(entries=(_entry("path", node),), location=node.location) if isinstance(node, ScalarNode) else node
    if not isinstance(mapping, MapNode):
        raise expected("a path or a mapping", node)
    mapping = _with_shipped_path(mapping, structure)
    path = given(mapping, "path")
    if given(mapping, "name") is None and isinstance(path, ScalarNode):
        name = structure.path(path).resolve().name
        if not is_name(name):
            message = f"the last part of the path `{path.text}` is not a valid name"
            raise InvalidValueError(message, "write `{name: own, path: …}`")
        entry = _entry("name", ScalarNode(value=name, text=name, quoted=True, location=path.location))
        mapping = structs.replace(mapping, entries=(*mapping.entries, entry))
    elif given(mapping, "name") is None:
        stand_in = ScalarNode(value="unnamed", text="unnamed", quoted=True, location=node.location)
        mapping = structs.replace(mapping, entries=(*mapping.entries, _entry("name", stand_in)))  # the path is reported
    folder: Folder = structure.section(mapping, Folder)
    structure.reading.folder_names.append(folder.name)
    return folder


def _with_shipped_path(mapping: MapNode, structure: Structure) -> MapNode:
    """Return the mapping of a folder with the path of the shipped rules where it says `shipped`.

    Their folder has the name of the default, because ids of rules without an `id` depend on it.
    """
    path = given(mapping, "path")
    if not isinstance(path, ScalarNode) or path.text != SHIPPED:
        return mapping
    if structure.path(path).exists():
        message = f"`{SHIPPED}` means the rules that come with watcher, but `{structure.path(path)}` exists too"
        raise InvalidValueError(message, f"write `./{SHIPPED}` for this folder, or rename it")
    text = str(shipped("rules"))
    entries = [entry for entry in mapping.entries if entry.value is not path]
    entries.append(_entry("path", structs.replace(path, value=text, text=text)))
    if given(mapping, "name") is None:
        entries.append(_entry("name", structs.replace(path, value=SHIPPED_FOLDER, text=SHIPPED_FOLDER)))
    return structs.replace(mapping, entries=tuple(entries))


def _selector(node: YamlNode, structure: Structure) -> Selector:
    """Return a selector; the folders and channels that it names are checked when all of them are read."""
    structure.reading.selectors.append(expect_mapping(node))
    selector: Selector = structure.section(node, Selector, line=node.location.line)
    return selector


def _source(node: YamlNode, structure: Structure) -> Source:
    """Return a source with the fields and log sources of its field maps; its own come first."""
    source: Source = structure.section(node, Source)
    fields: dict[str, tuple[str, ...]] = {}
    for mapping in (source.fields, *(field_map.fields for field_map in source.field_maps)):
        for name, paths in mapping.items():
            fields[name] = tuple(dict.fromkeys((*fields.get(name, ()), *paths)))
    shared = (logsource for field_map in source.field_maps for logsource in field_map.logsources)
    return replace(source, fields=fields, logsources=tuple(dict.fromkeys((*source.logsources, *shared))))


def _field_map(node: YamlNode, structure: Structure) -> FieldMap:
    """Return the content of a file with fields and log sources; its errors carry its own name and lines."""
    if not isinstance(node, ScalarNode):
        raise expected("a path", node)
    path = structure.path(node)
    try:
        documents = read_documents(path.read_text(encoding="utf-8-sig"), file=str(path), fault=SettingsError)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"the file `{path}` cannot be read: {reason}"
        raise InvalidValueError(message, "give a path relative to the settings file") from None
    except SettingsError as error:
        raise FaultySettingsError((error,)) from None
    if len(documents) != 1:
        raise InvalidValueError(f"the file `{path}` must contain one document", "write `fields` and `logsources` in it")
    report_duplicates(documents[0], "", structure.reading)
    try:
        field_map: FieldMap = structure.section(documents[0], FieldMap, path=path)
    except (BaseValidationError, InvalidValueError) as error:
        raise FaultySettingsError(tuple(report(error, documents[0], "", structure.reading))) from None
    return field_map


def _channels(node: YamlNode, structure: Structure) -> tuple[ChannelSettings, ...]:
    channels: list[ChannelSettings] = []
    errors: list[Exception] = []
    for entry in expect_mapping(node).entries:
        if not is_name(entry.key_text):
            errors.append(
                InvalidValueError(
                    f"`{entry.key_text}` is not a valid name for a channel",
                    "use letters, digits, `_` and `-`, at most 64 characters",
                    location=entry.key_location,
                )
            )
        try:
            channels.append(_channel(entry, structure))
        except (BaseValidationError, InvalidValueError) as error:
            error.add_note(AttributeValidationNote("channel", entry.key_text, ChannelSettings))
            errors.append(error)
    if errors:
        raise IterableValidationError("invalid channels", errors, ChannelSettings)
    return tuple(channels)


def _channel(entry: MappingEntry, structure: Structure) -> ChannelSettings:
    node = expect_mapping(entry.value)
    kind = given(node, "type")
    names = channel_type_names()
    if kind is None:  # which keys are allowed depends on the type
        raise IterableValidationError("invalid channel", [KeyError("type")], ChannelSettings)
    if not isinstance(kind, ScalarNode) or kind.text not in names:
        error = expected(f"one of {', '.join(f'`{name}`' for name in names)}", kind, key="type")
        raise IterableValidationError("invalid channel", [error], ChannelSettings)
    settings_type: Any = load_channel_type(kind.text).settings
    channel: ChannelSettings = structure.section(node, settings_type, ignored=("type",), name=entry.key_text)
    return channel


def _entry(key: str, value: YamlNode) -> MappingEntry:
    return MappingEntry(key=key, key_text=key, key_location=value.location, value=value)
