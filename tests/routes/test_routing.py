from datetime import UTC, datetime, timedelta

import pytest

from watcher.model import RoutedReceiver
from watcher.model.routed_receivers import next_digest
from watcher.routes import parse_matchers
from watcher.routes.calendars import Calendar, TimeSpan
from watcher.routes.route_tree import Escalation, Inhibition, Route, RouteTree
from watcher.routes.routing import RouteReason, Routing, inhibits, route_alert, route_condition

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = Calendar(name="day", hours=(TimeSpan(start=8 * 60, end=17 * 60),))
NIGHT = Calendar(name="night", hours=(TimeSpan(start=17 * 60, end=8 * 60),))
HIGH = {"level": ("high",), "host": ("DC01",)}
LOW = {"level": ("low",), "host": ("WS1",)}
HIGHS = parse_matchers("level>=high")


def routed(*routes: Route, labels: dict[str, tuple[str, ...]] = HIGH, at: datetime = NOON) -> Routing:
    return route_alert(labels, at=at, tree=RouteTree(routes=routes), default=("mail", "slack"))


def channels(routing: Routing) -> list[str]:
    return [receiver.channel for receiver in routing.receivers]


def reasons(routing: Routing) -> list[tuple[str, str, int]]:
    return [(step.route, str(step.reason), step.depth) for step in routing.steps]


def test_without_a_route_that_matches_the_channels_of_the_rule_are_receivers() -> None:
    routing = routed(Route(name="high", matchers=HIGHS, receivers=("pager",)), labels=LOW)
    assert routing.receivers == (RoutedReceiver(channel="mail"), RoutedReceiver(channel="slack"))
    assert reasons(routing) == [("high", "labels", 0), ("", "default", 0)]
    assert routing.steps[0].detail == 'level>="high" does not hold: it is low'
    assert routing.taken == ("default",)


def test_the_first_route_that_matches_decides() -> None:
    routing = routed(
        Route(name="high", matchers=HIGHS, receivers=("pager", "mail")),
        Route(name="all", receivers=("slack",)),
        Route(name="more", receivers=("jira",)),
    )
    assert routing.receivers == (
        RoutedReceiver(channel="pager", route="high"),
        RoutedReceiver(channel="mail", route="high"),
    )
    assert reasons(routing) == [("high", "matched", 0), ("all", "not reached", 0), ("more", "not reached", 0)]
    assert [step.detail for step in routing.steps] == ['level>="high"', *["`high` matched and does not continue"] * 2]
    assert routing.taken == ("high",)


def test_a_route_that_continues_adds_the_receivers_of_later_ones() -> None:
    routing = routed(
        Route(name="high", matchers=HIGHS, receivers=("pager",), goes_on=True),
        Route(name="all", receivers=("slack",)),
    )
    assert channels(routing) == ["pager", "slack"]
    assert routing.taken == ("high", "all")
    assert routing.steps[1].detail == "every alert"


def test_a_route_without_receivers_notifies_nobody() -> None:
    routing = routed(Route(name="nobody"))
    assert routing.receivers == ()
    assert routing.taken == ("nobody",)


def test_routes_within_a_route_decide_where_they_match() -> None:
    inner = Route(name="dc", matchers=parse_matchers("host=DC01"), receivers=("pager",))
    outer = Route(name="high", matchers=HIGHS, receivers=("mail",), routes=(inner,))
    routing = routed(outer)
    assert channels(routing) == ["pager"]
    assert reasons(routing) == [("high", "matched", 0), ("dc", "matched", 1)]
    routing = routed(outer, labels={"level": ("high",), "host": ("WS1",)})
    assert channels(routing) == ["mail"]
    assert reasons(routing) == [("high", "matched", 0), ("dc", "labels", 1)]


def test_an_inner_route_that_continues_leaves_the_outer_one_as_it_is() -> None:
    first = Route(name="first", receivers=("pager",), goes_on=True)
    second = Route(name="second", receivers=("jira",))
    outer = Route(name="outer", receivers=("mail",), routes=(first, second))
    routing = routed(outer, Route(name="later", receivers=("slack",)))
    assert channels(routing) == ["pager", "jira"]
    assert reasons(routing)[-1] == ("later", "not reached", 0)


@pytest.mark.parametrize(
    ("hour", "channel"), [(7, "night"), (8, "day"), (16, "day"), (17, "night"), (23, "night"), (0, "night")]
)
def test_calendars_decide(hour: int, channel: str) -> None:
    routes = (
        Route(name="d", during=(DAY,), receivers=("day",)),
        Route(name="n", during=(NIGHT,), receivers=("night",)),
    )
    assert channels(routed(*routes, at=NOON.replace(hour=hour))) == [channel]
    outside = (Route(name="n", outside=(DAY,), receivers=("night",)), Route(name="d", receivers=("day",)))
    assert channels(routed(*outside, at=NOON.replace(hour=hour))) == [channel]


def test_one_calendar_of_several_is_enough_and_one_is_too_much() -> None:
    assert channels(routed(Route(name="r", during=(NIGHT, DAY), receivers=("x",)))) == ["x"]
    routing = routed(Route(name="r", outside=(NIGHT, DAY), receivers=("x",)))
    assert channels(routing) == ["mail", "slack"]
    assert routing.steps[0].reason is RouteReason.CALENDAR
    assert routing.steps[0].detail == "the time is within day"
    routing = routed(Route(name="r", during=(NIGHT,), receivers=("x",)))
    assert routing.steps[0].detail == "the time is outside of night"


def test_the_labels_are_compared_before_the_time_and_all_of_them() -> None:
    route = Route(name="r", matchers=parse_matchers("level=high, host=WS1, source=x"), during=(NIGHT,))
    (step, _) = routed(route).steps
    assert step.detail == 'host="WS1" does not hold: it is DC01'
    missing = Route(name="r", matchers=parse_matchers("source=x"))
    assert routed(missing).steps[0].detail == 'source="x" does not hold: it is nothing'
    several = Route(name="r", matchers=parse_matchers("tag=x"))
    labels = {"tag": ("a", "b")}
    assert routed(several, labels=labels).steps[0].detail == 'tag="x" does not hold: it is a, b'


def test_escalations_come_after_the_receivers() -> None:
    stages = (Escalation(after=HOUR, receivers=("pager",)), Escalation(after=2 * HOUR, receivers=("boss", "mail")))
    routing = routed(Route(name="r", receivers=("mail",), escalations=stages))
    assert [(receiver.channel, receiver.after) for receiver in routing.receivers] == [
        ("mail", timedelta(0)),
        ("pager", HOUR),
        ("boss", 2 * HOUR),
    ]
    assert [receiver.is_escalation for receiver in routing.receivers] == [False, True, True]


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_routes_to_a_channel_the_earliest_message_counts(order: int) -> None:
    routes = (
        Route(name="escalates", escalations=(Escalation(after=HOUR * 2, receivers=("mail",)),), goes_on=True),
        Route(name="digests", receivers=("mail",), digest=HOUR, goes_on=True),
        Route(name="at-once", receivers=("mail",), goes_on=True),
    )
    (receiver,) = routed(*routes[::order]).receivers
    assert (receiver.route, receiver.digest) == ("at-once", None)
    (receiver,) = routed(*routes[:2][::order]).receivers
    assert (receiver.route, receiver.digest) == ("digests", HOUR)
    same = Route(name="same", receivers=("mail",))
    (receiver,) = routed(routes[2], same).receivers
    assert receiver.route == "at-once"


def test_digests_are_grouped_by_route_level_and_labels() -> None:
    def group(name: str, *group_by: str, **labels: tuple[str, ...]) -> str:
        route = Route(name=name, receivers=("mail",), digest=HOUR, group_by=group_by)
        (receiver,) = routed(route, labels={"level": ("low",), "host": ("A",), **labels}).receivers
        assert receiver.digest == HOUR
        return receiver.group

    assert group("r") == group("r", host=("B",))
    assert group("r", "host") != group("r", "host", host=("B",))
    assert group("r", "host") == group("r", "host", user=("B",))
    assert group("r", "tag", tag=("a", "b")) == group("r", "tag", tag=("b", "a"))
    assert group("r", "host", "user", host=("A",), user=("B",)) != group("r", "host", "user", host=("A", "B"))
    assert len({group("r"), group("q"), group("r", level=("high",)), group("r", "host"), group("r", "user")}) == 5


def test_digests_are_due_at_full_intervals() -> None:
    assert next_digest(NOON, HOUR) == NOON + HOUR
    assert next_digest(NOON + timedelta(minutes=59, seconds=59), HOUR) == NOON + HOUR
    receiver = RoutedReceiver(channel="mail", digest=HOUR, group="g")
    assert receiver.due(NOON + timedelta(minutes=1)) == NOON + HOUR
    assert receiver.update_due(NOON) == NOON + HOUR
    assert RoutedReceiver(channel="mail").due(NOON) == NOON
    assert RoutedReceiver(channel="mail", after=HOUR).due(NOON) == NOON + HOUR
    assert RoutedReceiver(channel="mail", after=HOUR).update_due(NOON) == NOON


@pytest.mark.parametrize(
    "receiver",
    [
        RoutedReceiver(channel="mail"),
        RoutedReceiver(channel="mail", route="r", after=HOUR),
        RoutedReceiver(channel="mail", route="r", digest=HOUR, group="g"),
    ],
)
def test_a_receiver_is_stored(receiver: RoutedReceiver) -> None:
    assert RoutedReceiver.from_document("mail", receiver.as_document()) == receiver


def test_the_condition_of_a_route_in_words() -> None:
    route = Route(name="r", matchers=HIGHS, during=(DAY, NIGHT), outside=(DAY, NIGHT))
    expected = 'level>="high", during day, or night, outside of day, outside of night'
    assert route_condition(route) == expected
    assert Route(name="r").is_unconditional
    assert not any(part.is_unconditional for part in (route, Route(name="r", outside=(DAY,))))


def inhibition(source: str = "level=critical", target: str = "level<=low", *equal: str) -> Inhibition:
    matchers = parse_matchers(source), parse_matchers(target)
    return Inhibition(sources=matchers[0], targets=matchers[1], equal=equal or ("host",), within=HOUR)


def test_an_alert_of_a_higher_level_on_the_same_host_inhibits() -> None:
    critical = {"level": ("critical",), "host": ("ws1",)}
    assert inhibits(inhibition(), critical, LOW)
    assert not inhibits(inhibition(), critical, {**LOW, "host": ("WS2",)})
    assert not inhibits(inhibition(), critical, {**LOW, "level": ("medium",)})
    assert not inhibits(inhibition(), {**critical, "level": ("high",)}, LOW)
    assert not inhibits(inhibition("level=critical", "level<=low", "host", "user"), critical, LOW)
    assert not inhibits(inhibition("level=critical", "level<=low", "user", "host"), critical, LOW)


def test_no_alert_inhibits_one_of_the_same_level_or_a_higher_one() -> None:
    anything = inhibition("level>=informational", "level>=informational")
    assert not inhibits(anything, LOW, LOW)
    assert not inhibits(anything, LOW, {**HIGH, "host": ("WS1",)})
    assert inhibits(anything, {**HIGH, "host": ("WS1",)}, LOW)
    assert inhibits(inhibition("host=WS1", "host=WS1"), LOW, {"host": ("WS1",)})
    assert not inhibits(anything, {"host": ("WS1",)}, LOW)


def test_values_that_both_lack_are_not_equal() -> None:
    both = {"level": ("critical",)}, {"level": ("low",)}
    assert not inhibits(inhibition(), *both)
