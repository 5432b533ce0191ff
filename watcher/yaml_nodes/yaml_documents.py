"""YAML texts to documents: the nodes of each, its source, and the tabs that were read as spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from watcher.errors import InputError, RuleError
from watcher.model import Finding
from watcher.yaml_nodes.node_builder import build_nodes
from watcher.yaml_nodes.nodes import YamlNode, to_python
from watcher.yaml_nodes.syntax_errors import explain_syntax_error, reject_unreadable_character
from watcher.yaml_nodes.tabs import repair_tabs


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document of a file, with its source."""

    value: YamlNode
    line: int  # where its source starts
    text: str  # its source, without the `---` before a later document
    findings: tuple[Finding, ...] = ()  # about tabs that were read as spaces


def read_documents(text: str, *, file: str, fault: type[InputError] = RuleError) -> tuple[YamlNode, ...]:
    """Read every document of a YAML text; an empty one is a ScalarNode of None."""
    return tuple(document.value for document in read_sources(text, file=file, fault=fault))


def read_sources(text: str, *, file: str, fault: type[InputError] = RuleError) -> tuple[YamlDocument, ...]:
    """Read every document of a YAML text together with its source and the tabs that were read as spaces.

    Raises the class `fault` with location and fix if the text is not valid YAML, too deep or too large.
    """
    if "\ufeff" in text:
        text = re.sub(r"^\ufeff+|^\ufeff+(?=---)", "", text, flags=re.MULTILINE)
    reject_unreadable_character(text, file=file, fault=fault)
    try:
        built = build_nodes(text, file=file, fault=fault)
    except yaml.MarkedYAMLError as reason:
        if "\t" not in text:
            raise explain_syntax_error(reason, text, file=file, fault=fault) from None
        repaired, findings = repair_tabs(
            text, file=file, fault=fault, read=lambda candidate: _to_python_all(candidate, file=file, fault=fault)
        )
        built = build_nodes(repaired, file=file, fault=fault)
    else:
        findings = ()
    if len(built) == 1 and not findings:  # nearly all files
        return (YamlDocument(value=built[0][0], line=1, text=text),)
    return tuple(_with_sources(built, text, findings))


def _to_python_all(text: str, *, file: str, fault: type[InputError]) -> tuple[Any, ...]:
    return tuple(to_python(value) for value, _ in build_nodes(text, file=file, fault=fault))


def _with_sources(
    built: tuple[tuple[YamlNode, int], ...], text: str, findings: tuple[Finding, ...]
) -> Iterator[YamlDocument]:
    # YAML 1.1 ends a line at these, `str.splitlines` at some more
    lines = re.findall(r"[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|.+$", text)
    openings = [line for _, line in built]
    starts = [0, *(line + _is_bare_marker(lines[line]) for line in openings[1:])][: len(built)]
    ends = [*openings[1:], len(lines)][: len(built)]
    for (value, _), start, end in zip(built, starts, ends, strict=True):
        own = tuple(finding for finding in findings if start < finding.location.line <= end)
        yield YamlDocument(value=value, line=start + 1, text="".join(lines[start:end]), findings=own)


def _is_bare_marker(line: str) -> bool:
    return line.removeprefix("---").split("#")[0].strip() == ""
