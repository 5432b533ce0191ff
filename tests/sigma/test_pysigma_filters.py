"""Filters narrow rules as in pySigma."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pysigma_tree import joined, ours, theirs
from sigma.collection import SigmaCollection

from watcher.sigma.filters import apply_filters
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents

ID = "6f3e2987-db24-4c78-a860-b4f4095a7095"
CREATION = {"product": "windows", "category": "process_creation"}
RULE = {
    "title": "a rule",
    "id": ID,
    "name": "a_rule",
    "level": "high",
    "status": "test",
    "logsource": CREATION,
    "detection": {"selection": {"F": "a"}, "x": {"G": "b"}, "condition": "selection or x"},
}


def tuning(rules: Any, condition: str = "not sel", logsource: Any = None, **selections: Any) -> dict[str, Any]:
    """Return a filter document."""
    own = {"rules": rules, **(selections or {"sel": {"H": "c"}}), "condition": condition}
    return {"title": "a filter", "id": ID[::-1][:8] + ID[8:], "logsource": logsource or CREATION, "filter": own}


@pytest.mark.parametrize(
    "filters",
    [
        [tuning([ID])],
        [tuning(["a_rule"])],
        [tuning("any")],
        [tuning([ID], "sel")],  # what it describes is kept
        [tuning([ID], logsource={"product": "linux"})],  # not the rule's log source
        [tuning([ID], logsource={"product": "windows"})],  # a wider one
        [tuning([ID], logsource={**CREATION, "service": "sysmon"})],  # a narrower one
        [tuning([ID]), tuning("any", "not 1 of sel*", sel_a={"I": "1"}, sel_b={"J": "2"})],
        [tuning([ID], "not selection", selection={"K": "z"})],  # a name that the rule has, too
        [tuning([ID], "not sel", sel={"K|contains|all": ["y", "z"], "L": None})],
    ],
    ids=str,
)
def test_a_filtered_rule_has_the_tree_that_pysigma_gives_it(filters: list[dict[str, Any]]) -> None:
    text = yaml.safe_dump_all([RULE, *filters])
    collection = SigmaCollection.from_dicts(list(yaml.safe_load_all(text)))
    wanted = joined("or", [theirs(item.parsed) for item in collection.rules[0].detection.parsed_condition])
    read = read_contents(text, file="rule.yml", origin=RuleOrigin())
    (rule,), _ = apply_filters(read.rules, read.filters)
    assert ours(rule.node) == wanted
