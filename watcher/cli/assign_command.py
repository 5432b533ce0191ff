"""`watcher assign`."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher.cli.triage_options import TriageTarget, over_alerts, triage
from watcher.model import TriageAction

Assignee = Annotated[str, typer.Option("--to", help="Who works on them; an empty name takes the assignment back.")]


@over_alerts
def assign(selection: TriageTarget, *, assignee: Assignee) -> None:
    """Assign alerts to somebody.

    The status stays as it is.
    """
    triage(selection, TriageAction.ASSIGN, assignee=assignee)
