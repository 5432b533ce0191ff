"""What the commands of triage share: the alerts that they change, the question before, and the result."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage, TriageResult
from watcher.cli.alert_options import Host, Levels, RuleName, Since, Statuses, Tag, User, advise_on_rule, alert_filter
from watcher.cli.common import SettingsFile, error_terminal, open_watcher, read_settings, terminal
from watcher.cli.exit_codes import EXIT_FINDINGS, EXIT_WRONG
from watcher.counted_nouns import counted
from watcher.model import CloseReason, TriageAction
from watcher.present.progress_bars import count_bar
from watcher.present.triage_tables import selected_table, triaged_lines
from watcher.usecases.person import person_of

if TYPE_CHECKING:
    from watcher.alerts.alert_triage import TriagedAlert
    from watcher.ports import StoredDocument

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of alerts.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="What to add to the history.")]
By = Annotated[str, typer.Option("--by", help="Who you are (default: `person` in settings, then user@machine).")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageTarget:
    """The alerts that a command changes, and who calls it."""

    selected: AlertFilter
    settings_file: Path | None
    comment: str
    by: str
    yes: bool

    @property
    def asks(self) -> bool:
        """Whether somebody must agree first: where a filter selects the alerts."""
        return not self.yes and AlertFilter(ids=self.selected.ids) != self.selected


def over_alerts(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options that select alerts; it gets them as its first argument, a `TriageTarget`."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = list(inspect.signature(_selection, eval_str=True).parameters.values())

    @wraps(command)
    def called(**values: Any) -> None:
        names = {parameter.name for parameter in own}
        selection = _selection(**{name: value for name, value in values.items() if name not in names})
        command(selection, **{name: values[name] for name in names})

    parameters = [*shared[:1], *own, *shared[1:]]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # Typer reads it
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _selection(  # noqa: PLR0913 - each is an option
    *,
    ids: Ids = None,
    comment: Comment = "",
    since: Since = None,
    levels: Levels = None,
    rule: RuleName = "",
    host: Host = "",
    user: User = "",
    status: Statuses = None,
    tag: Tag = "",
    by: By = "",
    yes: Yes = False,
    settings_file: SettingsFile = None,
) -> TriageTarget:
    selected = alert_filter(
        ids=ids, since=since, levels=levels, rule=rule, host=host, user=user, status=status, tag=tag
    )
    return TriageTarget(selected=selected, settings_file=settings_file, comment=comment.strip(), by=by, yes=yes)


def triage(
    selection: TriageTarget, action: TriageAction, *, reason: CloseReason | None = None, assignee: str = ""
) -> None:
    """Do an action to the selected alerts, and show what it did."""
    settings = read_settings(selection.settings_file)
    request = Triage(
        action=action,
        by=person_of(selection.by, settings.person),
        reason=reason,
        assignee=assignee.strip(),
        comment=selection.comment,
    )
    with open_watcher(settings) as app:
        alerts = app.select_for_triage(selection.selected)
        if not alerts:
            terminal().print("no alerts: nothing was changed")
            advise_on_rule(selection.selected, settings)
            return
        if selection.asks:
            _ask(alerts, action)
        with count_bar(error_terminal(), "changing alerts") as progress:
            results = app.triage(alerts, request, progress=progress)
    _show(results)


def _ask(alerts: Sequence[StoredDocument], action: TriageAction) -> None:
    """Show the alerts, and ask whether to go on; exit where the answer is no, or nobody can be asked."""
    terminal().print(selected_table(alerts))
    if not sys.stdin.isatty():
        terminal().print(f"nothing was changed; add `--yes` to have {counted(len(alerts), 'alert')} {action}")
        raise typer.Exit(EXIT_WRONG)
    if not typer.confirm(f"{counted(len(alerts), 'alert')} will be {action}. Go on?"):
        terminal().print("nothing was changed")
        raise typer.Exit


def _show(results: Sequence[TriagedAlert]) -> None:
    for line in triaged_lines(results):
        terminal().print(line)
    counts = Counter(result.result for result in results)
    if set(counts) - {TriageResult.CHANGED, TriageResult.UNCHANGED}:
        raise typer.Exit(EXIT_FINDINGS)
