"""Absence while the cluster, the sidecars and a host's clock fail: no false alarm, no miss, each resolved once."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from random import randrange

import pytest
from structlog.testing import capture_logs
from support.absence_schedules import Outcome, outcome

from watcher.alerts.alert_history import history_of, status_of
from watcher.model import AlertStatus, TriageAction
from watcher.model.correlation_evidence import CorrelationEvidence
from watcher.ports import StoredDocument
from watcher.timestamps import format_since_1970, milliseconds

FIRST_SEED = 20_261_128
AT_ONCE = 250  # schedules of a process


def alarms(seed: int) -> int:
    """Compare the recorded absences with those of all events in order, and return their number."""
    with capture_logs():
        run = outcome(seed)
    missed, false = run.due - run.recorded, run.recorded - run.possible
    assert not missed | false, f"seed {seed}: {len(missed)} missed, {len(false)} false"
    assert len(run.alerts) == len(run.recorded), f"seed {seed}: each absence has an alert"
    for alert in run.alerts:
        check_resolved(seed, run, alert)
    return len(run.recorded)


def check_resolved(seed: int, run: Outcome, alert: StoredDocument) -> None:
    """Check that an alert is resolved once if its host was seen again, at the time of an event, and only then."""
    host = alert.document["watcher"]["alert"]["key"][0].removeprefix("host=").casefold()
    last = milliseconds(CorrelationEvidence.from_document(alert.document["watcher"]["correlation"]).last)
    history = history_of(alert.document)
    assert len(history) <= 1, f"seed {seed}: {host} is resolved more than once"
    assert history or not run.times_of(host, last, arrived=run.decided), f"seed {seed}: {host} is not resolved"
    for entry in history:
        assert (entry.action, entry.by, status_of(alert.document)) == (
            TriageAction.RESOLVE,
            "watcher",
            AlertStatus.CLOSED,
        )
        assert any(format_since_1970(time) in entry.comment for time in run.times_of(host, last)), entry.comment


def alarms_from(first: int) -> int:
    """Compare the runs of many seeds, and return the number of their absences."""
    return sum(alarms(first + number) for number in range(AT_ONCE))


def test_outages_and_clocks_raise_no_false_alarm_and_hide_no_silence() -> None:
    assert sum(alarms(FIRST_SEED + number) for number in range(80)) > 80


@pytest.mark.slow
def test_many_schedules_raise_no_false_alarm_and_hide_no_silence() -> None:
    first = randrange(10**12)  # noqa: S311 - a seed that failures name
    print(f"first seed: {first}")  # noqa: T201 - repeats the run
    with ProcessPoolExecutor() as processes:
        alarmed = sum(processes.map(alarms_from, range(first, first + 20_000, AT_ONCE)))
    assert alarmed > 20_000
