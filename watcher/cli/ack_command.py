"""`watcher ack`."""

from __future__ import annotations

from watcher.cli.triage_options import TriageTarget, over_alerts, triage
from watcher.model import TriageAction


@over_alerts
def ack(selection: TriageTarget) -> None:
    """Acknowledge alerts: somebody works on them.

    An acknowledged alert is never escalated. One that is acknowledged stays as it is; a comment is added all the same.
    """
    triage(selection, TriageAction.ACKNOWLEDGE)
