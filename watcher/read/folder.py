"""A directory → Rules, and the faults of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.errors import RuleError
from watcher.model import Finding, Place, Rule, Severity
from watcher.read.document import MapNode, Value, read_sources
from watcher.read.rule import Origin, read_rule

_SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFolder:
    """What a folder of rules holds."""

    name: str
    path: Path
    rules: tuple[Rule, ...] = ()
    findings: tuple[Finding, ...] = ()  # of files that gave no rule; a rule's own findings are with the rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Every rule of several folders."""

    rules: tuple[Rule, ...] = ()
    findings: tuple[Finding, ...] = ()


def rule_files(path: Path) -> tuple[Path, ...]:
    """Give the rule files of a folder (or the one file), sorted."""
    if path.is_file():
        return (path,)
    found = (file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    return tuple(
        sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))
    )


def read_folder(name: str, path: Path, *, placeholders: Mapping[str, tuple[str, ...]] | None = None) -> RuleFolder:
    """Read every rule file below a folder, or the one file that the path names.

    A file that cannot be read becomes a finding and never stops the rest.
    """
    rules: list[Rule] = []
    findings: list[Finding] = []
    try:
        files = rule_files(path)
    except OSError as fault:
        return RuleFolder(name=name, path=path, findings=(_unreadable(path, fault),))
    for file in files:
        relative = file.name if file == path else file.relative_to(path).as_posix()
        try:
            text = file.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            findings.append(_unreadable(file, fault))
            continue
        made, said = read_file(
            text, file=str(file), origin=Origin(folder=name, path=relative, placeholders=placeholders or {})
        )
        rules.extend(made)
        findings.extend(said)
    if not files:
        place = Place(file=str(path), line=1)
        message = (
            f"the rules folder `{name}` holds no rule" if path.exists() else f"the rules folder `{name}` does not exist"
        )
        findings.append(
            Finding(
                code="empty-folder",
                severity=Severity.WARNING if path.exists() else Severity.ERROR,
                place=place,
                message=message,
                fix="put `.yml` files there or change `rules.folders` in settings",
            )
        )
    return RuleFolder(name=name, path=path, rules=tuple(rules), findings=tuple(findings))


def _unreadable(file: Path, fault: Exception) -> Finding:
    return Finding(
        code="unreadable",
        severity=Severity.ERROR,
        place=Place(file=str(file), line=1),
        message=f"the file cannot be read: {fault}",
        fix="rule files are UTF-8 text",
    )


def read_file(text: str, *, file: str, origin: Origin) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    """Read every rule of one file's text, and the faults of the documents that are none."""
    rules: list[Rule] = []
    findings: list[Finding] = []
    try:
        documents = read_sources(text, file=file)
    except RuleError as fault:
        return (), (_fault(fault, file),)
    for number, document in enumerate(documents):
        try:
            note = _other_kind(document.value)
            if note is not None:
                findings.append(note)
                continue
            rule = read_rule(document.value, replace(origin, number=number, text=document.text))
            rules.append(replace(rule, findings=(*document.findings, *rule.findings)))
        except RuleError as fault:
            findings.extend((*document.findings, _fault(fault, file)))
    return tuple(rules), tuple(findings)


def _fault(fault: RuleError, file: str) -> Finding:
    return Finding(
        code=fault.code,
        severity=Severity.ERROR,
        place=fault.place or Place(file=file, line=1),
        message=fault.message,
        fix=fault.fix or "the rule is not run; the others are",
    )


def _other_kind(document: Value) -> Finding | None:
    """Say what a document is that is no rule for single events."""
    if not isinstance(document, MapNode):
        return None
    if isinstance(document.get("correlation"), MapNode):
        return Finding(
            code="correlation",
            severity=Severity.WARNING,
            place=document.place,
            message="a correlation counts events over time, which watcher does not run",
            fix="the rules that it names are run on their own",
        )
    if document.get("detection") is None and str(_action(document)).lower() in ("global", "reset", "repeat"):
        return Finding(
            code="action",
            severity=Severity.ERROR,
            place=document.place,
            message="`action` is Sigma's old way of parting a file, which is no longer read",
            fix="write each rule whole",
        )
    return None


def _action(document: MapNode) -> object:
    value = document.get("action")
    return getattr(value, "value", None)


def read_folders(folders: Iterable[RuleFolder]) -> Rules:
    """Bring several folders together; of two rules with one id neither is used."""
    everything = tuple(folders)
    findings = [finding for folder in everything for finding in folder.findings]
    by_id: dict[str, list[Rule]] = {}
    for folder in everything:
        for rule in folder.rules:
            by_id.setdefault(rule.id, []).append(rule)
    kept: list[Rule] = []
    for same in by_id.values():
        if len(same) == 1:
            kept.append(same[0])
            continue
        places = " and ".join(f"`{rule.place.file}`" for rule in same)
        findings.append(
            Finding(
                code="duplicate-id",
                severity=Severity.ERROR,
                place=same[1].place,
                message=f"the id `{same[0].id}` is used by {places}; none of them is run",
                fix="give each rule an id of its own",
            )
        )
    return Rules(rules=tuple(kept), findings=tuple(findings))
