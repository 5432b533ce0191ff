"""`watcher explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from watcher.cli.common import AsJson, SettingsFile, open_watcher, read_settings, terminal, write_json
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.errors import InputError
from watcher.model import Rule
from watcher.present.correlated_event_tables import correlated_events_json, print_correlated_events
from watcher.present.correlation_explanations import correlation_explanation_json, print_correlation
from watcher.present.explanations import explanation_json, render_explanation
from watcher.settings import Settings
from watcher.usecases.explain_correlated_events import ExplainedEvents, are_in_files, explain_file_events
from watcher.usecases.explain_correlation import explain_correlation
from watcher.usecases.explain_event import SourceExplanation, explain_referenced_event, index_and_id, is_in_file
from watcher.usecases.named_rules import NamedCorrelation, find_any_rule


def explain(
    rule: Annotated[
        str | None, typer.Argument(help="Rule file, or the id, title or path of a rule of settings.")
    ] = None,
    *,
    settings_file: SettingsFile = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the search strategy of each source, and the reason.")
    ] = False,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            "-e",
            help="Event to explain: a file, FILE:LINE, `-` (standard input) or index/_id; "
            "may be repeated for a correlation rule.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the query of a rule, or why it matches an event.

    Shows the query, the mapping of each field, whether the query is exact, and which line of settings applies. With
    --event it shows the outcome of each part of the rule, and the exit code is 1 if the rule does not match. For a
    correlation rule it shows how it is evaluated; with --event, the base rules and windows of one or several events.
    """
    if plan:
        _print_strategies(settings_file, as_json=as_json)
        return
    if rule is None:
        raise InputError("no rule is named", fix="name a rule, or pass `--plan`")
    settings = read_settings(settings_file)
    named = find_any_rule(rule, settings)
    if isinstance(named, NamedCorrelation):
        _explain_correlation(named, events, settings, as_json=as_json)
    elif events:
        _print_event(_explain_event(named, events, settings), as_json=as_json)
    else:
        _print_rule(named, settings, as_json=as_json)


def _explain_correlation(
    named: NamedCorrelation, events: Sequence[str] | None, settings: Settings, *, as_json: bool
) -> None:
    if not events:
        explained = explain_correlation(named, settings)
        if as_json:
            write_json(correlation_explanation_json(explained))
        else:
            print_correlation(terminal(), explained)
        return
    outcome = explain_events(named, events, settings)
    if as_json:
        write_json(correlated_events_json(outcome))
    else:
        print_correlated_events(terminal(), outcome)
    if not outcome.correlated.hits:
        raise typer.Exit(EXIT_FINDINGS)


def explain_events(named: NamedCorrelation, events: Sequence[str], settings: Settings) -> ExplainedEvents:
    """Return what a correlation rule says of events of files or of the cluster."""
    if are_in_files(events):
        return explain_file_events(named, events, settings)
    with open_watcher(settings) as app:
        return app.explain_events(named, events)


def _explain_event(rule: Rule, events: Sequence[str], settings: Settings) -> tuple[SourceExplanation, ...]:
    if len(events) > 1:
        raise InputError(
            f"`{rule.title}` matches single events, and {len(events)} are named",
            fix="name one of them; correlation rules take several",
        )
    (event,) = events
    if is_in_file(event):
        return explain_referenced_event(rule, event, settings)
    index_and_id(event)  # a wrong reference is reported before a cluster that does not answer
    with open_watcher(settings) as app:
        return app.explain_event(rule, event)


def _print_event(explained: tuple[SourceExplanation, ...], *, as_json: bool) -> None:
    if as_json:
        write_json([{"source": item.source, **explanation_json(item.explanation)} for item in explained])
    for item in () if as_json else explained:
        if len(explained) > 1:
            terminal().print(f"source `{item.source}`", style="dim")
        terminal().print(render_explanation(item.explanation))
    if not any(item.explanation.holds for item in explained):
        raise typer.Exit(EXIT_FINDINGS)


def _print_rule(rule: Rule, settings: Settings, *, as_json: bool) -> None:
    from watcher.present.plan_tables import print_plan, rule_plan_json  # noqa: PLC0415 - loads the engine clients

    with open_watcher(settings) as app:
        plans = app.explain_rule(rule)
    if as_json:
        write_json([rule_plan_json(plan) for plan in plans])
    for plan in () if as_json else plans:
        print_plan(terminal(), plan)


def _print_strategies(settings_file: Path | None, *, as_json: bool) -> None:
    from watcher.present.plan_tables import print_strategy, strategy_json  # noqa: PLC0415 - loads the engine clients

    with open_watcher(read_settings(settings_file)) as app:
        strategies = app.explain_strategies()
    if as_json:
        write_json([strategy_json(strategy) for strategy in strategies])
    for strategy in () if as_json else strategies:
        print_strategy(terminal(), strategy)
