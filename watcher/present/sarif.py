"""Findings in the Static Analysis Results Interchange Format (SARIF 2.1.0), which code hosts show beside the lines."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from watcher.lint.allowances import JudgedFinding
from watcher.lint.finding_codes import CODES, TOPICS
from watcher.model import Finding, Location, Severity
from watcher.printable import printable_text

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT = "SRCROOT"


def sarif(judged: Sequence[JudgedFinding], *, version: str, root: Path) -> dict[str, Any]:
    """Make the log of one run; files below `root` are named relative to it, and allowed findings are suppressed."""
    names = sorted({one.finding.code for one in judged})
    driver = {"name": "watcher", "semanticVersion": version, "rules": [_rule(name) for name in names]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": f"{root.resolve().as_uri()}/"}},
        "results": [_result(one, names.index(one.finding.code), root.resolve()) for one in judged],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    code = CODES[name]
    made: dict[str, Any] = {
        "id": name,
        "shortDescription": {"text": code.about},
        "help": {"text": f"{code.about} docs/findings.md, “{TOPICS[code.topic]}”."},
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
        "properties": {"tags": [code.topic]},
    }
    return made


def _result(one: JudgedFinding, index: int, root: Path) -> dict[str, Any]:
    finding = one.finding
    made: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": _location(finding.location, root)}],
        "partialFingerprints": {"finding/v1": _fingerprint(one, root)},
    }
    if one.allowed:
        made["suppressions"] = [{"kind": "external", "justification": printable_text(one.allowed)}]
    return made


def _message(finding: Finding) -> str:
    return printable_text(f"{finding.message}; {finding.fix}" if finding.fix else finding.message)


def _location(location: Location, root: Path) -> dict[str, Any]:
    file = Path(location.file).resolve()
    artifact = (
        {"uri": quote(file.relative_to(root).as_posix()), "uriBaseId": _ROOT}
        if file.is_relative_to(root)
        else {"uri": file.as_uri()}
    )
    return {"artifactLocation": artifact, "region": {"startLine": location.line, "startColumn": location.column}}


def _fingerprint(one: JudgedFinding, root: Path) -> str:
    """Tell findings apart in a way that lines added above do not change."""
    file = Path(one.finding.location.file).resolve()
    where = one.rule.id if one.rule else file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    return sha256(f"{where}\n{one.finding.code}\n{one.finding.message}".encode("utf-8", "surrogateescape")).hexdigest()
