"""Rule tests on a real engine: events are indexed, and the rule's query must return them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from watcher.errors import InputError
from watcher.match.event_explanation import Explanation, explain
from watcher.model import Event, EventDocument, Window
from watcher.ports import Documents, EventSource, NewDocument
from watcher.ruletests.results import RuleTestResult
from watcher.ruletests.suites import RuleTestSuite, event_of
from watcher.search.query_strategy import FailedSearch, MatchedPage, search_by_query
from watcher.settings import Source
from watcher.sigma.rule_test_files import RuleTest
from watcher.taxonomy.logsources import events_of
from watcher.timestamps import parse_timestamp
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, paths_of, translate_rule

INDEX = "winlogbeat-tests"
_TIME = "@timestamp"
_DEFAULT_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # for events without a timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class _IndexedTest:
    """A test whose event was sent to the engine."""

    suite: RuleTestSuite
    test: RuleTest
    id: str
    event: Event
    error: str = ""  # the reason if the engine rejected it


@dataclass(frozen=True, slots=True, kw_only=True)
class _SearchAnswers:
    """The results of the rules' queries."""

    returned: set[tuple[str, str]] = field(default_factory=set)  # rule id and document id
    failed: dict[str, str] = field(default_factory=dict)  # rule id → reason

    def error(self, indexed: _IndexedTest, explanation: Explanation) -> str:
        """Return what failed apart from the rule's own decision, else an empty string."""
        rule = explanation.rule
        if indexed.error:
            return f"the engine rejected the event: {indexed.error}"
        if rule.id in self.failed:
            return f"the rule's query failed: {self.failed[rule.id]}"
        if explanation.holds and (rule.id, indexed.id) not in self.returned:
            return "the rule matches the event, but its query does not return it: report this to watcher's authors"
        return ""


def run_on_cluster(
    suites: Sequence[RuleTestSuite], source: Source, *, events: EventSource, documents: Documents
) -> tuple[RuleTestResult, ...]:
    """Index the events of all tests, run each rule's query, and confirm the events that it returns.

    The index must not exist, and an index template must map it. Raises ClusterError if the engine does not answer.
    """
    indexed = _index(suites, source, documents)
    test_source = replace(source, index=INDEX, time_field=_TIME)
    rules = [suite.rule for suite in suites if suite.tests]
    mapping = events.mapping(INDEX, paths_of(rules, test_source))
    translator = Translator(test_source, mapping)
    answers = _SearchAnswers()
    with events.open(INDEX, _window(indexed), time_field=test_source.time_field) as snapshot:
        for outcome in search_by_query(snapshot, [translate_rule(rule, translator) for rule in rules]):
            if isinstance(outcome, FailedSearch):
                answers.failed[outcome.plan.rule.id] = str(outcome.error)
            elif isinstance(outcome, MatchedPage):
                answers.returned.update((outcome.plan.rule.id, document.id) for document in outcome.documents)
    event_reader = EventReader(test_source, mapping)
    return tuple(_result(test, test_source, event_reader, answers) for test in indexed)


def _index(suites: Sequence[RuleTestSuite], source: Source, documents: Documents) -> tuple[_IndexedTest, ...]:
    tests = tuple(_with_events(suites, source))
    if not tests:
        raise InputError("there is no test to run", fix="write one next to a rule, see docs/rule-tests.md")
    drafts = [NewDocument(index=INDEX, id=test.id, document=test.event) for test in tests]
    errors = {result.id: result.error or "" for result in documents.create(drafts)}
    documents.refresh(INDEX)
    return tuple(replace(test, error=errors[test.id]) for test in tests)


def _with_events(suites: Sequence[RuleTestSuite], source: Source) -> Iterator[_IndexedTest]:
    for number, suite in enumerate(suites):
        logsource_events = events_of(suite.rule.logsource, source.logsources)
        for position, test in enumerate(suite.tests):
            event = _with_timestamp(event_of(test, logsource_events))
            yield _IndexedTest(suite=suite, test=test, id=f"{number}-{position}", event=event)


def _with_timestamp(event: Event) -> Event:
    """Return the event with a timestamp, so that a window can contain it."""
    return event if _TIME in event else {**event, _TIME: _DEFAULT_TIME.isoformat()}


def _window(indexed: Sequence[_IndexedTest]) -> Window:
    times = [parse_timestamp(str(test.event[_TIME])) or _DEFAULT_TIME for test in indexed]
    return Window(start=min(times) - timedelta(days=1), end=max(times) + timedelta(days=1))


def _result(
    indexed: _IndexedTest, source: Source, event_reader: EventReader, answers: _SearchAnswers
) -> RuleTestResult:
    rule = indexed.suite.rule
    view = event_reader.view(EventDocument(index=INDEX, id=indexed.id, event=indexed.event))
    explanation = explain(rule, events_of(rule.logsource, source.logsources), view)
    error = answers.error(indexed, explanation)
    return RuleTestResult(rule=rule, test=indexed.test, explanation=explanation, error=error)
