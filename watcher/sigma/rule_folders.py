"""A directory → Rules, and the faults of the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watcher.model import Finding, Location, Rule, Severity
from watcher.sigma.filters import SigmaFilter, apply_filters
from watcher.sigma.rule_file import RuleFile, read_contents
from watcher.sigma.rule_reader import RuleOrigin
from watcher.sigma.test_files import is_case_file

_SUFFIXES = (".yml", ".yaml")

Fingerprints = Mapping[str, tuple[int, ...]]
"""Files by their paths, and what differs where one was written anew: times, size, inode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFolder:
    """What a folder of rules holds."""

    name: str
    path: Path
    rules: tuple[Rule, ...] = ()
    filters: tuple[SigmaFilter, ...] = ()
    findings: tuple[Finding, ...] = ()  # of files that gave no rule; a rule's own findings are with the rule
    files: Fingerprints = field(default_factory=dict)  # as they were just before they were read


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRules:
    """Every rule of several folders."""

    rules: tuple[Rule, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: Fingerprints = field(default_factory=dict)


def read_file(text: str, *, file: str, origin: RuleOrigin) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    """Read every rule of one file's text, and the faults of the documents that are none."""
    found = read_contents(text, file=file, origin=origin)
    return found.rules, found.findings


def read_folder(name: str, path: Path, *, placeholders: Mapping[str, tuple[str, ...]] | None = None) -> RuleFolder:
    """Read every rule file below a folder, or the one file that the path names.

    A file that cannot be read becomes a finding and never stops the rest.
    """
    files, findings = _rule_files(path)
    marked = {str(file): _mark(file) for file in files}
    read = [_read(file, _origin(name, path, file, placeholders or {})) for file in files]
    if not files and not findings:
        findings = (_no_rules(name, path),)
    return RuleFolder(
        name=name,
        path=path,
        rules=tuple(rule for one in read for rule in one.rules),
        filters=tuple(found for one in read for found in one.filters),
        findings=(*findings, *(finding for one in read for finding in one.findings)),
        files=marked,
    )


def fingerprints(path: Path) -> Fingerprints:
    """Mark every rule file below a folder, without reading any."""
    return {str(file): _mark(file) for file in _rule_files(path)[0]}


def _mark(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _rule_files(path: Path) -> tuple[tuple[Path, ...], tuple[Finding, ...]]:
    """Give the rule files of a folder (or the one file), sorted, and the folders that cannot be looked into."""
    if path.is_file():
        return (path,), ()
    faults: list[OSError] = []
    files: list[Path] = []
    for folder, names, found in os.walk(path, onerror=faults.append) if path.exists() else ():
        names[:] = [name for name in names if not name.startswith(".")]
        files.extend(
            Path(folder, name)
            for name in found
            if name.lower().endswith(_SUFFIXES) and not name.startswith(".") and not is_case_file(Path(name))
        )
    return tuple(sorted(files)), tuple(_unreadable(Path(fault.filename), fault, "a folder") for fault in faults)


def _origin(name: str, path: Path, file: Path, placeholders: Mapping[str, tuple[str, ...]]) -> RuleOrigin:
    relative = file.name if file == path else file.relative_to(path).as_posix()
    return RuleOrigin(folder=name, path=relative, placeholders=placeholders)


def _read(file: Path, origin: RuleOrigin) -> RuleFile:
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        return RuleFile(findings=(_unreadable(file, fault, "the file"),))
    return read_contents(text, file=str(file), origin=origin)


def _unreadable(path: Path, fault: Exception, what: str) -> Finding:
    if isinstance(fault, UnicodeDecodeError):
        reason, fix = f"byte {fault.start + 1} is no UTF-8", "save it as UTF-8"
    else:
        reason, fix = str(getattr(fault, "strerror", None) or fault), "let watcher read it"
    return Finding(
        code="unreadable",
        severity=Severity.ERROR,
        location=Location(file=str(path), line=1),
        message=f"{what} cannot be read: {reason}",
        fix=fix,
    )


def _no_rules(name: str, path: Path) -> Finding:
    there = path.exists()
    return Finding(
        code="empty-folder",
        severity=Severity.WARNING if there else Severity.ERROR,
        location=Location(file=str(path), line=1),
        message=f"the rules folder `{name}` {'holds no rule' if there else 'does not exist'}",
        fix="put `.yml` files there or change `rules.folders` in settings",
    )


def read_folders(folders: Iterable[RuleFolder]) -> LoadedRules:
    """Bring several folders together and apply their filters; of two rules with one id neither is used."""
    everything = tuple(folders)
    by_id: dict[str, list[Rule]] = {}
    for folder in everything:
        for rule in folder.rules:
            by_id.setdefault(rule.id, []).append(rule)
    kept = [same[0] for same in by_id.values() if len(same) == 1]
    rules, said = apply_filters(kept, [one for folder in everything for one in folder.filters])
    found = (finding for folder in everything for finding in folder.findings)
    return LoadedRules(
        rules=rules,
        findings=(*found, *(_twice(same) for same in by_id.values() if len(same) > 1), *said),
        files={file: mark for folder in everything for file, mark in folder.files.items()},
    )


def _twice(same: list[Rule]) -> Finding:
    locations = " and ".join(f"`{rule.location.file}`" for rule in same)
    return Finding(
        code="duplicate-id",
        severity=Severity.ERROR,
        location=same[1].location,
        message=f"the id `{same[0].id}` is used by {locations}; none of them is run",
        fix="give each rule an id of its own",
    )
