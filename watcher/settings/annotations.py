"""Annotations of settings types: what a value may be, and what people read about it.

A setting is one line of a frozen dataclass: its type, its `Option` with a help text, and its default. Reading,
the JSON schema, `docs/settings.md` and `deploy/watcher.yml` are derived from these lines. Modules that define
settings types do not postpone annotations, because `cattrs` reads them from the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from watcher.model import Location
from watcher.settings.secret import Secret


class InvalidValueError(ValueError):
    """A value that cannot be used."""

    separator = ": "  # between the path of the key and the message

    def __init__(
        self,
        message: str,
        fix: str = "",
        *,
        code: str = "wrong-value",
        key: str = "",
        location: Location | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = code
        self.key = key  # the key within the mapping, where the error does not concern the value that is read
        self.location = location  # None: that of the value


class InvalidKeyError(InvalidValueError):
    """A key that is missing, unknown or in conflict with another; the message continues its path."""

    separator = " "


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # types are hashed by identity: a schema is a dict
class ValueFormat:
    """How one scalar value is written."""

    expected: str  # a noun phrase, e.g. "a duration"
    parse: Callable[[str], Any]  # raises ValueError where the text has another format
    schema: Mapping[str, Any]  # the JSON schema of the value
    advice: str = ""  # how to write it


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFormat:
    """A path relative to the settings file; `kind` is what must exist there."""

    kind: str = ""  # "file", "folder", or empty: it need not exist


@dataclass(frozen=True, slots=True)
class NonEmpty:
    """A list with at least one item."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A list whose items are checked together; the check raises an InvalidValueError."""

    check: Callable[[tuple[Any, ...]], None]


@dataclass(frozen=True, slots=True)
class Option:
    """What people read about a setting, and how it depends on others of the same mapping."""

    help: str  # Markdown, for the documentation, the example file and editors
    example: str = field(default="", kw_only=True)  # the value in YAML where the default cannot be shown
    default: str = field(default="", kw_only=True)  # shown in place of the default
    needs: tuple[str, ...] = field(default=(), kw_only=True)  # keys that must be given too
    excludes: tuple[str, ...] = field(default=(), kw_only=True)  # keys that must not be given too
    formerly: str = field(default="", kw_only=True)  # the key of an older version, read with a warning
    key: str = field(default="", kw_only=True)  # where Python reserves the word


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyKeyOf:
    """A check of a mapping: at least one of some keys is given."""

    keys: tuple[str, ...]
    message: str  # follows the path of the mapping
    fix: str = ""
    code: str = "wrong-value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a settings type."""

    name: str  # its key
    attribute: str  # of the settings type
    type: Any  # without the option
    option: Option
    default: Any  # MISSING: required

    @property
    def is_required(self) -> bool:
        """Whether the key must be given."""
        return self.default is MISSING and not self.option.default

    @property
    def is_secret(self) -> bool:
        """Whether the value is a secret, which may also come from a file (`<key>_file`)."""
        return bare_type(self.type) is Secret

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys under which the setting may be given."""
        return (self.name, f"{self.name}_file") if self.is_secret else (self.name,)


@cache
def settings_of(settings_type: type) -> tuple[Setting, ...]:
    """Return the settings of a settings type in their order; fields without an `Option` are no settings."""
    return tuple(
        Setting(
            name=option.key or item.name,
            attribute=item.name,
            type=_without_option(item.type),
            option=option,
            default=_default(item),
        )
        for item in fields(settings_type)
        if (option := next(iter(notes_of(item.type, Option)), None)) is not None
    )


def notes_of(annotated: Any, kind: type[Any]) -> tuple[Any, ...]:
    """Return the annotations of one class on a type, also inside an optional type."""
    own = tuple(note for note in getattr(annotated, "__metadata__", ()) if isinstance(note, kind))
    return own or tuple(note for part in _optional_parts(annotated) for note in notes_of(part, kind))


def bare_type(annotated: Any) -> Any:
    """Return a type without its annotations and without None."""
    if get_origin(annotated) is Annotated:
        return bare_type(get_args(annotated)[0])
    parts = _optional_parts(annotated)
    return bare_type(parts[0]) if len(parts) == 1 else annotated


def _optional_parts(annotated: Any) -> tuple[Any, ...]:
    bare = get_args(annotated)[0] if get_origin(annotated) is Annotated else annotated
    parts = get_args(bare)
    return tuple(part for part in parts if part is not type(None)) if type(None) in parts else ()


def _without_option(annotated: Any) -> Any:
    notes = tuple(note for note in annotated.__metadata__ if not isinstance(note, Option))
    bare = get_args(annotated)[0]
    for note in notes:
        bare = Annotated[bare, note]
    return bare


def _default(item: Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def unique_names(fix: str) -> Callable[[tuple[Any, ...]], None]:
    """Return the check that the items of a list have different names."""

    def check(items: tuple[Any, ...]) -> None:
        names = [item.name for item in items]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            raise InvalidValueError(
                f"several entries have the name {', '.join(f'`{name}`' for name in duplicates)}", fix
            )

    return check
