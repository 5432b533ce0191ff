"""The shared rules, events and truth tables, and indexing them on an engine."""

from __future__ import annotations

import gzip
import importlib.util
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.truth_corrections import corrected
from watcher.cluster.connections import Connection
from watcher.model import Event, Rule
from watcher.ports import NewDocument
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders

SMALL = ("mdecrevoisier", "sbousseaden", "sigmahq-regression")
ALL = (*SMALL, "otrf")
INDEX = "winlogbeat-bench"
_ANALYZED = ("analyzer", "search_analyzer", "analysis")
_BULK = 2_000
_MERGE = timedelta(minutes=10)

Pair = tuple[str, int]  # an event: its file and number


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The events that each rule must match, by the rule's path."""

    pairs: Mapping[str, frozenset[Pair]]
    statuses: Mapping[str, str | None]  # how the rule's log source stands to Sigma's taxonomy, e.g. `standard`

    def over(self, files: frozenset[str]) -> Truth:
        """Keep the events of some files."""
        kept = {path: frozenset(pair for pair in pairs if pair[0] in files) for path, pairs in self.pairs.items()}
        return replace(self, pairs=kept)


def read_truth(data: Path) -> Truth:
    """Return the table without rules that it does not evaluate."""
    with gzip.open(data / "truth.json.gz", "rt", encoding="utf-8") as file:
        table = json.load(file)
    judged = {path: row for path, row in table.items() if row["evaluated"]}
    return Truth(
        pairs={
            path: frozenset((hit[0], hit[2]) for hit in row["hits"]) | corrected(path) for path, row in judged.items()
        },
        statuses={path: row["logsource_status"] for path, row in judged.items()},
    )


def read_rules(data: Path, folder: Path) -> LoadedRules:
    """Unpack and read the shared rules."""
    with tarfile.open(data / "rules.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return read_folders([read_folder("shared", folder)])


def runnable(rules: LoadedRules) -> tuple[Rule, ...]:
    """Return the rules without aggregations."""
    return tuple(rule for rule in rules.rules if rule.aggregation is None)


def converter(data: Path, shape: str) -> Callable[[Event], Event]:
    """Return the function that converts a raw event to a shape."""
    if shape == "raw":
        return lambda event: event
    spec = importlib.util.spec_from_file_location("to_winlogbeat", data / "to_winlogbeat.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(data / "to_winlogbeat.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    apply_modules: Callable[[Event], Event] = module.apply_modules
    return apply_modules


def pair_of(event: Event) -> Pair:
    """Return the key of an event in the truth table."""
    return event["labels"]["file"], int(event["labels"]["n"])


def events(data: Path, sets: tuple[str, ...]) -> Iterator[Event]:
    """Yield the raw events of some sets."""
    for name in sets:
        with gzip.open(data / f"events-{name}.ndjson.gz", "rt", encoding="utf-8") as file:
            yield from map(json.loads, file)


def template(data: Path, name: str, engine: str) -> Mapping[str, Any]:
    """Return a shared index template, or a template with only a higher limit of fields.

    The Elasticsearch of the tests lacks `wildcard`, `match_only_text`, `scaled_float` and the pattern analyzer.
    """
    if name == "none":
        return {
            "index_patterns": ["winlogbeat-*"],
            "template": {"settings": {"index.mapping.total_fields.limit": 5000}},
        }
    text = (data / f"template-{name}.json").read_text(encoding="utf-8")
    if engine == "elasticsearch":
        for missing, available in (("wildcard", "keyword"), ("match_only_text", "text"), ("scaled_float", "float")):
            text = text.replace(f'"{missing}"', f'"{available}"')
    index_template: dict[str, Any] = (
        _without_analyzer(json.loads(text)) if engine == "elasticsearch" else json.loads(text)
    )
    return index_template | {"index_patterns": ["winlogbeat-*"]}


def _without_analyzer(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_analyzer(value) for key, value in node.items() if key not in _ANALYZED}
    return [_without_analyzer(item) for item in node] if isinstance(node, list) else node


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The events that an engine indexed."""

    files: frozenset[str]
    count: int
    refused: Mapping[Pair, str]  # event → why the engine refused it


def load(connection: Connection, documents: Iterator[Event]) -> Loaded:
    """Index events, and return those that the engine refused."""
    state = connection.state()
    refused: dict[Pair, str] = {}
    files: set[str] = set()
    count = 0
    batch: list[NewDocument] = []

    def send() -> None:
        for draft, result in zip(batch, state.create(batch), strict=True):
            if result.error:
                refused[pair_of(draft.document)] = result.error
        batch.clear()

    for event in documents:
        file, number = pair_of(event)
        files.add(file)
        count += 1
        batch.append(NewDocument(index=INDEX, id=f"{count}-{number}", document=event))
        if len(batch) == _BULK:
            send()
    send()
    state.refresh(INDEX)
    # like an index without further writes
    connection.transport.request("POST", f"/{INDEX}/_forcemerge", params={"max_num_segments": "1"}, timeout=_MERGE)
    return Loaded(files=frozenset(files), count=count, refused=refused)
