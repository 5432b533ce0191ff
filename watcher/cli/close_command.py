"""`watcher close`."""

from __future__ import annotations

from typing import Annotated

import typer

from watcher.cli.triage_options import TriageTarget, over_alerts, triage
from watcher.model import CloseReason, TriageAction

Reason = Annotated[CloseReason, typer.Option("--reason", help="Why: what the alert was.")]


@over_alerts
def close(selection: TriageTarget, *, reason: Reason) -> None:
    """Close alerts, with a reason.

    A later hit of the same quiet period joins a closed alert and does not open it. The first one is an update, which
    says so.
    """
    triage(selection, TriageAction.CLOSE, reason=reason)
