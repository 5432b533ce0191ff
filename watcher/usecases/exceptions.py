"""Exceptions: Sigma filters that exclude from a rule what somebody knows, tried before they are written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from watcher.errors import InputError, RuleError
from watcher.lint.filter_lints import lint_filter
from watcher.model import Finding, Rule, Severity
from watcher.ruletests.results import RuleTestResult, in_memory
from watcher.ruletests.suites import RuleTestSuite, suites_of_rules
from watcher.settings import Folder, Settings
from watcher.shipped import shipped
from watcher.sigma.exception_text import ExceptionDetails, ExceptionItem, exception_text
from watcher.sigma.filters import SigmaFilter, apply_filters, read_filter
from watcher.sigma.rule_folders import LoadedRules
from watcher.sigma.rule_test_files import RuleTest
from watcher.usecases.loading import load_rules, rule_folders
from watcher.usecases.named_rules import find_rule
from watcher.yaml_nodes.yaml_documents import read_sources

_SUBFOLDER = "exceptions"
_LONGEST_NAME = 60
_MOST_FILES = 1_000  # exceptions with one name
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionPlan:
    """An exception that is not written yet."""

    rule: Rule  # as it runs today
    narrowed: Rule  # as it would run
    text: str
    file: Path
    sigma_filter: SigmaFilter
    findings: tuple[Finding, ...]  # about the filter
    tests: int  # of the rule
    lost_tests: tuple[RuleTestResult, ...]  # that expect a hit, pass today and would fail


def plan_exception(
    name: str, items: Sequence[ExceptionItem], details: ExceptionDetails, settings: Settings
) -> ExceptionPlan:
    """Return the exception of a rule, tried on the tests of the rule; nothing is written.

    Raises InputError where no rule or several rules have the name, where the conditions are none of Sigma, or where
    no folder of settings may hold the filter.
    """
    loaded = load_rules(settings)
    rule = _find_rule(name, loaded, settings)
    text = exception_text(rule, items, details)
    file = _free_file(_folder_for(rule, settings), rule)
    sigma_filter = _read(text, file, settings)
    (narrowed,), findings = apply_filters((rule,), (sigma_filter,))
    faults = [finding for finding in narrowed.findings if finding.severity is Severity.ERROR]
    if narrowed.node is rule.node:
        raise InputError(faults[-1].message if faults else "the exception would not apply to the rule")
    tests = _tests_of(rule, loaded)
    return ExceptionPlan(
        rule=rule,
        narrowed=narrowed,
        text=text,
        file=file,
        sigma_filter=sigma_filter,
        findings=(*findings, *lint_filter(sigma_filter, loaded.rules, settings.sources[0])),
        tests=len(tests),
        lost_tests=tuple(_lost(rule, narrowed, tests, settings)),
    )


def write_exception(plan: ExceptionPlan) -> None:
    """Write the file of an exception at once, so that a running sidecar never reads a part of it.

    Raises InputError where the file exists meanwhile, or cannot be written.
    """
    folder = plan.file.parent
    part = folder / f".{plan.file.name}.{uuid4().hex}"  # rule folders leave out names with a dot
    try:
        folder.mkdir(exist_ok=True)
        part.write_text(plan.text, encoding="utf-8")
        os.link(part, plan.file)  # fails where another process wrote the file first
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise InputError(
            f"`{plan.file}` cannot be written: {reason}", fix="allow it, or name another folder"
        ) from fault
    finally:
        part.unlink(missing_ok=True)


def _find_rule(name: str, loaded: LoadedRules, settings: Settings) -> Rule:
    """Return the rule that somebody names; it must be in a rules folder of settings."""
    named = find_rule(name, settings)
    rule = next((rule for rule in loaded.rules if rule.id == named.id), None)
    if rule is None:
        raise InputError(f"`{name}` is in no rules folder of settings", fix="add its folder under `rules.folders`")
    return rule


def _read(text: str, file: Path, settings: Settings) -> SigmaFilter:
    """Read the filter as a run would; raises InputError where a field or value is none of Sigma."""
    try:
        (document,) = read_sources(text, file=str(file))
        return read_filter(document.value, text=document.text, placeholders=settings.placeholders)
    except RuleError as fault:  # its location is in a file that does not exist
        raise InputError(fault.message, fix=fault.fix) from fault


def _tests_of(rule: Rule, loaded: LoadedRules) -> tuple[RuleTest, ...]:
    same_file = [candidate for candidate in loaded.rules if candidate.location.file == rule.location.file]
    suites = suites_of_rules(same_file).suites
    return next((suite.tests for suite in suites if suite.rule is rule), ())


def _lost(rule: Rule, narrowed: Rule, tests: tuple[RuleTest, ...], settings: Settings) -> Iterator[RuleTestResult]:
    """Yield the tests that expect a hit, pass with the rule and fail with the exception."""
    source = settings.sources[0]
    today = in_memory(RuleTestSuite(rule=rule, tests=tests), source)
    later = in_memory(RuleTestSuite(rule=narrowed, tests=tests), source)
    for before, after in zip(today, later, strict=True):
        if before.passed and not after.passed:
            yield after


# --------------------------------------------------------------------------- files


def _folder_for(rule: Rule, settings: Settings) -> Folder:
    """Return the folder that gets the exception: the rule's own, else the first that does not come with watcher."""
    own = [
        folder
        for folder in rule_folders(settings)
        if folder.path.is_dir() and folder.path.resolve() != shipped("rules").resolve()
    ]
    if not own:
        raise InputError(
            "every rules folder of settings comes with watcher, and an update would remove the exception",
            fix="add a folder of your own under `rules.folders`",
        )
    return next((folder for folder in own if folder.name == rule.folder), own[0])


def _free_file(folder: Folder, rule: Rule) -> Path:
    stem = _NOT_IN_NAMES.sub("-", rule.title.lower())[:_LONGEST_NAME].strip("-") or "rule"
    for number in range(1, _MOST_FILES + 1):
        file = folder.path / _SUBFOLDER / (f"{stem}.yml" if number == 1 else f"{stem}-{number}.yml")
        if not file.exists():
            return file
    raise InputError(
        f"`{folder.path / _SUBFOLDER}` holds {_MOST_FILES} exceptions of the rule", fix="join them, or disable the rule"
    )
