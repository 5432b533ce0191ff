"""Values of scalars: PyYAML's resolver and constructor, without a loader."""

from __future__ import annotations

from functools import lru_cache

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from watcher.yaml_nodes.nodes import ScalarValue

CORE = "tag:yaml.org,2002:"
SCALAR_TAGS = ("str", "int", "float", "bool", "null", "timestamp")
_LONGEST_CACHED = 40  # characters: dates, numbers and words that rules repeat


class _Scalars(SafeConstructor, Resolver):
    """PyYAML's resolver and constructor of scalars."""

    def __init__(self) -> None:
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def resolve_tag(self, text: str, implicit: tuple[bool, bool]) -> str:
        tag: str = self.resolve(yaml.ScalarNode, text, implicit)  # type: ignore[no-untyped-call]  # PyYAML's stub
        return tag.removeprefix(CORE)

    def construct(self, tag: str, text: str) -> ScalarValue:
        value: ScalarValue = self.yaml_constructors[CORE + tag](self, yaml.ScalarNode(CORE + tag, text))
        return value


_SCALARS = _Scalars()
NOT_ALWAYS_STRINGS = frozenset(_SCALARS.yaml_implicit_resolvers)
"""First characters of numbers, dates, `on`; a scalar without quotes that starts with any other is a string."""


def tagged_value(tag: str, text: str) -> ScalarValue:
    """Return the value of a scalar with a tag; raises what its constructor raises if the text does not fit."""
    return _SCALARS.construct(tag, text)


def plain_value(text: str) -> ScalarValue:
    """Return the value of a scalar without quotes and without a tag."""
    return _cached_plain_value(text) if len(text) <= _LONGEST_CACHED else _plain_value(text)


def _plain_value(text: str) -> ScalarValue:
    tag = _SCALARS.resolve_tag(text, (True, False))
    if tag in SCALAR_TAGS and tag != "str":
        try:
            return _SCALARS.construct(tag, text)
        except (ValueError, KeyError, AttributeError, OverflowError):
            pass  # 2024-13-45 and 0b_ only look like a date and a number: strings
    return text


_cached_plain_value = lru_cache(maxsize=4096)(_plain_value)
