"""The catalogue of all rules, written as a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.attack.attack_table import Attack, read_table, shipped_table, write_table
from watcher.catalogue.assumed_mapping import assumed_mapping
from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.correlation_entries import build_correlation_entries
from watcher.catalogue.entries import SourceMapping, build_entries, findings_by_rule, unplaced
from watcher.catalogue.live_data import GatheredData, LivePorts, gather_live
from watcher.catalogue.pages import files
from watcher.catalogue.site import WriteResult, write_site
from watcher.errors import InputError
from watcher.lint import correlation_lints
from watcher.model import Location
from watcher.ruletests.suites import files_of_tests
from watcher.settings import Folder, Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.translate.plan import paths_of
from watcher.usecases.check_rules import review_rules
from watcher.usecases.loading import rule_folders

if TYPE_CHECKING:
    from watcher.components import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteReport:
    """What was written, and what the cluster refused."""

    rules: int
    written: WriteResult
    problems: tuple[str, ...]  # of the cluster


def attack_table(file: Path | None) -> Attack:
    """Read ATT&CK's names from a file, or the shipped table."""
    return read_table(file) if file is not None else shipped_table()


def assume_mappings(settings: Settings, rules: LoadedRules) -> GatheredData:
    """Return the mappings that Winlogbeat's template would give, without a cluster."""
    mappings = (
        SourceMapping(source=source, mapping=assumed_mapping(source, paths_of(rules.rules, source)))
        for source in settings.sources
    )
    return GatheredData(live=None, mappings=tuple(mappings), findings=())


def read_mappings(components: Components, rules: LoadedRules, *, days: int) -> GatheredData:
    """Return the mappings, event counts and hits of the last days."""
    ports = LivePorts(events=components.events(), counts=components.event_counts(), documents=components.state())
    return gather_live(components.settings, ports, rules.rules, days=days)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRequest:
    """What a catalogue is made from."""

    settings: Settings
    rules: LoadedRules
    paths: Sequence[Path]  # where the rules come from; empty: the folders of settings
    attack: Attack
    data: GatheredData
    today: date


def build_catalogue(request: CatalogueRequest, out: Path) -> SiteReport:
    """Write the site of all rules into a folder; raises InputError where the folder holds something else."""
    catalogue = _catalogue(request)
    written = write_site(out, files(catalogue))
    problems = catalogue.live.problems if catalogue.live is not None else ()
    return SiteReport(rules=len(catalogue.listed), written=written, problems=tuple(problems))


def _catalogue(request: CatalogueRequest) -> Catalogue:
    settings, rules, data = request.settings, request.rules, request.data
    named = (Folder(name=path.resolve().name, path=path) for path in request.paths)
    folders = (*rule_folders(settings), *named)
    tests = files_of_tests(folder.path for folder in folders)
    reviewed = review_rules(rules, settings.sources[0], today=request.today, matrix=request.attack, stray=tests)
    findings = (*reviewed, *data.findings)
    every = (*rules.rules, *rules.correlations.rules)
    by_rule = findings_by_rule(every, (*findings, *correlation_lints.lint(rules, settings)))
    entries = build_entries(rules.rules, folders, data.mappings, settings.check.allow, by_rule)
    return Catalogue(
        entries=entries,
        correlations=build_correlation_entries(rules.correlations, entries, folders, settings.check.allow, by_rule),
        attack=request.attack,
        findings=unplaced(every, settings.check.allow, findings),
        live=data.live,
        assumed=data.live is None,
        folders=folders,
    )


def write_attack_table(bundle: Path, table: Path) -> Attack:
    """Write a table of ATT&CK's names from MITRE's STIX bundle, and return it."""
    attack = read_table(bundle)
    try:
        table.write_text(write_table(attack), encoding="utf-8")
    except OSError as fault:
        raise InputError(
            f"the table cannot be written: {fault.strerror}",
            location=Location(file=str(table), line=1),
            fix="name another file",
        ) from fault
    return attack
