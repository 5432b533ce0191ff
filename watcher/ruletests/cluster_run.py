"""The tests of rules on a real engine: events are indexed, and the rule's own query has to return them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from watcher.errors import InputError
from watcher.match.event_explanation import Explanation, explain
from watcher.model import Event, EventDocument, Window
from watcher.ports import EventSource, NewDocument, State
from watcher.ruletests.results import RuleTestResult
from watcher.ruletests.suites import RuleTestSuite, event_of
from watcher.search.query_strategy import FailedSearch, MatchedPage, search_by_query
from watcher.settings import Source
from watcher.sigma.test_files import RuleTest
from watcher.taxonomy.logsources import events_of
from watcher.timestamps import parse_timestamp
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import Translator, paths_of, translate_rule

INDEX = "winlogbeat-tests"
_TIME = "@timestamp"
_SOMEDAY = datetime(2026, 1, 1, tzinfo=UTC)  # of events that tell no time


@dataclass(frozen=True, slots=True, kw_only=True)
class _IndexedCase:
    """A test whose event was given to the engine."""

    suite: RuleTestSuite
    case: RuleTest
    id: str
    event: Event
    error: str = ""  # why the engine refused it


@dataclass(frozen=True, slots=True, kw_only=True)
class _SearchAnswers:
    """What the engine made of the rules' queries."""

    returned: set[tuple[str, str]] = field(default_factory=set)  # a rule's id and a document's
    failed: dict[str, str] = field(default_factory=dict)  # a rule's id and why

    def trouble(self, fed: _IndexedCase, told: Explanation) -> str:
        """Say what went wrong with a test, beside what the rule says of its event."""
        if fed.error:
            return f"the engine refused the event: {fed.error}"
        if told.rule.id in self.failed:
            return f"the engine did not answer the rule's query: {self.failed[told.rule.id]}"
        if told.holds and (told.rule.id, fed.id) not in self.returned:
            return "the rule matches the event, but its query does not return it: report this to watcher's authors"
        return ""


def run_on_cluster(
    suites: Sequence[RuleTestSuite], source: Source, *, events: EventSource, state: State
) -> tuple[RuleTestResult, ...]:
    """Index the events of all tests, search them by each rule's query, and confirm what it returns.

    The index must not be there before, and be mapped by a template. Raises a ClusterError where the engine does not
    answer.
    """
    fed = _feed(suites, source, state)
    here = replace(source, index=INDEX, time_field=_TIME)
    rules = [suite.rule for suite in suites if suite.cases]
    mapping = events.mapping(INDEX, paths_of(rules, here))
    translator = Translator(here, mapping)
    answers = _SearchAnswers()
    with events.open(INDEX, _window(fed), time_field=here.time_field) as snapshot:
        for outcome in search_by_query(snapshot, [translate_rule(rule, translator) for rule in rules]):
            if isinstance(outcome, FailedSearch):
                answers.failed[outcome.plan.rule.id] = str(outcome.error)
            elif isinstance(outcome, MatchedPage):
                answers.returned.update((outcome.plan.rule.id, one.id) for one in outcome.found)
    event_reader = EventReader(here, mapping)
    return tuple(_outcome(one, here, event_reader, answers) for one in fed)


def _feed(suites: Sequence[RuleTestSuite], source: Source, state: State) -> tuple[_IndexedCase, ...]:
    fed = tuple(_fed(suites, source))
    if not fed:
        raise InputError("there is no test to run", fix="write one beside a rule: docs/rule-tests.md says how")
    drafts = [NewDocument(index=INDEX, id=one.id, document=one.event) for one in fed]
    errors = {made.id: made.error or "" for made in state.create(drafts)}
    state.refresh(INDEX)
    return tuple(replace(one, error=errors[one.id]) for one in fed)


def _fed(suites: Sequence[RuleTestSuite], source: Source) -> Iterator[_IndexedCase]:
    for number, suite in enumerate(suites):
        where = events_of(suite.rule.logsource, source.logsources)
        for position, case in enumerate(suite.cases):
            event = _timed(event_of(case, where))
            yield _IndexedCase(suite=suite, case=case, id=f"{number}-{position}", event=event)


def _timed(event: Event) -> Event:
    """Give an event that tells no time one, so that a window can hold it."""
    return event if _TIME in event else {**event, _TIME: _SOMEDAY.isoformat()}


def _window(fed: Sequence[_IndexedCase]) -> Window:
    times = [parse_timestamp(str(one.event[_TIME])) or _SOMEDAY for one in fed]
    return Window(start=min(times) - timedelta(days=1), end=max(times) + timedelta(days=1))


def _outcome(fed: _IndexedCase, source: Source, event_reader: EventReader, answers: _SearchAnswers) -> RuleTestResult:
    rule = fed.suite.rule
    view = event_reader.view(EventDocument(index=INDEX, id=fed.id, event=fed.event))
    told = explain(rule, events_of(rule.logsource, source.logsources), view)
    return RuleTestResult(rule=rule, case=fed.case, told=told, trouble=answers.trouble(fed, told))
