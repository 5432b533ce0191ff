"""Indicators: rules are counted by field, kind and value."""

from __future__ import annotations

import pytest
from catalogue_fixture import sample_catalogue

from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.indicators import Indicator, IndicatorKey, indicators

KETTLE = "The Kettle Is Filled And Boiled"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return sample_catalogue()


def of(catalogue: Catalogue, title: str) -> dict[tuple[str, str, str], str]:
    """Return field, kind and value → the count on the page."""
    (entry,) = [entry for entry in catalogue.entries if entry.rule.title == title]
    return {
        (indicator.field, indicator.kind, indicator.value): str(catalogue.corpus.shared(indicator.key))
        for indicator in entry.indicators
    }


def test_each_value_of_a_page_has_the_count_of_its_rules(catalogue: Catalogue) -> None:
    assert of(catalogue, KETTLE) == {
        # `Image` and `NewProcessName` are one; a rule that lists it twice is one rule
        ("NewProcessName", "ends_with", "\\kettle.exe"): "corpus 2 (blue 2)",
        # a filter counts too; Base64 is another kind
        ("CommandLine", "match", "fill"): "corpus 2 (blue 1, green 1)",
        ("CommandLine", "match", "pour"): "corpus 1 (blue 1)",
        # the second of two equal keys; `contains|all` is `contains`; case is none; two selections are one rule
        ("CommandLine", "match", "boil"): "corpus 2 (blue 2)",
        ("ParentImage", "exact", "C:\\Guests\\visitor.exe"): "corpus 1 (blue 1)",
    }


def test_kinds_are_distinguished(catalogue: Catalogue) -> None:
    labels = of(catalogue, "A Cup <b>Is</b> Broken")
    assert set(labels) == {
        ("keywords", "match", "shard"),
        ("Size", "gte", "4"),
        ("Digest", "regex", "^ab+$"),
        ("Address", "cidr", "10.0.0.0/8"),
        ("Blob", "base64offset", "fill"),
        ("Note", "empty", "null"),
        ("CommandLine", "exact", "boil"),
        ("CommandLine", "match", "fill"),
    }
    assert labels["CommandLine", "exact", "boil"] == "corpus 1 (green 1)"


def test_the_corpus_names_the_rules_behind_a_count(catalogue: Catalogue) -> None:
    shared = catalogue.corpus.shared(IndicatorKey("CommandLine", "match", "fill"))
    assert [catalogue.by_id[holder.id].rule.title for holder in shared.holders] == ["A Cup <b>Is</b> Broken", KETTLE]
    assert catalogue.corpus.shared(IndicatorKey("CommandLine", "match", "never")).count == 0


def test_a_label_joins_several_folders() -> None:
    joined = sample_catalogue(corpus="shared")
    assert of(joined, KETTLE)["CommandLine", "match", "fill"] == "corpus 2 (shared 2)"


def test_a_rule_has_each_indicator_once_in_the_order_of_its_text(catalogue: Catalogue) -> None:
    (entry,) = [entry for entry in catalogue.entries if entry.rule.title == "The Stove Is Lit"]
    shared_list: tuple[Indicator, ...] = indicators(entry.rule)
    assert [(item.field, item.value) for item in shared_list] == [
        ("EventID", "4688"),
        ("EventID", "4689"),
        ("Image", "\\KETTLE.exe"),
        ("Image", "\\stove.exe"),
        ("CommandLine", "BOIL"),
        ("CommandLine", "light"),
    ]
