"""Tabs where YAML wants spaces, read where they can only mean one thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from watcher.errors import InputError
from watcher.model import Finding, Location, Severity
from watcher.yaml_nodes.syntax_errors import explain, location_of

_WIDTHS = (2, 4, 8)
_MOST_REPAIRS = 200


def repair_tabs(
    text: str, *, file: str, fault: type[InputError], read: Callable[[str], Any]
) -> tuple[str, tuple[Finding, ...]]:
    """Replace the tabs that stop the parser by spaces, where every way to do it that can be read means the same.

    `read` turns a candidate into plain data, or raises what the parser raises.
    """
    outcomes = list(_outcomes(text, file, read))
    if not outcomes:
        first = _complaint(text)
        raise explain(first, text, file=file, fault=fault)
    (repaired, locations, meaning), *others = outcomes
    if any(other != meaning for _, _, other in others):
        raise fault(
            "a tab in the indentation can mean different things here",
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
    """Replace the runs of tabs that stop the scanner: in the indentation up to the tab stop, else space by tab."""
    locations: list[Location] = []
    for _ in range(_MOST_REPAIRS):
        mark = _stop(text)
        if mark is None:
            break
        start = mark.index
        run = re.compile(r"[\t ]+").match(text, start)
        end = run.end() if run else start + 1
        before = text[start - mark.column : start]
        spaces = (
            (before + text[start:end]).expandtabs(width)[len(before) :] if not before.strip() else " " * (end - start)
        )
        text = text[:start] + spaces + text[end:]
        locations.append(location_of(mark, file))
    return text, tuple(locations)


def _stop(text: str) -> Any:
    """Give the mark of the first tab that the scanner cannot pass, None where there is none."""
    reason = _complaint(text)
    if reason is not None and reason.problem_mark and text[reason.problem_mark.index :][:1] == "\t":
        return reason.problem_mark
    return None


def _complaint(text: str) -> Any:
    """Give the first complaint of the parser, None where it has none."""
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
        fix="replace it by spaces",
    )
