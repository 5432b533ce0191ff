"""Checks of one mapping: unknown keys, keys that need or exclude each other, and keys of which one must be given."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.near_names import near_names
from watcher.settings.annotations import AnyKeyOf, InvalidKeyError, InvalidValueError, Setting, settings_of
from watcher.settings.environment import is_unset
from watcher.settings.problems import Reading, find_entry
from watcher.yaml_nodes.nodes import MapNode, ScalarNode, YamlNode


def expected(description: str, node: YamlNode, advice: str = "", *, key: str = "") -> InvalidValueError:
    """Return the error of a value that has another type or format than expected."""
    return InvalidValueError(f"expected {description}, got {_describe_value(node)}", advice, code="wrong-type", key=key)


def expect_mapping(node: YamlNode) -> MapNode:
    """Return the node as a mapping; raise an InvalidValueError where it is something else."""
    if not isinstance(node, MapNode):
        if isinstance(node, ScalarNode) and node.value is not None:  # which may hold credentials
            raise InvalidValueError("expected a mapping, got a single value", code="wrong-type")
        raise expected("a mapping", node)
    return node


def given(node: MapNode, key: str) -> YamlNode | None:
    """Return the value of a key, the last one of duplicates; None where it is left out or has no value."""
    entry = find_entry(node, key)
    return None if entry is None or is_unset(entry.value) else entry.value


def check_section(node: MapNode, kind: type, ignored: tuple[str, ...], reading: Reading) -> Iterator[InvalidKeyError]:
    """Yield what is wrong with the keys of a mapping, whatever their values are; `ignored` keys are read elsewhere."""
    settings = settings_of(kind)
    yield from _unknown_keys(node, settings, ignored)
    for setting in settings:
        if _is_given(node, setting):
            yield from _missing_companions(node, setting, settings, reading)
            yield from _conflicts(node, setting, settings)
        elif setting.is_secret and setting.is_required:
            yield from _missing(node, setting.name, f"give it, or `{setting.name}_file`", reading)
    checks: tuple[AnyKeyOf, ...] = getattr(kind, "checks", ())
    for check in checks:
        if not any(given(node, key) or _is_unresolved(node, key, reading) for key in check.keys):
            yield InvalidKeyError(check.message, check.fix, code=check.code)


def _is_unresolved(node: MapNode, key: str, reading: Reading) -> bool:
    """Whether the value of a key is a variable that is missing, which is reported as such."""
    entry = find_entry(node, key)
    return entry is not None and entry.value.location in reading.unresolved


def _is_given(node: MapNode, setting: Setting) -> bool:
    return any(given(node, key) for key in setting.keys)


def _unknown_keys(node: MapNode, settings: tuple[Setting, ...], ignored: tuple[str, ...]) -> Iterator[InvalidKeyError]:
    names = (*ignored, *(key for setting in settings for key in setting.keys))
    former = {setting.option.formerly for setting in settings}
    for entry in node.entries:
        key = entry.key_text
        if key not in names and key not in former:
            close = near_names(key, names)
            advice = f"did you mean `{close[0]}`? " if close else ""
            allowed = ", ".join(f"`{name}`" for name in names)
            yield InvalidKeyError(
                "is not a setting",
                f"{advice}allowed here: {allowed}",
                code="unknown-key",
                key=key,
                location=entry.key_location,
            )


def _missing_companions(
    node: MapNode, setting: Setting, settings: tuple[Setting, ...], reading: Reading
) -> Iterator[InvalidKeyError]:
    for name in setting.option.needs:
        companion = next(other for other in settings if other.name == name)
        if not _is_given(node, companion):
            yield from _missing(node, name, f"`{setting.name}` needs it", reading)


def _missing(node: MapNode, key: str, fix: str, reading: Reading) -> Iterator[InvalidKeyError]:
    entry = find_entry(node, key) or find_entry(node, f"{key}_file")
    location = entry.value.location if entry else node.location
    if location not in reading.unresolved:  # else the missing variable is reported
        yield InvalidKeyError("is missing", fix, code="missing-key", key=key, location=location)


def _conflicts(node: MapNode, setting: Setting, settings: tuple[Setting, ...]) -> Iterator[InvalidKeyError]:
    own, *others = (key for key in reversed(setting.keys) if given(node, key))
    former = setting.option.formerly
    excluded = (
        *others,
        *((former,) if former and given(node, former) else ()),
        *(
            key
            for name in setting.option.excludes
            for other in settings
            if other.name == name
            for key in other.keys
            if given(node, key)
        ),
    )
    for key in excluded:
        yield InvalidKeyError(f"cannot be combined with `{key}`", "keep one of them", key=own)


def _describe_value(node: YamlNode) -> str:
    if isinstance(node, ScalarNode):
        return f"`{node.text}`" if node.text else "nothing"
    return "a mapping" if isinstance(node, MapNode) else "a list"
