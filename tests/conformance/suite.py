"""What the product says of the conformance cases, in memory and on an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from case_files import ANY_FINDING, UNSPECIFIED, Case, SuiteMapping, labelled
from support.borrowed_indices import Indices, connections, indices
from support.engines import Running

from watcher.cluster.connections import Connection
from watcher.match.compiled_rule import CompiledRule
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Event,
    LogSource,
    Not,
    Or,
    Query,
    QueryPlan,
    Rule,
    Severity,
    Window,
)
from watcher.search.outcomes import FailedSearch
from watcher.search.query_strategy import search_by_query
from watcher.settings import LogSourceMapping, Source
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import RuleFile, read_contents
from watcher.sigma.rule_folders import RuleFolder, read_folders
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, event_view, rule_predicate

EVER = Window(start=datetime(1990, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))
REQUEST_TIMEOUT = timedelta(minutes=5)  # long, so that a busy machine makes no difference
NOTHING: Query = {"match_none": {}}

Change = Callable[[Rule], Rule]
ChangeQuery = Callable[[Query], Query]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The rules of a case, and the findings of reading them."""

    rules: tuple[Rule, ...]
    findings: tuple[str, ...]  # codes, sorted
    errors: tuple[str, ...]  # complete sentences


def read(case: Case) -> Reading:
    """Read the rule files of a case as a folder of rules."""
    placeholders = {name: tuple(values) for name, values in case.settings.get("placeholders", {}).items()}
    files = [
        read_contents(text, file=name, origin=RuleOrigin(folder="conformance", path=name, placeholders=placeholders))
        for name, text in case.files.items()
    ]
    rules = read_folders([_folder(files)])
    findings = (*rules.findings, *(finding for rule in rules.rules for finding in rule.findings))
    return Reading(
        rules=rules.rules,
        findings=tuple(sorted(finding.code for finding in findings)),
        errors=tuple(str(finding) for finding in findings if finding.severity is Severity.ERROR),
    )


def _folder(files: Sequence[RuleFile]) -> RuleFolder:
    return RuleFolder(
        name="conformance",
        path=Path("conformance"),
        rules=tuple(rule for file in files for rule in file.rules),
        filters=tuple(tuning for file in files for tuning in file.filters),
        findings=tuple(finding for file in files for finding in file.findings),
    )


def source_of(case: Case, pattern: str = "winlogbeat-*") -> Source:
    """Return the settings of a case as a source."""
    fields = {name: tuple(paths) for name, paths in case.settings.get("fields", {}).items()}
    logsources = tuple(
        LogSourceMapping(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for entry in case.settings.get("logsources", [])
    )
    return Source(name="conformance", index=pattern, fields=fields, logsources=logsources)


# --------------------------------------------------------------------------- in memory


def faults_of(case: Case, change: Change = lambda rule: rule) -> list[str]:
    """Return every difference between a case and what the product does; `change` damages its rules on purpose."""
    reading = read(case)
    if case.error is not None:
        return list(_refusal(case.error, reading))
    differences = list(_findings(case, reading))
    source = source_of(case)
    compiled = [(rule, rule_predicate(rule, source)) for rule in map(change, reading.rules)]
    for number, event in enumerate(case.events):
        matches = any(_matches(rule, holds, event.document, source) for rule, holds in compiled)
        if matches is not event.hit:
            expected = "hit" if event.hit else "miss"
            differences.append(f"event {number} is no {expected}: {event.document}")
    return differences


def _refusal(error: tuple[str, ...], reading: Reading) -> Iterator[str]:
    if reading.rules:
        yield "the rule is accepted"
    if not any(all(part in sentence for part in error) for sentence in reading.errors):
        yield f"no error says {error!r}: {reading.errors}"


def _findings(case: Case, reading: Reading) -> Iterator[str]:
    if reading.errors:
        yield f"errors: {reading.errors}"
    if case.findings == (ANY_FINDING,):
        if not reading.findings:
            yield "no finding"
    elif case.findings not in ((UNSPECIFIED,), reading.findings):
        yield f"findings are {reading.findings}, expected {case.findings}"


def _matches(rule: Rule, holds: Predicate, event: Event, source: Source) -> bool:
    """Ask the predicate alone, and behind the literal prefilter; both must agree."""
    alone = holds(event_view(event, source))
    among = Ruleset([CompiledRule(rule, holds)], source.fields).matching(event) == (rule,)
    if alone is not among:
        raise AssertionError(f"{rule.title}: the predicate says {alone}, behind the prefilter {among}")
    return alone


# --------------------------------------------------------------------------- damage done on purpose


def rewritten(rule: Rule, change: Callable[[ConditionNode], ConditionNode]) -> Rule:
    """Return a rule with a change applied to each node, the innermost first."""
    return replace(rule, node=_rewritten(rule.node, change))


def _rewritten(node: ConditionNode, change: Callable[[ConditionNode], ConditionNode]) -> ConditionNode:
    match node:
        case And(of=branches):
            return change(And(tuple(_rewritten(branch, change) for branch in branches)))
        case Or(of=branches):
            return change(Or(tuple(_rewritten(branch, change) for branch in branches)))
        case Not(of=branch):
            return change(Not(_rewritten(branch, change)))
        case _:
            return change(node)


def negated(rule: Rule) -> Rule:
    """Return a rule that matches what it must not, within its log source."""
    return replace(rule, node=Not(rule.node))


def matching_nothing(rule: Rule) -> Rule:
    """Return a rule that matches no event."""
    return replace(rule, node=DetectionItem(field="F", values=()))


def matching_everything(rule: Rule) -> Rule:
    """Return a rule that matches each event, of whatever log source."""
    return replace(rule, node=Not(DetectionItem(field="F", values=())), logsource=LogSource())


# --------------------------------------------------------------------------- on an engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the cluster returned for a case, and what of it was confirmed: numbers of events."""

    returned: frozenset[int]
    confirmed: frozenset[int]
    refusals: tuple[str, ...] = ()  # what the engine said of queries that it did not run


def faults_on(
    running: Running, mapping: SuiteMapping, cases: Sequence[Case], change: ChangeQuery = lambda query: query
) -> list[str]:
    """Return every difference between cases and an engine; `change` damages the queries on purpose."""
    name = f"winlogbeat-conformance-{mapping.name.replace('_', '-')}"
    admin, user = (replace(cluster, timeout=REQUEST_TIMEOUT) for cluster in (running.admin(), running.cluster()))
    with indices(admin) as lent, connections(user) as connection:
        for letter, body in mapping.indices.items():
            lent.make(f"{name}-{letter}", body["mappings"], **body["settings"])
        _fill(lent, name, cases)
        answers = _ask(connection, f"{name}-*", cases, change)
    place = f"{'elasticsearch' if running.ca else 'opensearch'}-{mapping.name}"
    return [fault for number, case in enumerate(cases) for fault in judged(case, answers[number], place)]


def _fill(lent: Indices, name: str, cases: Sequence[Case]) -> None:
    lines: list[Any] = []
    for number, case in enumerate(cases):
        for position, event in enumerate(case.events):
            lines.append({"create": {"_index": f"{name}-{event.index}", "_id": f"{number}.{position}"}})
            lines.append(labelled(event.document, str(number)))
    answer = lent.transport.request("POST", "/_bulk", params={"refresh": "true"}, body=lines)
    refused = [entry["create"] for entry in answer.body["items"] if entry["create"]["status"] != 201]
    assert refused == [], [(cases[int(entry["_id"].split(".")[0])].id, entry["error"]) for entry in refused]


def _ask(connection: Connection, pattern: str, cases: Sequence[Case], change: ChangeQuery) -> Mapping[int, Answers]:
    """Search for all cases whose settings are alike together."""
    alike: dict[str, list[int]] = {}
    for number, case in enumerate(cases):
        alike.setdefault(repr((case.settings.get("fields"), case.settings.get("logsources"))), []).append(number)
    answers: dict[int, Answers] = {}
    for numbers in alike.values():
        answers.update(_searched(connection, pattern, {number: cases[number] for number in numbers}, change))
    return answers


def _searched(
    connection: Connection, pattern: str, cases: Mapping[int, Case], change: ChangeQuery
) -> Mapping[int, Answers]:
    source = source_of(next(iter(cases.values())), pattern)
    rules = [
        replace(rule, path=str(number), id=f"{number}.{position}")
        for number, case in cases.items()
        for position, rule in enumerate(read(case).rules)
    ]
    holds = {rule.id: rule_predicate(rule, source) for rule in rules}
    cache = PlanCache(source, rules)
    returned: dict[int, set[int]] = {number: set() for number in cases}
    confirmed: dict[int, set[int]] = {number: set() for number in cases}
    refusals: dict[int, list[str]] = {number: [] for number in cases}
    events = connection.events()
    with events.open(pattern, EVER, time_field="@timestamp") as snapshot:
        mapping = events.mapping(pattern, cache.paths)
        reader = EventReader(source, mapping)
        plans = [_narrowed(plan, change) for plan in cache.plans(mapping)]
        for outcome in search_by_query(snapshot, plans):
            number = int(outcome.plan.rule.path)
            if isinstance(outcome, FailedSearch):
                refusals[number].append(str(outcome.error))
                continue
            for document in outcome.documents:
                position = int(document.id.split(".")[1])
                returned[number].add(position)
                if holds[outcome.plan.rule.id](reader.view(document)):
                    confirmed[number].add(position)
    return {
        number: Answers(
            returned=frozenset(returned[number]),
            confirmed=frozenset(confirmed[number]),
            refusals=tuple(refusals[number]),
        )
        for number in cases
    }


def _narrowed(plan: QueryPlan, change: ChangeQuery) -> QueryPlan:
    """Return a plan that asks for the events of its own case alone."""
    own = {"term": {"labels.conformance": {"value": plan.rule.path}}}
    queries = [{"bool": {"filter": [own, change(query)]}} for query in (plan.query, *plan.parts)]
    return replace(plan, query=queries[0], parts=tuple(queries[1:]))


def judged(case: Case, answers: Answers, place: str) -> Iterator[str]:
    """Yield the differences between a case and an engine's answers; a known fault must still be there."""
    expected = frozenset(number for number, event in enumerate(case.events) if event.hit)
    differences = [
        *(f"the query is refused: {sentence}" for sentence in answers.refusals),
        *(f"the query loses event {number}" for number in sorted(expected - answers.returned)),
        *(f"event {number} is not confirmed" for number in sorted(expected & answers.returned - answers.confirmed)),
        *(f"event {number} is confirmed and must not be" for number in sorted(answers.confirmed - expected)),
    ]
    reason = case.known_fault or case.query_faults.get(place)
    if reason is None:
        yield from (f"{case.id}: {difference}" for difference in differences)
    elif not differences:
        yield f"{case.id}: a known fault is mended on {place} ({reason}); remove it from the case"
