"""The modern form of correlations, as one line of YAML that can be pasted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from watcher.model.correlation_rules import CorrelationSection
from watcher.model.correlations import EXTENSION_TYPES, AllOf, AnyOf, CorrelationType, NoneOf, RuleCondition, RuleName
from watcher.sigma.correlation_values import timespan_text

_PLAIN = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SPAN = re.compile("[0-9]+[smhd]")
_RESERVED = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
_WORDS = ("and", "or", "not")


def section_form(section: CorrelationSection) -> str:
    """Return `correlation: {…}` of a section; `watcher: {…}` where its type is not one of Sigma."""
    key = "watcher" if section.type in EXTENSION_TYPES else "correlation"
    return f"{key}: {flow_form(_section(section))}"


def flow_form(value: object) -> str:
    """Return a value as YAML in flow style."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow_form(key)}: {flow_form(item)}' for key, item in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(flow_form, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _RESERVED
    exact = _UUID.fullmatch(text) and not text[:8].isdecimal()
    return text if plain or exact or _SPAN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def expression_form(condition: RuleCondition) -> str:
    """Return a boolean condition as Sigma writes it."""
    match condition:
        case RuleName(rule_id=name):
            quote = "'" if '"' in name else '"'
            return name if _PLAIN.fullmatch(name) and name.lower() not in _WORDS else f"{quote}{name}{quote}"
        case NoneOf(part=part):
            return f"not {_operand(part)}"
        case AllOf(parts=parts):
            return " and ".join(map(_operand, parts))
        case AnyOf(parts=parts):
            return " or ".join(map(_operand, parts))


def _operand(condition: RuleCondition) -> str:
    text = expression_form(condition)
    return f"({text})" if isinstance(condition, AllOf | AnyOf) else text


def _section(section: CorrelationSection) -> Mapping[str, Any]:
    form: dict[str, Any] = {"type": section.type, "rules": [reference.text for reference in section.rules]}
    if section.group_by:
        form["group-by"] = section.group_by
    form["timespan"] = timespan_text(section.timespan)
    form |= _extension(section)
    if section.boolean is not None:
        form["condition"] = expression_form(section.boolean)
    elif section.comparisons:
        form["condition"] = _condition(section)
    if section.aliases:
        form["aliases"] = section.aliases
    if section.generate:
        form["generate"] = True
    return form


def _extension(section: CorrelationSection) -> Mapping[str, Any]:
    """Return the keys that only types of watcher have."""
    if section.type is CorrelationType.NEW_VALUE:
        return {"field": section.fields[0] if len(section.fields) == 1 else section.fields}
    if section.type is CorrelationType.SPIKE:
        return {"windows": Decimal(section.windows), "minimum": Decimal(section.minimum)}
    return {"groups": [group[0] if len(group) == 1 else group for group in section.groups]} if section.groups else {}


def _condition(section: CorrelationSection) -> Mapping[str, Any]:
    condition: dict[str, Any] = {str(item.operator): item.value for item in section.comparisons}
    if section.fields:
        condition["field"] = section.fields[0] if len(section.fields) == 1 else section.fields
    if section.percentile is not None:
        condition["percentile"] = section.percentile
    return condition
