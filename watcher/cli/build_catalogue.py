"""`watcher catalogue` and `watcher attack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watcher import app as wiring
from watcher.catalogue.assumed_mapping import assumed
from watcher.catalogue.attack import read_table, shipped_table, write_table
from watcher.catalogue.catalogue import Catalogue
from watcher.catalogue.entries import SourceMapping, build_entries, unplaced
from watcher.catalogue.live_data import GatheredData, gather_live
from watcher.catalogue.pages import files
from watcher.catalogue.site import WriteResult, write_site
from watcher.cli.common import EXIT_FINDINGS, SettingsFile
from watcher.cli.common import out as terminal
from watcher.clock import SystemClock
from watcher.errors import InputError
from watcher.model import Location
from watcher.printable import printable_text
from watcher.ruletests.suites import files_of_tests
from watcher.settings import Folder, Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.translate.plan import paths_of
from watcher.usecases.check_rules import review


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(catalogue)
    app.command()(attack)


def catalogue(  # noqa: PLR0913 - what can be asked for stands in its signature
    out: Annotated[Path, typer.Argument(help="Where the site goes: new, empty, or an older site.")],
    paths: Annotated[list[Path] | None, typer.Argument(help="Rule files or folders; else those of settings.")] = None,
    *,
    settings_file: SettingsFile = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the cluster too: mappings, events, hits.")] = False,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back the cluster is asked.")] = 7,
    attack_file: Annotated[
        Path | None, typer.Option("--attack", help="ATT&CK data to take in place of the shipped table.")
    ] = None,
) -> None:
    """Build a site of all rules, to be opened in a browser.

    It needs no server and asks nothing of any: it can be opened from disk, put on a file share or any web server, and
    two builds can be compared by their files.
    """
    settings = wiring.load_settings(settings_file)
    rules = wiring.load_rules(settings, paths or ())
    table = read_table(attack_file) if attack_file else shipped_table()
    gathered = _live(settings, rules, days) if live else _assumed(settings, rules)
    folders = (*wiring.folders(settings), *(Folder(name=path.resolve().name, path=path) for path in paths or ()))
    stray = files_of_tests(folder.path for folder in folders)
    found = review(rules, settings.sources[0], today=SystemClock().now().date(), matrix=table, stray=stray)
    said = (*found, *gathered.findings)
    made = Catalogue(
        entries=build_entries(rules.rules, folders, gathered.asked, settings.check.allow, said),
        attack=table,
        findings=unplaced(rules.rules, settings.check.allow, said),
        live=gathered.live,
        assumed=gathered.live is None,
        folders=folders,
    )
    _tell(made, write_site(out, files(made)), out)
    if made.live is not None and made.live.problems:
        raise typer.Exit(EXIT_FINDINGS)


def _tell(made: Catalogue, written: WriteResult, folder: Path) -> None:
    for problem in made.live.problems if made.live is not None else ():
        terminal.print(f"the cluster: {printable_text(problem)}", soft_wrap=True)
    many = "1 rule" if len(made.entries) == 1 else f"{len(made.entries):,} rules"
    terminal.print(
        f"{many}: {written.files:,} files, {written.changed:,} of them written, {written.removed:,} removed; "
        f"open {printable_text(folder / 'index.html')}",
        soft_wrap=True,
    )


def _assumed(settings: Settings, rules: LoadedRules) -> GatheredData:
    asked = (SourceMapping(source=one, mapping=assumed(one, paths_of(rules.rules, one))) for one in settings.sources)
    return GatheredData(live=None, asked=tuple(asked), findings=())


def _live(settings: Settings, rules: LoadedRules, days: int) -> GatheredData:
    connections = wiring.connect_clusters(settings)
    try:
        return gather_live(settings, connections.events.events(), connections.state.state(), rules.rules, days=days)
    finally:
        connections.close()


def attack(
    bundle: Annotated[Path, typer.Argument(help="MITRE's `enterprise-attack.json`, a STIX bundle, or a table.")],
    table: Annotated[Path, typer.Argument(help="Where the table goes.")],
) -> None:
    """Make a table of ATT&CK's names for the catalogue.

    It is small, and two versions can be compared line by line; `watcher catalogue --attack` takes it.
    """
    made = read_table(bundle)
    try:
        table.write_text(write_table(made), encoding="utf-8")
    except OSError as fault:
        raise InputError(
            f"the table cannot be written: {fault.strerror}",
            location=Location(file=str(table), line=1),
            fix="name another file",
        ) from fault
    terminal.print(
        f"ATT&CK {printable_text(made.version)} of {printable_text(made.as_of)}: {len(made.techniques):,} techniques"
    )
