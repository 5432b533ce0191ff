"""The tests beside rules: run in memory, or on an OpenSearch of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import WatcherError
from watcher.model import Finding, Rule, Severity
from watcher.model.correlation_rules import CorrelationRule
from watcher.ruletests.case_results import CaseResult, CaseRunner
from watcher.ruletests.correlated_events import EventCorrelator
from watcher.ruletests.results import RuleTestCoverage, RuleTestResult, coverage_of_tests, in_memory, total_coverage
from watcher.ruletests.suites import RuleTestSuites, suites_of_rules
from watcher.settings import Cluster, Settings
from watcher.settings.effective import rule_settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.check_rules import rules_to_check, test_files
from watcher.usecases.loading import correlations_of

Stage = Callable[[str, float | None], None]
"""Receives the name of a stage, and which fraction of it is done where that is known."""

Runner = Callable[[RuleTestSuites, Settings], tuple[RuleTestResult, ...]]
"""Runs all tests and returns their results in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTestReport:
    """The outcome of all tests."""

    rules: tuple[Rule, ...]
    results: tuple[RuleTestResult, ...]
    cases: tuple[CaseResult, ...]
    correlations: tuple[CorrelationRule, ...]
    coverage: tuple[RuleTestCoverage, ...]  # of the rules that have tests
    faults: tuple[Finding, ...]  # rules and tests that cannot be read
    untested: tuple[Rule, ...]

    @property
    def failed(self) -> tuple[RuleTestResult, ...]:
        """The tests that failed."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def failed_cases(self) -> tuple[CaseResult, ...]:
        """The cases that failed."""
        return tuple(result for result in self.cases if not result.passed)

    @property
    def tried_values(self) -> tuple[int, int]:
        """How many values of the rules an event of a test matched, and how many there are."""
        return total_coverage(self.coverage)

    @property
    def percent_tried(self) -> float:
        """The percentage of the values that an event of a test matched."""
        tried, values = self.tried_values
        return 100 * tried / values if values else 100.0

    def passes(self, *, minimum: int) -> bool:
        """Whether every test was read and passed, and at least this percentage of the values was tried."""
        return not self.faults and not self.failed and not self.failed_cases and self.percent_tried >= minimum


def run_rule_tests(settings: Settings, paths: Sequence[Path], runner: Runner) -> RuleTestReport:
    """Run the tests of the rules of some paths, or of settings."""
    loaded = rules_to_check(settings, paths)
    suites = suites_of_rules(loaded.rules, test_files(settings, paths), loaded.correlations.rules)
    results = runner(suites, settings)
    return RuleTestReport(
        rules=tuple(suite.rule for suite in suites.suites),
        results=results,
        cases=tuple(_run_cases(suites, loaded, settings)),
        correlations=tuple(suite.rule for suite in suites.correlations),
        coverage=tuple(
            coverage_of_tests(suite.rule, [result for result in results if result.rule is suite.rule])
            for suite in suites.suites
            if suite.tests
        ),
        faults=_errors(loaded, suites),
        untested=tuple(suite.rule for suite in suites.suites if not suite.tests),
    )


def _errors(loaded: LoadedRules, suites: RuleTestSuites) -> tuple[Finding, ...]:
    findings = (*loaded.findings, *suites.findings)
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def _run_cases(suites: RuleTestSuites, loaded: LoadedRules, settings: Settings) -> Iterator[CaseResult]:
    """Yield the result of every case, with the field mappings of the first source of settings."""
    source = settings.sources[0]
    for suite in suites.correlations:
        if not suite.cases:
            continue
        rule = suite.rule
        searched = correlations_of(loaded, (rule.id,))
        correlation = loaded.correlations.correlations[rule.id]
        runner = CaseRunner(
            rule=rule,
            rules=searched.rules,
            correlator=EventCorrelator(correlation, searched.plan, searched.rules, source),
            quiet_period=rule_settings(rule, settings).quiet_period,
            source=source,
            titles=searched.plan.titles,
        )
        yield from map(runner.run, suite.cases)


def run_in_memory(suites: RuleTestSuites, settings: Settings) -> tuple[RuleTestResult, ...]:
    """Run every test in memory, with the field mappings of the first source of settings."""
    return tuple(result for suite in suites.suites for result in in_memory(suite, settings.sources[0]))


def run_on_engine(suites: RuleTestSuites, settings: Settings, progress: Stage) -> tuple[RuleTestResult, ...]:
    """Run every test on an OpenSearch that is started for it.

    Raises WatcherError where the extra `local` is not installed. Cases of correlation rules need no engine.
    """
    if any(suite.cases for suite in suites.correlations) and not any(suite.tests for suite in suites.suites):
        return ()
    try:
        from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start  # noqa: PLC0415 - extra `local`
        from watcher.local_engine.winlogbeat import TEMPLATE  # noqa: PLC0415 - extra `local`
    except ModuleNotFoundError as fault:
        raise WatcherError(
            f"--cluster needs `{fault.name}`: install it by `pip install '.[local]'` in the root of the checkout"
        ) from fault
    from watcher.cluster.connections import connect  # noqa: PLC0415 - engine clients load slowly
    from watcher.ruletests.cluster_run import run_on_cluster  # noqa: PLC0415 - needed here alone

    runtime = Runtime(options="-Xms512m -Xmx1g -XX:TieredStopAtLevel=1")
    with (
        start(OPENSEARCH, cache=default_cache(os.environ), progress=progress, runtime=runtime) as node,
        closing(connect(Cluster(hosts=(node.url,)))) as connection,
    ):
        progress("searching", None)
        state = connection.state()
        state.put_template("winlogbeat-tests", TEMPLATE)
        return run_on_cluster(suites.suites, settings.sources[0], events=connection.events(), documents=state)
