"""`watcher comment`."""

from __future__ import annotations

from watcher.cli.triage_options import TriageTarget, over_alerts, triage
from watcher.errors import SettingsError
from watcher.model import TriageAction


@over_alerts
def comment(selection: TriageTarget) -> None:
    """Add a comment to the history of alerts.

    The status stays as it is.
    """
    if not selection.comment:
        raise SettingsError("there is no comment", fix="write it with `--comment`")
    triage(selection, TriageAction.COMMENT)
