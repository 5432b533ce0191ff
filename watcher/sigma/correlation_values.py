"""Numbers and time spans of correlation rules, exact and with advice for other spellings."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from watcher.errors import RuleError
from watcher.model import Location, Severity
from watcher.sigma.finding_collector import FindingCollector
from watcher.yaml_nodes.nodes import ScalarNode, YamlNode

_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_MOST_DIGITS = 60
_TIMESPAN = re.compile(r"([0-9]+)([smhdwMy])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}
_VAGUE = ("w", "M", "y")  # the specification names the other units
_LONGEST = timedelta(days=36_525)
_OTHER_SPELLING = re.compile(r"([0-9]+)\s*(s|m|h|d|w)[a-z]*", re.IGNORECASE)
_SUM = re.compile(r"(?:[0-9]+[smhd])+")
_EXAMPLE = "write a whole number and a unit, e.g. `5m` (units: s, m, h, d)"


def read_number(node: YamlNode, key: str) -> Decimal:
    """Return an exact decimal; raises RuleError for anything else, also for numbers that YAML reads as others."""
    text = node.text.strip() if isinstance(node, ScalarNode) else ""
    if not isinstance(node, ScalarNode) or isinstance(node.value, bool) or len(text) > _MOST_DIGITS:
        raise _invalid_number(node, key)
    if not _NUMBER.fullmatch(text):
        raise _invalid_number(node, key)
    return Decimal(text)


def read_whole_number(node: YamlNode, key: str, least: int, most: int) -> int:
    """Return a whole number between two others; raises RuleError for anything else."""
    text = node.text.strip() if isinstance(node, ScalarNode) else ""
    if not re.fullmatch("[0-9]{1,12}", text) or not least <= int(text) <= most:
        raise RuleError(
            f"`{key}` must be a whole number from {least:,} to {most:,}",
            location=node.location,
            fix=f"write digits, e.g. `{key}: 10`",
            code="correlation-condition",
        )
    return int(text)


def _invalid_number(node: YamlNode, key: str) -> RuleError:
    shown = f"`{node.text[:_MOST_DIGITS]}`" if isinstance(node, ScalarNode) else "a list or mapping"
    return RuleError(
        f"`{key}` of the correlation's condition must be a decimal number, not {shown}",
        location=node.location,
        fix="write digits, e.g. `10` or `0.5`",
        code="correlation-condition",
    )


def read_timespan(node: YamlNode, key: str, collector: FindingCollector) -> timedelta:
    """Return a time span; raises RuleError with advice for other spellings."""
    text = node.text if isinstance(node, ScalarNode) else ""
    match = _TIMESPAN.fullmatch(text)
    if match is None or len(match[1]) > _MOST_DIGITS:
        raise _invalid_timespan(text, key, node.location)
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not seconds:
        raise RuleError(
            f"`{key}: {text}` spans no time",
            location=node.location,
            fix="write at least `1s`",
            code="correlation-timespan",
        )
    if seconds > _LONGEST.total_seconds():
        raise RuleError(
            f"`{key}: {text}` is longer than {_LONGEST.days} days",
            location=node.location,
            fix="write a shorter one",
            code="correlation-timespan",
        )
    span = timedelta(seconds=seconds)
    if match[2] in _VAGUE:
        collector.report(
            "correlation-timespan",
            f"`{key}: {text}` has a unit that the specification does not name; it is read as `{timespan_text(span)}`",
            node.location,
            fix=f"write `{timespan_text(span)}`",
            severity=Severity.WARNING,
        )
    return span


def _invalid_timespan(text: str, key: str, location: Location) -> RuleError:
    shown = f"`{key}: {text[:_MOST_DIGITS]}`" if text else f"`{key}`"
    other = _OTHER_SPELLING.fullmatch(text.strip())
    fix = _EXAMPLE
    if text.strip().isdecimal():
        fix = f"write `{text.strip()}s` if these are seconds"
    elif other is not None:
        fix = f"write `{other[1]}{other[2].lower()}`"
    elif _SUM.fullmatch(text):
        seconds = sum(int(count) * _SECONDS[unit] for count, unit in re.findall(r"([0-9]+)([smhd])", text))
        fix = f"write `{timespan_text(timedelta(seconds=min(seconds, _LONGEST.total_seconds())))}`"
    return RuleError(f"{shown} is no time span", location=location, fix=fix, code="correlation-timespan")


def timespan_text(span: timedelta) -> str:
    """Return a time span as Sigma writes it, in the largest unit that divides it."""
    seconds = int(span.total_seconds())
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
