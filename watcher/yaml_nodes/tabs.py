"""Repair of tabs where YAML requires spaces, if the meaning is unambiguous."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from watcher.errors import InputError
from watcher.model import Finding, Location, Severity
from watcher.yaml_nodes.syntax_errors import explain_syntax_error, location_of

_WIDTHS = (2, 4, 8)
_MAX_REPAIRS = 200


def repair_tabs(
    text: str, *, file: str, fault: type[InputError], read: Callable[[str], Any]
) -> tuple[str, tuple[Finding, ...]]:
    """Replace tabs that stop the parser with spaces, if all readable replacements mean the same.

    `read` converts a candidate to Python values, or raises the parser's error.
    """
    outcomes = list(_outcomes(text, file, read))
    if not outcomes:
        error = _first_error(text)
        raise explain_syntax_error(error, text, file=file, fault=fault)
    (repaired, locations, meaning), *others = outcomes
    if any(other != meaning for _, _, other in others):
        raise fault(
            "a tab in the indentation is ambiguous here",
            location=locations[0],
            fix="indent with spaces",
            code="yaml-tab",
        )
    return repaired, tuple(_warning(location) for location in locations)


def _outcomes(text: str, file: str, read: Callable[[str], Any]) -> Iterator[tuple[str, tuple[Location, ...], Any]]:
    for width in _WIDTHS:
        repaired, locations = _expanded(text, width, file)
        if not locations:
            continue
        try:
            yield repaired, locations, read(repaired)
        except (yaml.MarkedYAMLError, InputError):
            continue


def _expanded(text: str, width: int, file: str) -> tuple[str, tuple[Location, ...]]:
    """Replace the tabs that stop the scanner: up to the tab stop in the indentation, else one space each."""
    locations: list[Location] = []
    for _ in range(_MAX_REPAIRS):
        mark = _stop(text)
        if mark is None:
            break
        start = mark.index
        run = re.compile(r"[\t ]+").match(text, start)
        end = run.end() if run else start + 1
        preceding = text[start - mark.column : start]
        spaces = (
            (preceding + text[start:end]).expandtabs(width)[len(preceding) :]
            if not preceding.strip()
            else " " * (end - start)
        )
        text = text[:start] + spaces + text[end:]
        locations.append(location_of(mark, file))
    return text, tuple(locations)


def _stop(text: str) -> Any:
    """Return the mark of the first tab that stops the scanner, None if no tab does."""
    reason = _first_error(text)
    if reason is not None and reason.problem_mark and text[reason.problem_mark.index :][:1] == "\t":
        return reason.problem_mark
    return None


def _first_error(text: str) -> Any:
    """Return the parser's first error, None if it has none."""
    try:
        for _ in yaml.parse(text, yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as reason:
        return reason
    return None


def _warning(location: Location) -> Finding:
    return Finding(
        code="yaml-tab",
        severity=Severity.WARNING,
        location=location,
        message="a tab was read as spaces",
        fix="replace it with spaces",
    )
