"""A small kitchen of rules, as a catalogue."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from watcher.catalogue.assumed_mapping import assumed
from watcher.catalogue.attack import shipped_table
from watcher.catalogue.catalogue import Catalogue, LiveData
from watcher.catalogue.entries import SourceMapping, build_entries, unplaced
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
    """Make the catalogue of the kitchen; with a label, all of its folders bear it."""
    folders = tuple(
        Folder(name=one.name, path=one.path, corpus=corpus, repository=one.repository, files=one.files)
        for one in FOLDERS
    )
    rules = read_folders(read_folder(one.name, one.path) for one in folders)
    source = Source()
    asked = (SourceMapping(source=source, mapping=assumed(source, paths_of(rules.rules, source))),)
    said = review_rules(rules, source, today=date(2026, 11, 25), matrix=shipped_table())
    return Catalogue(
        entries=build_entries(rules.rules, folders, asked, (), said),
        attack=shipped_table(),
        findings=unplaced(rules.rules, (), said),
        live=live,
        assumed=live is None,
        folders=folders,
    )
