"""YAML nodes → settings types: cattrs structures them and collects every error with its path.

This module is imported when a settings file is read, because cattrs takes long to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from watcher.settings.annotations import (
    Checked,
    InvalidValueError,
    NonEmpty,
    PathFormat,
    Setting,
    ValueFormat,
    bare_type,
    notes_of,
    settings_of,
)
from watcher.settings.problems import Reading, find_entry
from watcher.settings.risks import readable_file, short_secrets
from watcher.settings.section_checks import check_section, expect_mapping, expected, given
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

Hook = Callable[[Any, Any], Any]


class Structure:
    """Creates settings types from YAML nodes."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.converter = Converter(detailed_validation=True)
        for is_kind, factory in (
            (lambda kind: is_dataclass(bare_type(kind)), self._section_hook),
            (lambda kind: get_origin(bare_type(kind)) is tuple, self._list_hook),
            (lambda kind: get_origin(bare_type(kind)) is Mapping, self._mapping_hook),
            (lambda kind: bool(notes_of(kind, ValueFormat)), self._scalar_hook),
            (lambda kind: bool(notes_of(kind, PathFormat)), self._path_hook),
        ):
            self.converter.register_structure_hook_factory(is_kind, factory)

    def register(self, kind: Any, structure: Callable[[YamlNode], Any]) -> None:
        """Use a function of its own for one type."""
        self.converter.register_structure_hook_func(
            lambda other: bare_type(other) == kind, lambda node, _: structure(node)
        )

    def section(self, node: YamlNode, kind: type, *, ignored: tuple[str, ...] = (), **given: Any) -> Any:
        """Return the settings type of one mapping; `given` are its fields that are no settings."""
        mapping = expect_mapping(node)
        settings = settings_of(kind)
        checks = tuple(check_section(mapping, kind, ignored, self.reading))
        problems: list[Exception] = [*checks]
        values = {
            setting.attribute: value for setting in settings if (value := self._value(mapping, setting)) is not None
        }
        self.reading.former.update({setting.attribute: setting.name for setting in settings if setting.option.key})
        try:
            instance = self._create(kind)(values | given, kind)
        except ClassValidationError as error:
            reported = {check.key for check in checks if check.code == "missing-key"}
            problems.extend(
                inner for inner in error.exceptions if not (isinstance(inner, KeyError) and inner.args[0] in reported)
            )
        if problems:
            raise ClassValidationError("invalid settings", problems, kind)
        own = instance.credential_risks() if hasattr(instance, "credential_risks") else ()
        for risk in (*own, *short_secrets(instance)):
            self.reading.note_risk(risk, mapping)
        return instance

    def _create(self, kind: type) -> Hook:
        plain = {field.name for field in fields(kind)} - {setting.attribute for setting in settings_of(kind)}
        overrides: Any = {name: override(struct_hook=lambda value, _: value) for name in plain}
        hook: Hook = make_dict_structure_fn(kind, self.converter, **overrides)
        return hook

    def _value(self, node: MapNode, setting: Setting) -> YamlNode | InvalidValueError | None:
        """Return the node of a setting, that of a secret also from its file; None where it is left out."""
        former = setting.option.formerly
        if former and given(node, former) and not given(node, setting.name):
            self._warn(node, setting)
            return given(node, former)
        if setting.is_secret and given(node, f"{setting.name}_file") and not given(node, setting.name):
            return self._secret(node, f"{setting.name}_file")
        value = given(node, setting.name)
        if setting.is_secret and isinstance(value, ScalarNode):
            self.reading.secrets.append(value)
        return value

    def _warn(self, node: MapNode, setting: Setting) -> None:
        former = setting.option.formerly
        entry = find_entry(node, former)
        location = entry.key_location if entry else node.location
        self.reading.former[setting.name] = former
        self.reading.warnings.append(f"{location}: `{former}` is now called `{setting.name}`; rename it")

    def _secret(self, node: MapNode, key: str) -> YamlNode | InvalidValueError:
        """Return the content of a secret's file as if it stood in the settings; the end of its last line is dropped."""
        value = given(node, key)
        if not isinstance(value, ScalarNode):
            return expected("a path", value or node, key=key)
        path = self.path(value)
        try:
            # with or without a byte order mark, which Windows' editors write
            secret = path.read_text(encoding="utf-8-sig").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            fix = "check the path and the permissions" if isinstance(error, OSError) else "save it as UTF-8"
            return InvalidValueError(f"the file `{path}` cannot be read: {reason}", fix, key=key)
        if not secret:
            return InvalidValueError(f"the file `{path}` is empty", "write the secret into it", key=key)
        for risk in readable_file(key, path):
            self.reading.note_risk(risk, node)
        return ScalarNode(value=secret, text=secret, quoted=True, location=value.location)

    def path(self, node: ScalarNode) -> Path:
        """Return a path, relative to the settings file; `~` is the home folder."""
        return self.reading.folder / Path(node.text).expanduser()

    # ----------------------------------------------------------------------- hooks of cattrs

    def _section_hook(self, kind: Any) -> Hook:
        section = bare_type(kind)
        has_line = any(field.name == "line" for field in fields(section))
        return lambda node, _: self.section(node, section, **({"line": node.location.line} if has_line else {}))

    def _list_hook(self, kind: Any) -> Hook:
        item_type = get_args(bare_type(kind))[0]
        checks = notes_of(kind, Checked)
        needs_items = bool(notes_of(kind, NonEmpty))

        def structure(node: YamlNode, _: Any) -> tuple[Any, ...]:
            nodes = node.items if isinstance(node, ListNode) else (node,)
            if needs_items and not nodes:
                raise InvalidValueError("the list is empty", "give at least one item")
            items, errors = self._items(tuple(enumerate(nodes)), item_type)
            for check in checks:
                try:
                    check.check(tuple(items.values()))
                except InvalidValueError as error:
                    errors.append(error)
            if errors:
                raise IterableValidationError("invalid list", errors, kind)
            return tuple(items.values())

        return structure

    def _mapping_hook(self, kind: Any) -> Hook:
        value_type = get_args(bare_type(kind))[1]

        def structure(node: YamlNode, _: Any) -> dict[Any, Any]:
            nodes = tuple((entry.key_text, entry.value) for entry in expect_mapping(node).entries)
            items, errors = self._items(nodes, value_type)
            if errors:
                raise IterableValidationError("invalid mapping", errors, kind)
            return items

        return structure

    def _items(self, nodes: tuple[tuple[Any, YamlNode], ...], kind: Any) -> tuple[dict[Any, Any], list[Exception]]:
        items: dict[Any, Any] = {}
        errors: list[Exception] = []
        for index, node in nodes:
            try:
                items[index] = self.converter.structure(node, kind)
            except Exception as error:  # noqa: BLE001 - every kind of error is collected, as cattrs does
                error.add_note(IterableValidationNote("item", index, kind))
                errors.append(error)
        return items, errors

    def _scalar_hook(self, kind: Any) -> Hook:
        value_format = notes_of(kind, ValueFormat)[0]

        def structure(node: YamlNode | InvalidValueError, _: Any) -> Any:
            if isinstance(node, InvalidValueError):
                raise node
            if not isinstance(node, ScalarNode):
                raise expected(value_format.expected, node, value_format.advice)
            try:
                return value_format.parse(node.text)
            except InvalidValueError:
                raise
            except ValueError:
                raise expected(value_format.expected, node, value_format.advice) from None

        return structure

    def _path_hook(self, kind: Any) -> Hook:
        path_kind = notes_of(kind, PathFormat)[0].kind

        def structure(node: YamlNode, _: Any) -> Path:
            if not isinstance(node, ScalarNode):
                raise expected("a path", node)
            path = self.path(node)
            if (path_kind == "file" and not path.is_file()) or (path_kind == "folder" and not path.is_dir()):
                raise InvalidValueError(
                    f"there is no {path_kind} `{path}`", "give a path relative to the settings file"
                )
            return path

        return structure
