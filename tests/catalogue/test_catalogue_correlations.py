"""Correlation rules in the catalogue: their pages, pictures and coverage."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from support.correlation_files import CHAIN, COUNTING, write_files

from watcher.attack.attack_table import shipped_table
from watcher.catalogue.time_lines import time_line
from watcher.model.correlations import (
    AllOf,
    ComparisonOperator,
    Correlation,
    CorrelationType,
    NoneOf,
    NumericComparison,
    RuleName,
)
from watcher.usecases.build_catalogue import CatalogueRequest, assume_mappings, build_catalogue
from watcher.usecases.loading import find_settings, load_rules

COUNTING_PAGE = "rules/11111111-0000-4000-8000-000000000003.html"
CHAIN_PAGE = "rules/11111111-0000-4000-8000-000000000004.html"
BASE_PAGE = "rules/11111111-0000-4000-8000-000000000001.html"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return the folder of a site of two rules and two correlation rules."""
    settings = find_settings(write_files(tmp_path))
    rules = load_rules(settings)
    request = CatalogueRequest(
        settings=settings,
        rules=rules,
        paths=(),
        attack=shipped_table(),
        data=assume_mappings(settings, rules),
        today=date(2026, 11, 28),
    )
    assert build_catalogue(request, tmp_path / "site").rules == 4
    return tmp_path / "site"


def read(site: Path, path: str) -> str:
    return (site / path).read_text(encoding="utf-8")


def test_a_correlation_has_a_page_with_its_base_rules_and_the_values_of_these(site: Path) -> None:
    page = read(site, CHAIN_PAGE)
    assert f"<h1>{CHAIN}</h1>" in page
    assert "an event of each of the rules, in this order" in page
    assert f'<a href="../{COUNTING_PAGE}">{COUNTING}</a>' in page
    assert re.search(r'<code class="value">4625</code>', page)  # of the base rule of the inner correlation
    assert page.count('<svg class="timeline"') == 1
    assert "falsepositive-word" in page
    assert "falsepositive-word" not in read(site, BASE_PAGE)  # it is no finding about a rule of the same file


def test_a_rule_names_the_correlations_that_count_its_hits(site: Path) -> None:
    assert f'<a href="../{COUNTING_PAGE}">{COUNTING}</a>' in read(site, BASE_PAGE)
    assert f'<a href="../{CHAIN_PAGE}">{CHAIN}</a>' in read(site, COUNTING_PAGE)


def test_correlations_are_listed_and_count_as_coverage(site: Path) -> None:
    assert CHAIN in read(site, "assets/rules.js")
    assert "guessed a password" in read(site, "assets/words.js")
    assert f'href="{CHAIN_PAGE}"' in read(site, "all.html")
    layer = json.loads(read(site, "layers/all.json"))
    assert [(entry["techniqueID"], entry["score"]) for entry in layer["techniques"]] == [("T1110", 2)]
    catalogue = json.loads(read(site, "catalogue.json"))
    chain = next(entry for entry in catalogue["correlations"] if entry["title"] == CHAIN)
    assert (chain["type"], chain["timespan"], chain["group_by"]) == ("temporal_ordered", 600, ["TargetUserName"])
    assert [base["title"] for base in chain["base_rules"]] == [COUNTING, "Successful Logon"]


def correlation(kind: str, *numbers: tuple[str, int], without_b: bool = False) -> Correlation:
    return Correlation(
        rule_id="many",
        type=CorrelationType(kind),
        base_rules=("a", "b"),
        timespan=timedelta(minutes=5),
        fields=("F",),
        windows=3,
        comparisons=tuple(
            NumericComparison(operator=ComparisonOperator(name), value=Decimal(number)) for name, number in numbers
        ),
        boolean=AllOf((RuleName("a"), NoneOf(RuleName("b")))) if without_b else None,
    )


@pytest.mark.parametrize(
    ("subject", "events"),
    [
        (correlation("event_count", ("gte", 3)), 3),
        (correlation("event_count", ("gte", 1_000_000)), 5),
        (correlation("event_count", ("eq", 0)), 6),
        (correlation("event_count", ("lt", 3)), 2),
        (correlation("temporal"), 2),
        (correlation("temporal_ordered"), 2),
        (correlation("temporal", without_b=True), 1),
        (correlation("value_sum", ("gt", 1000)), 5),
        (correlation("new_value"), 2),
        (correlation("spike", ("gte", 3)), 9),
    ],
)
def test_every_type_has_a_picture(subject: Correlation, events: int) -> None:
    picture = time_line(subject, {"a": "<A> & co", "b": "B" * 80})
    svg = fromstring(picture)  # noqa: S314 - our own picture
    assert len([element for element in svg.iter() if element.get("class") == "event"]) == events
    texts = [str(element.text) for element in svg.iter("text")]
    assert {"<A> & co", "alert", "5 minutes"} <= set(texts)
    assert max(map(len, texts)) <= 26
    assert ("no event" in texts) == (subject.boolean is not None)
    width, height = (int(number) for number in svg.attrib["viewBox"].split()[2:])
    for circle in svg.iter("circle"):
        assert 200 <= int(circle.attrib["cx"]) <= width
        assert 0 <= int(circle.attrib["cy"]) <= height
