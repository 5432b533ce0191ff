"""The shared truth table, and the pairs of rule and event that the predicates match."""

from __future__ import annotations

import gzip
import importlib.util
import json
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.truth_corrections import corrected
from watcher.match.compiled_rule import CompiledRule
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import Event, Rule
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.taxonomy.logsources import events_of

Place = tuple[str, int]  # file and number of an event
Pair = tuple[str, Place]  # with the path of a rule that matches it

# In capitals, so refused by the reader that made the table; both conditions are `selection OR …`.
NOT_IN_THE_TABLE = {"mdecrevoisier/windows-services/win-os-service permissions modified (service).yaml"}


def rule_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the content of every rule file in the archive."""
    with tarfile.open(folder / "rules.tar.gz") as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield member.name, stream.read().decode()


@cache
def rules(folder: Path) -> tuple[Rule, ...]:
    """Return the rules of the table without aggregations."""
    run: list[Rule] = []
    for path, text in rule_files(folder):
        read = read_contents(text, file=path, origin=RuleOrigin(path=path))
        run.extend(rule for rule in read.rules if rule.aggregation is None)
    return tuple(run)


def events(folder: Path, name: str) -> Iterator[tuple[Place, Event]]:
    """Yield the events of a set with their locations."""
    with gzip.open(folder / f"events-{name}.ndjson.gz") as lines:
        for line in lines:
            event = json.loads(line)
            yield (event["labels"]["file"], int(event["labels"]["n"])), event


def expected(folder: Path) -> dict[str, set[Place]]:
    """Return the events that each rule of the table must match."""
    with gzip.open(folder / "truth.json.gz") as file:
        table = json.load(file)
    return {
        path: {*((hit[0], hit[2]) for hit in row["hits"]), *corrected(path)}
        for path, row in table.items()
        if row["evaluated"]
    }


def as_modules(folder: Path) -> Callable[[Event], Event]:
    """Return the function that converts a raw event to the shape `modules`."""
    spec = importlib.util.spec_from_file_location("to_winlogbeat", folder / "to_winlogbeat.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    apply_modules: Callable[[Event], Event] = module.apply_modules
    return apply_modules


def unchanged(event: Event) -> Event:
    """Return the event unchanged."""
    return event


def judged(folder: Path, names: tuple[str, ...], shape: Callable[[Event], Event]) -> tuple[int, set[Pair], set[Pair]]:
    """Match every rule on every event; return the number of expected pairs, the missing and the surplus pairs."""
    ruleset = Ruleset([CompiledRule(rule, Predicate(rule.node, events_of(rule.logsource))) for rule in rules(folder)])
    table = expected(folder)
    seen: set[Place] = set()
    matched: set[Pair] = set()
    for name in names:
        for location, event in events(folder, name):
            seen.add(location)
            matched.update((rule.path, location) for rule in ruleset.matching(shape(event)))
    wanted = {(path, location) for path, locations in table.items() for location in locations & seen}
    return len(wanted), wanted - matched, {pair for pair in matched - wanted if pair[0] not in NOT_IN_THE_TABLE}


def template(folder: Path, *, plain: bool) -> dict[str, Any]:
    """Return settings and mappings of the shared index template; plain: without types that the small engine lacks."""
    text = (folder / "template-os.json").read_text(encoding="utf-8")
    if plain:
        for missing, available in (("wildcard", "keyword"), ("match_only_text", "text"), ("scaled_float", "float")):
            text = text.replace(f'"{missing}"', f'"{available}"')
    index_template: dict[str, Any] = json.loads(text)["template"]
    return {"settings": index_template["settings"]["index"], "mappings": index_template["mappings"]}
