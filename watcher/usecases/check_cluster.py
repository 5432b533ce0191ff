"""What only the cluster knows about rules and settings: privileges, indices, fields, the cost of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from watcher.cluster.privileges import may_install, missing
from watcher.components import Components
from watcher.errors import Forbidden
from watcher.lint import query_cost
from watcher.lint.silence_lints import PlacedMatchers
from watcher.model import Finding, Location, Rule, Window
from watcher.routes.silences import SilencePhase
from watcher.search.live_findings import live_findings
from watcher.search.rules_that_cannot_fire import RuleChances, cannot_fire
from watcher.search.source_faults import source_faults, source_notes, time_paths
from watcher.search.unsearchable_indices import unsearchable_indices
from watcher.settings import Source
from watcher.settings.effective import rule_settings
from watcher.taxonomy.summary_fields import SUMMARY_PATHS
from watcher.translate.plan import Translator, grouping_paths, paths_of, translate_rule
from watcher.usecases.check_rules import ClusterReport


def check_cluster(components: Components, rules: Sequence[Rule]) -> ClusterReport:
    """Return what the cluster lacks, and what its mappings and events say about the rules."""
    collected = _Collected()
    settings = components.settings
    for source in settings.sources:
        collected.problems.extend(missing(components.connections.events, source.index, settings.state.prefix))
        with collected.refusals():
            collected.problems.extend(_check_source(source, components, rules, collected))
    if collected.costs and len(collected.chances) == len(
        settings.sources
    ):  # a source that was not read may hold what the others lack
        collected.findings.extend(cannot_fire(collected.chances))
    with collected.refusals():
        _check_templates(components, collected)
    with collected.refusals():
        collected.silences.extend(_silences(components))
    return ClusterReport(
        problems=tuple(dict.fromkeys(collected.problems)),
        notes=tuple(collected.notes),
        findings=tuple(collected.findings),
        costs=collected.costs,
        mapped=frozenset(collected.mapped),
        silences=tuple(collected.silences),
    )


@dataclass(slots=True, kw_only=True)
class _Collected:
    """What the checks collect."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    costs: dict[str, Counter[str]] = field(default_factory=dict)  # source → grade → queries
    chances: list[RuleChances] = field(default_factory=list)  # of the sources that were read completely
    mapped: set[str] = field(default_factory=set)  # group-by fields that an index has
    silences: list[PlacedMatchers] = field(default_factory=list)

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Note a missing privilege as a problem, and go on with the other checks."""
        try:
            yield
        except Forbidden as fault:
            self.problems.append(str(fault))


def _silences(components: Components) -> Iterator[PlacedMatchers]:
    """Yield the stored silences that are not expired."""
    store, now = components.silence_store(), components.events().now()
    location = Location(file=store.documents.index, line=1)
    for silence in store.read():
        if silence.phase(now) is not SilencePhase.EXPIRED:
            yield PlacedMatchers(name=f"the silence {silence.id}", matchers=silence.matchers, location=location)


def _check_templates(components: Components, collected: _Collected) -> None:
    """Note that `watcher run` installs missing index templates, or that this user may not."""
    absent = components.installation().missing()
    if not absent:
        return
    names = ", ".join(f"`{name}`" for name in absent)
    state = components.connections.state
    if may_install(state):
        collected.notes.append(f"the index templates {names} are not installed yet; `watcher run` installs them")
    else:
        collected.problems.append(
            f"the index templates {names} are missing, and this user may not install them; "
            "let an administrator call `watcher setup`"
        )


def _check_source(
    source: Source, components: Components, rules: Sequence[Rule], collected: _Collected
) -> Iterator[str]:
    """Yield the problems of a source; its findings and costs are collected."""
    events = components.events()
    group_by = {rule.id: rule_settings(rule, components.settings).group_by or () for rule in rules}
    key_paths = frozenset(SUMMARY_PATHS).union(*(grouping_paths(rule, group_by[rule.id], source) for rule in rules))
    mapping = events.mapping(source.index, sorted(key_paths.union(paths_of(rules, source), time_paths(source))))
    yield from source_faults(source, mapping)
    collected.notes.extend(source_notes(source, mapping))
    now = events.now()
    window = Window(start=now - source.late_events.past, end=now)
    unsearchable = unsearchable_indices(events, source, mapping, window)
    for entry in unsearchable:
        yield f"index {entry}; it is left out until it can be searched"
    if not mapping.indices:
        if not unsearchable:
            collected.chances.append(RuleChances(silent=tuple(rules)))
        return
    collected.mapped.update(name for fields in group_by.values() for name in fields if mapping.fields.get(name))
    translator = Translator(source, mapping)
    grades = collected.costs.setdefault(source.name, Counter())
    for rule in rules:
        plan = translate_rule(rule, translator)
        cost = query_cost.query_cost(plan, translator.log_source_query(rule), mapping)
        grades[str(cost.grade)] += 1
        collected.findings.extend((*plan.findings, *query_cost.lint(plan, cost)))
    with events.open(source.index, window, time_field=source.time_field) as snapshot:
        live = live_findings(snapshot, rules, translator, group_by)
    collected.findings.extend(live.findings)
    if not unsearchable:
        collected.chances.append(live.chances)
