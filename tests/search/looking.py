"""A searcher on fakes: rules, events from a list, and a clock that a test turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.fakes import FakeClock, ListedEvents, rule

from watcher.match.compiled_rule import CompiledRule
from watcher.model import EventDocument, Rule
from watcher.search.outcomes import FailedSearch, MatchedPage, SearchFinding, SearchOutcome
from watcher.search.searcher import SearchContext, Searcher
from watcher.search.write_growth import Growth
from watcher.settings import Source
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate


def ruled(number: int, text: str = "shell") -> Rule:
    """Make a rule that looks for a text in a command line."""
    built = rule(id=f"rule-{number}", title=f"Rule {number}")
    return rule(
        built.text.replace("contains: shell", f"contains: '{text}'"), id=f"rule-{number}", title=f"Rule {number}"
    )


def search(
    events: ListedEvents, rules: Sequence[Rule], *, clock: FakeClock | None = None, **settings: Any
) -> list[SearchOutcome]:
    """Search everything that a list of events holds."""
    source = Source(**settings)
    book = PlanCache(source, rules)
    mapping = events.mapping(source.index, book.paths)
    plans = book.plans(mapping)
    searcher = Searcher(
        source,
        [CompiledRule(outcome, rule_predicate(outcome, source)) for outcome in rules],
        clock=clock or FakeClock(),
    )
    context = SearchContext(
        snapshot=events,
        translator=book.translator_for(mapping),
        event_reader=EventReader(source, mapping),
        growth=Growth.USUAL,
    )
    return list(searcher.search(context, plans))


def pairs(outcomes: Sequence[SearchOutcome]) -> list[tuple[str, str]]:
    """Return rule and document of everything that matched."""
    return [
        (outcome.plan.rule.id, doc.id)
        for outcome in outcomes
        if isinstance(outcome, MatchedPage)
        for doc in outcome.documents
    ]


def failures(outcomes: Sequence[SearchOutcome]) -> list[tuple[str, str]]:
    """Return rule and sentence of everything that failed."""
    return [(outcome.plan.rule.id, str(outcome.error)) for outcome in outcomes if isinstance(outcome, FailedSearch)]


def notes(outcomes: Sequence[SearchOutcome]) -> list[tuple[str, str]]:
    """Return code and rule of everything noted."""
    return [(outcome.finding.code, outcome.plan.rule.id) for outcome in outcomes if isinstance(outcome, SearchFinding)]


def many(count: int, **data: str) -> list[EventDocument]:
    """Make documents with the same data."""
    from support.fakes import event_document  # noqa: PLC0415 - beside its only use

    return [event_document(number, **data) for number in range(count)]
