"""Reader of rule folders: every rule and filter of the files below a path."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from watcher.model import Finding, Location, Rule, Severity
from watcher.model.correlation_rules import CorrelationRule, ResolvedCorrelations
from watcher.ports import Progress, no_progress
from watcher.printable import printable_text, truncate
from watcher.sigma.correlation_references import resolve_correlations
from watcher.sigma.duplicate_ids import distinct_correlations, distinct_rules
from watcher.sigma.filters import SigmaFilter, apply_filters
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import RuleFile, read_contents
from watcher.sigma.rule_test_files import SUFFIXES as RULE_TEST_SUFFIXES
from watcher.sigma.rule_texts import KEPT, MOST_MEGABYTES, file_content, with_short_text

_SUFFIXES = (".yml", ".yaml")
_SIZE = 2  # the place of the size in a fingerprint

Fingerprints = Mapping[str, tuple[int, ...]]
"""File path → times, size and inode, which differ once the file was written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFolder:
    """The rules and filters of one folder."""

    name: str
    path: Path
    rules: tuple[Rule, ...] = ()
    filters: tuple[SigmaFilter, ...] = ()
    correlations: tuple[CorrelationRule, ...] = ()
    base_rules: tuple[Rule, ...] = ()  # converted from aggregations
    findings: tuple[Finding, ...] = ()  # about files without a rule; a rule carries its own findings
    refused: tuple[Finding, ...] = ()  # about correlation rules and aggregations that cannot be interpreted
    files: Fingerprints = field(default_factory=dict)  # taken just before the files were read


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRules:
    """Every rule of several folders."""

    rules: tuple[Rule, ...] = ()
    correlations: ResolvedCorrelations = field(default_factory=ResolvedCorrelations)
    filters: tuple[SigmaFilter, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: Fingerprints = field(default_factory=dict)
    retained: frozenset[str] = frozenset()  # files of which rules run in their last valid version


def read_file(text: str, *, file: str, origin: RuleOrigin) -> tuple[tuple[Rule, ...], tuple[Finding, ...]]:
    """Read every rule of one file's text, and findings about the other documents."""
    contents = read_contents(text, file=file, origin=origin)
    return contents.rules, contents.findings


def read_folder(
    name: str,
    path: Path,
    *,
    placeholders: Mapping[str, tuple[str, ...]] | None = None,
    progress: Progress = no_progress,
) -> RuleFolder:
    """Read every rule file below a folder, or the one file that the path names.

    A file that cannot be read becomes a finding; the other files are read all the same. The progress is in bytes.
    """
    files, findings = _rule_files(path)
    prints = {file: _fingerprint(file) for file in files}
    total = sum(map(_size, prints.values()))
    prefix = _prefix(path.parent if path.is_file() else path)
    read = 0
    contents = []
    for file, fingerprint in prints.items():
        size = _size(fingerprint)
        relative = file.removeprefix(prefix).replace(os.sep, "/")
        contents.append(_read(file, size, RuleOrigin(folder=name, path=relative, placeholders=placeholders or {})))
        read += size
        progress(read, total)
    if not path.is_file():
        foreign = [file for file, content in zip(files, contents, strict=True) if content.is_foreign]
        contents = [content for content in contents if not content.is_foreign]
        findings = (*findings, *((_foreign(name, foreign),) if foreign else ()))
    if not files and not findings:
        findings = (_no_rules(name, path),)
    return RuleFolder(
        name=name,
        path=path,
        rules=tuple(rule for content in contents for rule in content.rules),
        filters=tuple(sigma_filter for content in contents for sigma_filter in content.filters),
        correlations=tuple(rule for content in contents for rule in content.correlations),
        base_rules=tuple(rule for content in contents for rule in content.base_rules),
        findings=(*findings, *(finding for content in contents for finding in content.findings)),
        refused=tuple(finding for content in contents for finding in content.refused),
        files=prints,
    )


def fingerprints(path: Path) -> Fingerprints:
    """Return the fingerprint of every rule file below a folder, without reading any."""
    return {file: _fingerprint(file) for file in _rule_files(path)[0]}


def _fingerprint(file: str) -> tuple[int, ...]:
    try:
        status = os.stat(file)  # noqa: PTH116 - creating a path object takes as long as the call
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _size(fingerprint: tuple[int, ...]) -> int:
    """Return the size of a file in bytes, 0 where its fingerprint could not be taken."""
    return fingerprint[_SIZE] if fingerprint else 0


def _rule_files(path: Path) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the rule files below a folder (or the file itself), sorted, and findings about unreadable folders."""
    if path.is_file():
        return (str(path),), ()
    faults: list[OSError] = []
    files: list[str] = []
    for folder, subfolders, names in os.walk(path, onerror=faults.append) if path.exists() else ():
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        prefix = _prefix(Path(folder))
        files.extend([prefix + name for name in names if _is_rule_file(name)])
    return (
        tuple(sorted(files, key=lambda file: file.split(os.sep))),  # noqa: PTH206 - as above
        tuple(_unreadable(str(fault.filename), fault, "a folder") for fault in faults),
    )


def _is_rule_file(name: str) -> bool:
    lowered = name.lower()
    return lowered.endswith(_SUFFIXES) and not lowered.endswith(RULE_TEST_SUFFIXES) and not name.startswith(".")


def _prefix(folder: Path) -> str:
    """Return what the paths of files in a folder start with; a path object for each file takes longer to create."""
    return str(folder / "_")[:-1]


def _read(file: str, size: int, origin: RuleOrigin) -> RuleFile:
    if size > MOST_MEGABYTES * 1_000_000:
        return RuleFile(findings=(_too_large(file, size),))
    try:
        file.encode()
    except UnicodeEncodeError:
        return RuleFile(findings=(_unprintable_name(file),))
    try:
        content = file_content(file)
        if len(content) > MOST_MEGABYTES * 1_000_000:
            return RuleFile(findings=(_too_large(file, len(content)),))
        text = content.decode("utf-8")
        contents = read_contents(text, file=file, origin=origin)
        return contents if len(text) <= KEPT else _with_short_texts(contents, text)
    except (OSError, UnicodeDecodeError) as fault:
        return RuleFile(findings=(_unreadable(file, fault, "the file"),))
    except Exception as fault:  # noqa: BLE001 - whatever a file does to the reader, the others are read
        return RuleFile(findings=(_unexpected(file, fault),))


def _with_short_texts(contents: RuleFile, text: str) -> RuleFile:
    return replace(
        contents,
        rules=tuple(with_short_text(rule, text) for rule in contents.rules),
        correlations=tuple(with_short_text(correlation, text) for correlation in contents.correlations),
        base_rules=tuple(with_short_text(rule, text) for rule in contents.base_rules),
    )


def _unprintable_name(file: str) -> Finding:
    shown = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _file_error(shown, "the file is not read: its name is not valid UTF-8", "rename the file")


def _unexpected(file: str, fault: Exception) -> Finding:
    return _file_error(
        file,
        f"the file cannot be read: {type(fault).__name__}: {truncate(printable_text(fault), 200)}",
        "the other files are read; report the file to the maintainers of watcher",
    )


def _unreadable(path: str, fault: Exception, what: str) -> Finding:
    if isinstance(fault, UnicodeDecodeError):
        reason, fix = f"byte {fault.start + 1} is not valid UTF-8", "save it as UTF-8"
    else:
        reason, fix = str(getattr(fault, "strerror", None) or fault), "allow watcher to read it"
    return _file_error(path, f"{what} cannot be read: {reason}", fix)


def _file_error(file: str, message: str, fix: str) -> Finding:
    return Finding(
        code="unreadable", severity=Severity.ERROR, location=Location(file=file, line=1), message=message, fix=fix
    )


def _too_large(file: str, size: int) -> Finding:
    return Finding(
        code="yaml-size",
        severity=Severity.ERROR,
        location=Location(file=file, line=1),
        message=f"the file has {size / 1_000_000:.0f} MB and is not read: a rule file has at most {MOST_MEGABYTES} MB",
        fix="divide it into files of a rule each, and long lists among several rules",
    )


def _foreign(name: str, files: Sequence[str]) -> Finding:
    return Finding(
        code="no-rule",
        severity=Severity.INFO,
        location=Location(file=files[0], line=1),
        message=f"{len(files)} files of the rules folder `{name}` are other YAML and hold no rule; this is the first",
        fix="keep them elsewhere",
    )


def _no_rules(name: str, path: Path) -> Finding:
    exists = path.exists()
    return Finding(
        code="empty-folder",
        severity=Severity.WARNING if exists else Severity.ERROR,
        location=Location(file=str(path), line=1),
        message=f"the rules folder `{name}` {'contains no rule' if exists else 'does not exist'}",
        fix="put `.yml` files there or change `rules.folders` in settings",
    )


def read_folders(folders: Iterable[RuleFolder]) -> LoadedRules:
    """Merge several folders and apply their filters; of rules that share an id, one is kept or none."""
    read = tuple(folders)
    unique, duplicates = distinct_rules(folder.rules for folder in read)
    filters = [sigma_filter for folder in read for sigma_filter in folder.filters]
    rules, filter_findings = apply_filters(unique, filters)
    return LoadedRules(
        rules=rules,
        correlations=_correlations(read, rules, filters),
        filters=tuple(filters),
        findings=(*(finding for folder in read for finding in folder.findings), *duplicates, *filter_findings),
        files={file: fingerprint for folder in read for file, fingerprint in folder.files.items()},
    )


def _correlations(
    folders: Sequence[RuleFolder], rules: Sequence[Rule], filters: Sequence[SigmaFilter]
) -> ResolvedCorrelations:
    """Resolve the correlation rules of folders; filters act on base rules of aggregations, too."""
    kept, duplicates = distinct_correlations([folder.correlations for folder in folders], rules)
    origins = {rule.id: rule.location for rule in kept if rule.converted}
    converted = [
        rule for folder in folders for rule in folder.base_rules if origins.get(rule.converted_from) == rule.location
    ]
    resolved = resolve_correlations(rules, apply_filters(converted, filters)[0], kept)
    refused = (finding for folder in folders for finding in folder.refused)
    return replace(resolved, findings=(*refused, *duplicates, *resolved.findings))
