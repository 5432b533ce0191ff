"""Settings and rules as they are read from files."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from watcher.correlate.correlation_plan import SearchedRules, plan_correlations
from watcher.errors import InputError
from watcher.heap import collector_paused
from watcher.model import Level, Location, Rule
from watcher.ports import Progress, no_progress
from watcher.settings import Folder, Settings, read_file
from watcher.settings import read as read_settings
from watcher.settings.effective import rule_settings
from watcher.shipped import SHIPPED_FOLDER, shipped
from watcher.sigma.correlation_folders import selected_correlations, with_correlations
from watcher.sigma.rule_folders import LoadedRules, RuleFolder, read_folders
from watcher.usecases.rule_cache import FolderRequest, cache_of, read_cached

_LOCATIONS = ("watcher.yml", "/etc/watcher/watcher.yml")


def load_settings(path: Path | None) -> Settings:
    """Read a settings file as `find_settings` does, and log its warnings."""
    settings = find_settings(path)
    if settings.warnings or settings.risks:
        import structlog  # noqa: PLC0415 - commands without a cluster log nothing else

        log = structlog.get_logger(__name__)
        for warning in settings.warnings:
            log.warning("settings.renamed", message=warning)
        for risk in settings.risks:
            log.warning("settings.risk", location=str(risk.location), message=risk.message, advice=risk.fix)
    return settings


def find_settings(path: Path | None) -> Settings:
    """Read a settings file.

    Without a path it is the first existing one of `./watcher.yml` and `/etc/watcher/watcher.yml`; without any, the
    environment alone counts. Raises SettingsError with every fault of the file.
    """
    file = path or next((Path(location) for location in _LOCATIONS if Path(location).is_file()), None)
    return read_file(file, os.environ) if file is not None else read_settings("", os.environ)


def rule_folders(settings: Settings) -> tuple[Folder, ...]:
    """Return the rule folders of settings, or the shipped one."""
    return settings.rules.folders or (Folder(name=SHIPPED_FOLDER, path=shipped("rules")),)


@collector_paused()
def load_rules(settings: Settings, paths: Sequence[Path] = (), progress: Progress = no_progress) -> LoadedRules:
    """Read the rules of some paths, or of the folders of settings, with the progress in bytes of each.

    A path inside a folder of settings is read as a part of that folder, so that its rules keep their ids.
    """
    folders = rule_folders(settings)
    cache = cache_of(os.environ)

    def read(name: str, path: Path) -> RuleFolder:
        return read_cached(FolderRequest(name=name, path=path, placeholders=settings.placeholders), cache, progress)

    if not paths:
        return with_correlations(read_folders(read(folder.name, folder.path) for folder in folders))
    inside = [path for path in paths if path.exists() and any(_contains(folder.path, path) for folder in folders)]
    parts = [read(path.resolve().name, path) for path in paths if path not in inside]
    if not inside:
        return with_correlations(read_folders(parts))
    complete = [read(folder.name, folder.path) for folder in folders]
    loaded = read_folders([*parts, *(_restricted(folder, inside) for folder in complete)])
    everything = read_folders([*parts, *complete])
    correlations = selected_correlations(everything, lambda at: _is_below(at, paths))
    return with_correlations(replace(loaded, correlations=correlations))


def load_named_rules(settings: Settings, paths: Sequence[Path], progress: Progress = no_progress) -> LoadedRules:
    """Read the rules of paths that somebody named; raises InputError where they hold none."""
    loaded = load_rules(settings, paths, progress)
    if loaded.rules:
        return loaded
    reason = next(iter(loaded.findings), None)
    raise InputError(
        reason.message if reason is not None else f"no rule is at {', '.join(f'`{path}`' for path in paths)}",
        location=reason.location if reason is not None else None,
        fix="name a rule file, or a folder of rules",
    )


def _contains(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _restricted(folder: RuleFolder, paths: Sequence[Path]) -> RuleFolder:
    """Return the part of a folder that lies below some paths."""
    return replace(
        folder,
        rules=tuple(rule for rule in folder.rules if _is_below(rule.location, paths)),
        findings=tuple(finding for finding in folder.findings if _is_below(finding.location, paths)),
    )


def _is_below(location: Location, paths: Sequence[Path]) -> bool:
    return any(_contains(path, Path(location.file)) for path in paths)


def enabled_rules(settings: Settings, rules: LoadedRules) -> tuple[Rule, ...]:
    """Return the rules that settings enable."""
    return tuple(rule for rule in rules.rules if rule_settings(rule, settings).enabled)


def searched_rules(settings: Settings, rules: LoadedRules) -> SearchedRules:
    """Return the rules that settings enable, with what their correlations need: base rules are run in any case."""
    every = (*rules.rules, *rules.correlations.rules)
    return _searched(rules, frozenset(rule.id for rule in every if rule_settings(rule, settings).enabled))


def correlations_of(rules: LoadedRules, wanted: Collection[str]) -> SearchedRules:
    """Return the correlation rules of some ids with their base rules, none of which alerts on its own."""
    searched = _searched(rules, frozenset(wanted))
    return replace(searched, rules=tuple(rule for rule in searched.rules if rule.id in searched.plan.roles))


def every_rule(rules: LoadedRules, lowest: Level = Level.INFORMATIONAL) -> SearchedRules:
    """Return every rule and correlation rule of a level or a higher one, with the base rules that these need."""
    every = (*(rule for rule in rules.rules if rule.aggregation is None), *rules.correlations.rules)
    return _searched(rules, frozenset(rule.id for rule in every if rule.level.rank >= lowest.rank))


def _searched(rules: LoadedRules, wanted: frozenset[str]) -> SearchedRules:
    plan = plan_correlations(rules.correlations, wanted)
    if plan.correlations:
        titles = {rule.id: rule.title for rule in (*rules.rules, *plan.rules.values())}
        plan = replace(plan, titles={rule_id: titles[rule_id] for rule_id in (*plan.roles, *plan.rules)})
    return SearchedRules(
        rules=tuple(rule for rule in rules.rules if rule.id in wanted or rule.id in plan.roles), plan=plan
    )
