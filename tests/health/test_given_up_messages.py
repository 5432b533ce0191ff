"""A message that a channel refused for good is a problem, also while the channel accepts others."""

from __future__ import annotations

from datetime import timedelta

from support.fakes import NOW
from support.routed_alerts import RoutedAlerts

from watcher.delivery.failed_deliveries import Resender, ResendFilter
from watcher.errors import DeliveryError
from watcher.health.given_up_messages import given_up_problems, read_given_up
from watcher.health.recorded_problems import ProblemKind
from watcher.routes.route_tree import Route, RouteTree
from watcher.state.state_documents import StateDocuments

HOUR = timedelta(hours=1)


def refused() -> RoutedAlerts:
    """Return a state in which Slack refused two messages for good, and then accepted one."""
    alerts = RoutedAlerts(RouteTree(routes=(Route(name="all", receivers=("slack", "mail")),)))
    alerts.channels["slack"].faults = [DeliveryError(f"400 number {number}", permanent=True) for number in (1, 2)]
    for host in ("A", "B", "C"):
        alerts.open(host=host)
        alerts.deliver(HOUR)
    assert alerts.taken() == {"mail": 3, "slack": 1}
    return alerts


def test_messages_that_were_given_up_are_a_problem_although_the_channel_accepts_others() -> None:
    alerts = refused()
    (problem,) = given_up_problems(read_given_up(alerts.state, "watcher", now=alerts.now))
    assert (problem.kind, problem.subject) == (ProblemKind.MESSAGES_GIVEN_UP, "slack")
    assert problem.message == (
        "channel `slack` refused messages for good: 2 messages given up in the last day, the last with: 400 number 2; "
        "mend the cause, then send them again by `watcher resend --channel slack`"
    )


def test_the_problem_is_over_when_they_are_sent_again_or_after_a_day() -> None:
    alerts = refused()
    assert read_given_up(alerts.state, "watcher", now=NOW + 25 * HOUR)["slack"].messages == 2
    assert read_given_up(alerts.state, "watcher", now=NOW + 26 * HOUR)["slack"].messages == 1
    assert read_given_up(alerts.state, "watcher", now=NOW + 27 * HOUR) == {}
    resender = Resender(alerts.state, StateDocuments(alerts.state))
    resender.resend(resender.failed(ResendFilter()), by="ada", now=alerts.now)
    assert read_given_up(alerts.state, "watcher", now=alerts.now) == {}
