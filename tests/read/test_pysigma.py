"""What pySigma reads, we read the same."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pysigma_tree import Plain, joined, ours, theirs
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from watcher.model import Rule
from watcher.read.contents import read_contents
from watcher.read.rule import Origin

SAMPLE = 5  # every so manieth rule is compared by `make test`, all of them by `make test-all`


def files(folder: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(folder / "rules.tar.gz") as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            found = archive.extractfile(member) if member.isfile() else None
            if found is not None:
                yield member.name, found.read().decode()


def compared(path: str, text: str) -> str:
    """Compare one file; gives `same`, why it was not compared, or raises."""
    read = read_contents(text, file=path, origin=Origin(path=path))
    rules = [rule for rule in read.rules if rule.aggregation is None]
    if any(finding.code == "duplicate-key" for rule in rules for finding in rule.findings):
        return "duplicate keys"
    if len(rules) != 1 or len(read.rules) != 1:
        return "no rule for single events"
    try:
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict) and "detection" in one]
    except yaml.YAMLError:
        return "no YAML to pySigma"
    tree = parsed(documents[0])
    if tree is None:
        return "refused by pySigma"
    assert ours(rules[0].node) == tree, path
    return "same"


def parsed(document: dict[str, Any]) -> Plain | None:
    try:
        rule = SigmaRule.from_dict({key: document[key] for key in document if key != "correlation"}, collect_errors=True)
        return joined("or", [theirs(one.parsed) for one in rule.detection.parsed_condition])
    except SigmaError:
        return None


def count(folder: Path, *, every: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for number, (path, text) in enumerate(files(folder)):
        if number % every == 0 or path.startswith("mdecrevoisier/"):
            outcome = compared(path, text)
            counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def test_a_sample_of_the_corpus_is_read_as_pysigma_reads_it(shared_data: Path) -> None:
    counts = count(shared_data, every=SAMPLE)
    print(counts)


@pytest.mark.slow
def test_the_whole_corpus_is_read_as_pysigma_reads_it(shared_data: Path) -> None:
    counts = count(shared_data, every=1)
    print(counts)
