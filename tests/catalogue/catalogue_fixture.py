"""A small catalogue of sample rules."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from watcher.attack.attack_table import shipped_table
from watcher.catalogue.assumed_mapping import assumed_mapping
from watcher.catalogue.catalogue import Catalogue, LiveData
from watcher.catalogue.entries import SourceMapping, build_entries, findings_by_rule, unplaced
from watcher.settings import Folder, Source
from watcher.sigma.rule_folders import read_folder, read_folders
from watcher.translate.plan import paths_of
from watcher.usecases.check_rules import review_rules

CORPUS = Path(__file__).parent / "corpus"
FOLDERS = (
    Folder(
        name="blue", path=CORPUS / "blue", repository="https://git.example/blue", files="https://git.example/blue/f"
    ),
    Folder(name="green", path=CORPUS / "green"),
)


def sample_catalogue(*, corpus: str = "", live: LiveData | None = None) -> Catalogue:
    """Return the sample catalogue; a corpus label applies to all of its folders."""
    folders = tuple(
        Folder(name=item.name, path=item.path, corpus=corpus, repository=item.repository, files=item.files)
        for item in FOLDERS
    )
    rules = read_folders(read_folder(folder.name, folder.path) for folder in folders)
    source = Source()
    mappings = (SourceMapping(source=source, mapping=assumed_mapping(source, paths_of(rules.rules, source))),)
    findings = review_rules(rules, source, today=date(2026, 11, 25), matrix=shipped_table())
    return Catalogue(
        entries=build_entries(rules.rules, folders, mappings, (), findings_by_rule(rules.rules, findings)),
        attack=shipped_table(),
        findings=unplaced(rules.rules, (), findings),
        live=live,
        assumed=live is None,
        folders=folders,
    )
