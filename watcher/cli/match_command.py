"""`watcher match`."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from watcher.cli.common import SettingsFile, error_terminal, read_settings, terminal
from watcher.cli.exit_codes import EXIT_FINDINGS
from watcher.errors import InputError
from watcher.model import Level
from watcher.present.correlation_tables import correlation_json, correlations_table
from watcher.present.match_tables import hit_json, hits_table, match_summary, rules_table
from watcher.present.progress_bars import file_bars, large_work
from watcher.printable import printable_text
from watcher.usecases.match_correlations import CorrelationCollector, MatchedCorrelations, tallies
from watcher.usecases.match_events import (
    MatchedChunk,
    MatchedEvent,
    MatchSummary,
    RulesToMatch,
    event_files_of,
    rules_to_match,
)
from watcher.usecases.match_workers import matched_files


def match(  # noqa: PLR0913 - each is an option
    rules: Annotated[Path, typer.Argument(help="Rule file, or folder of rules.")],
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further files of events, for use with shell wildcards.")
    ] = None,
    *,
    events: Annotated[
        list[Path], typer.Option("--events", help="Files or folders of events: EVTX, JSON lines, JSON, .gz.")
    ],
    settings_file: SettingsFile = None,
    level: Annotated[Level, typer.Option(help="Lowest level of the rules to match.")] = Level.INFORMATIONAL,
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of hits to show.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one line of JSON per hit, as soon as it is found.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", help="Worker processes (0 = one per CPU, none for few events).", min=0)
    ] = 0,
) -> None:
    """Match files of events, without a cluster.

    The exit code is 1 if a rule or an event cannot be read or decided; the others are matched.
    """
    console = error_terminal()  # of progress and warnings alike, so that neither overwrites the other
    with large_work(console) as show:
        selected = rules_to_match(read_settings(settings_file), rules, level, show("reading rules"))
    files = event_files_of((*events, *(more or ())))
    summary, collector = MatchSummary(limit), CorrelationCollector(selected.plan)
    with closing(_match_files(selected, files, workers, console)) as chunks:
        for chunk in chunks:
            summary.add(chunk)
            collector.add(chunk)
            if as_json:
                _write_hits(chunk)
    correlated = collector.result()
    if as_json:
        _write_correlations(correlated, selected)
    else:
        _print_correlations(correlated, selected)
        _print(summary, len(selected.rules), len(files))
    for text in correlated.uncounted:
        _warn(console, text)
    if correlated.undecided:
        _warn(console, f"{correlated.undecided:,} matches of correlations are undecided: the events end too early")
    if selected.faulty:
        _warn(
            console,
            f"{selected.faulty} rules cannot be read and were left out: `watcher check {rules}` lists the errors",
        )
    if summary.first_unrecognized is not None:
        first = summary.first_unrecognized
        _warn(
            console,
            f"{summary.unrecognized:,} documents have no channel; first at line {first.line} of `{first.file}`; "
            "write them as Winlogbeat ships them, or as JSON of their XML",
        )
    if selected.faulty or summary.faults or summary.undecided or summary.unrecognized:
        raise typer.Exit(EXIT_FINDINGS)


def _match_files(
    selected: RulesToMatch, files: Sequence[Path], workers: int, console: Console
) -> Generator[MatchedChunk]:
    """Yield the outcome of every part of the files; what cannot be read becomes a warning."""
    with matched_files(selected, files, workers) as chunks, file_bars(console, files) as show:
        for chunk in chunks:
            show(chunk.path, chunk.end)
            for item in chunk.items:
                if isinstance(item, InputError):
                    _warn(console, str(item))
                else:
                    _warn_undecided(console, item)
            yield chunk


def _write_hits(chunk: MatchedChunk) -> None:
    for item in chunk.items:
        if isinstance(item, MatchedEvent):
            for rule in item.rules:
                sys.stdout.write(json.dumps(hit_json(rule, item), default=str) + "\n")
    sys.stdout.flush()


def _write_correlations(correlated: MatchedCorrelations, selected: RulesToMatch) -> None:
    titles = {rule.id: rule.title for rule in (*selected.rules, *selected.plan.rules.values())}
    for hit in correlated.hits:
        sys.stdout.write(json.dumps(correlation_json(hit, selected.plan, titles)) + "\n")
    sys.stdout.flush()


def _print_correlations(correlated: MatchedCorrelations, selected: RulesToMatch) -> None:
    if correlated.hits:
        terminal().print(correlations_table(tallies(correlated.hits), selected.plan))


def _warn_undecided(console: Console, matched: MatchedEvent) -> None:
    for rule in matched.undecided:
        _warn(
            console,
            f"{matched.file_event}: undecided: the rule `{rule.title}` takes too long on this event; "
            "rewrite its expression without repetitions inside repetitions",
        )


def _warn(console: Console, sentence: str) -> None:
    console.print(Text(printable_text(sentence), style="yellow"), soft_wrap=True)


def _print(summary: MatchSummary, rules: int, files: int) -> None:
    if summary.tallies:
        terminal().print(rules_table(summary.ranked()))
    if summary.shown:
        terminal().print(hits_table(summary.shown))
    hidden = summary.hits - len(summary.shown)
    if hidden:
        terminal().print(f"{hidden:,} more hits: --limit shows more, --json writes all", style="dim")
    terminal().print(match_summary(summary, rules=rules, files=files))
