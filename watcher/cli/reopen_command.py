"""`watcher reopen`."""

from __future__ import annotations

from watcher.cli.triage_options import TriageTarget, over_alerts, triage
from watcher.model import TriageAction


@over_alerts
def reopen(selection: TriageTarget) -> None:
    """Open alerts again that were acknowledged or closed.

    The history stays as it is.
    """
    triage(selection, TriageAction.REOPEN)
