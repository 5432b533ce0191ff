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
    """Return the log of one run; files below `root` are named relative to it, and allowed findings are suppressed."""
    names = sorted({item.finding.code for item in judged})
    driver = {"name": "watcher", "semanticVersion": version, "rules": [_rule(name) for name in names]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": f"{root.resolve().as_uri()}/"}},
        "results": [_result(item, names.index(item.finding.code), root.resolve()) for item in judged],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    code = CODES[name]
    return {
        "id": name,
        "shortDescription": {"text": code.description},
        "help": {"text": f"{code.description} docs/findings.md, “{TOPICS[code.topic]}”."},
        "defaultConfiguration": {"level": _LEVELS[code.severity]},
        "properties": {"tags": [code.topic]},
    }


def _result(judged: JudgedFinding, index: int, root: Path) -> dict[str, Any]:
    finding = judged.finding
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": _location(finding.location, root)}],
        "partialFingerprints": {"finding/v1": _fingerprint(judged, root)},
    }
    if judged.allowed:
        result["suppressions"] = [{"kind": "external", "justification": printable_text(judged.allowed)}]
    return result


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


def _fingerprint(judged: JudgedFinding, root: Path) -> str:
    """Return a digest that lines added above the finding do not change."""
    finding = judged.finding
    text = f"{_place(judged, root)}\n{finding.code}\n{finding.message}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _place(judged: JudgedFinding, root: Path) -> str:
    """Return the id of the rule, or the path of a file without one."""
    if judged.rule is not None:
        return judged.rule.id
    file = Path(judged.finding.location.file).resolve()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
