"""`watcher match`: hunting through files of events, without a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from watcher import app as wiring
from watcher.cli.common import EXIT_FINDINGS, SettingsFile, out
from watcher.errors import InputError
from watcher.event_files.event_reader import FileEvent, event_files
from watcher.match.ruleset import Ruleset
from watcher.model import Level, Rule, Severity
from watcher.present.match_tables import hit_json, hits_table, rules_table
from watcher.printable import printable_text
from watcher.usecases.match_events import MatchSummary, compile_rules, match_file

_err = Console(stderr=True, highlight=False, markup=False)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(match)


def match(  # noqa: PLR0913 - each is an option
    rules: Annotated[Path, typer.Argument(help="A rule file, or a folder of rules.")],
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further files of events, as a shell's * gives them.")
    ] = None,
    *,
    events: Annotated[
        list[Path], typer.Option("--events", help="Files of events, or folders of them: EVTX, JSON lines, JSON, .gz.")
    ],
    settings_file: SettingsFile = None,
    level: Annotated[Level, typer.Option(help="The least level of the rules that are taken.")] = Level.INFORMATIONAL,
    limit: Annotated[int, typer.Option(min=0, help="The most hits to show.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write a line of JSON for every hit, as it is found.")
    ] = False,
) -> None:
    """Hunt through files of events, without a cluster.

    Exit code 1 where a rule or an event cannot be read or decided; what can be is matched.
    """
    settings = wiring.load_settings(settings_file)
    read = wiring.load_rules(settings, (rules,))
    counting = [rule for rule in read.rules if rule.aggregation is not None]
    taken = [rule for rule in read.rules if rule.aggregation is None and rule.level.rank >= level.rank]
    if not taken:
        first = next((str(one) for one in read.findings), f"`{rules}` holds no rule of level {level} or higher")
        raise InputError(first, fix="name a rule file, or a folder of rules")
    files = [file for path in (*events, *(more or ())) for file in event_files(path)]
    catch = MatchSummary(limit)
    _search(compile_rules(taken, settings.sources[0]), files, catch, _write if as_json else _keep)
    if counting:
        _say(f"{len(counting)} rules count events, which watcher does not: they were left out")
    faulty = sum(one.severity is Severity.ERROR for one in read.findings)
    if not as_json:
        _show(catch, taken, files)
    if faulty:
        _say(f"{faulty} rules cannot be read and were left out: `watcher check {rules}` says why")
    if faulty or catch.faults or catch.undecided:
        raise typer.Exit(EXIT_FINDINGS)


def _write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line, default=str) + "\n")


def _keep(_: dict[str, object]) -> None:
    """Leave a hit to the tables."""


def _search(
    ruleset: Ruleset, files: Sequence[Path], catch: MatchSummary, tell: Callable[[dict[str, object]], None]
) -> None:
    with _bar(files) as advance:
        for file in files:
            try:
                for one in match_file(ruleset, file, advance(file)):
                    if isinstance(one, InputError):
                        catch.faults += 1
                        _say(str(one))
                        continue
                    catch.add(one)
                    for rule in one.undecided:
                        _say(_undecided(rule, one.file_event))
                    for rule in one.rules:
                        tell(hit_json(rule, one.file_event))
            except InputError as fault:
                catch.faults += 1
                _say(str(fault))


@contextmanager
def _bar(files: Sequence[Path]) -> Iterator[Callable[[Path], Callable[[int], None]]]:
    """Show how much of the files is read; on no terminal nothing is shown."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    sizes = {file: file.stat().st_size for file in files}
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        task = progress.add_task("reading", total=sum(sizes.values()))
        done = 0

        def advance(file: Path) -> Callable[[int], None]:
            nonlocal done
            before, done = done, done + sizes[file]
            progress.update(task, completed=before, description=printable_text(file.name)[:40])
            return lambda position: progress.update(task, completed=before + position)

        yield advance


def _say(sentence: str) -> None:
    _err.print(Text(printable_text(sentence), style="yellow"), soft_wrap=True)


def _undecided(rule: Rule, file_event: FileEvent) -> str:
    return (
        f"{file_event.file}:{file_event.number}: undecided: the rule `{rule.title}` takes too long on this event; "
        "rewrite its expression without repetitions inside repetitions"
    )


def _show(catch: MatchSummary, rules: Sequence[Rule], files: Sequence[Path]) -> None:
    if catch.tallies:
        out.print(rules_table(catch.ranked()))
    if catch.shown:
        out.print(hits_table(catch.shown))
    left = catch.hits - len(catch.shown)
    if left:
        out.print(f"{left:,} more hits: --limit shows more, --json writes all", style="dim")
    out.print(
        f"{catch.hits:,} hits of {len(catch.tallies):,} rules in {catch.events:,} events; "
        f"{len(rules):,} rules, {_files(len(files))}"
        + (f"; {catch.faults:,} cannot be read" if catch.faults else "")
        + (f"; {catch.undecided:,} undecided" if catch.undecided else "")
    )


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"
