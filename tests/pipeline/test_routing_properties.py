"""Random histories of alerts, routes, triage and failing channels: every hit ends in exactly one outcome."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.routed_alerts import RoutedAlerts

from watcher.delivery.delivery_record import delivery_record
from watcher.delivery.hit_outcomes import HitOutcome
from watcher.errors import DeliveryError
from watcher.model import Level
from watcher.routes import parse_matchers
from watcher.routes.calendars import Calendar, TimeSpan
from watcher.routes.route_tree import Escalation, Inhibition, Route, RouteTree

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAY = Calendar(name="day", hours=(TimeSpan(start=8 * 60, end=17 * 60),))
TEXTS = ["level>=high", "level<=low", "host=A", "host!=A", "level!=medium"]
CHANNELS = st.lists(st.sampled_from(["mail", "slack"]), min_size=1, unique=True).map(tuple)
ROUTES = st.lists(
    st.builds(
        lambda number, **values: Route(name=f"r{number}", **values),
        number=st.integers(0, 9),
        matchers=st.sampled_from(["level>=high", "level<=low", "host=A", "host!=A", "level!=medium"]).map(
            parse_matchers
        ),
        outside=st.sampled_from([(), (DAY,)]),
        receivers=CHANNELS,
        goes_on=st.booleans(),
        digest=st.sampled_from([None, HOUR]),
        escalations=st.sampled_from([(), (Escalation(after=30 * MINUTE, receivers=("pager",)),)]),
    ),
    max_size=3,
).map(tuple)
INHIBITION = Inhibition(
    sources=parse_matchers("level=critical"), targets=parse_matchers("level<=low"), equal=("host",), within=HOUR
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from(Level), st.sampled_from("AB"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("wait"), st.integers(1, 50)),
        st.tuples(st.just("acknowledge"), st.integers(0, 9)),
        st.tuples(st.just("fail"), st.sampled_from(["mail", "slack", "pager"])),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(routes=ROUTES, steps=STEPS)
def test_every_hit_ends_in_exactly_one_outcome(routes: tuple[Route, ...], steps: list[tuple]) -> None:
    alerts = RoutedAlerts(RouteTree(routes=routes, inhibitions=(INHIBITION,)))
    ids: list[str] = []
    for kind, *values in steps:
        match kind:
            case "open":
                ids.append(alerts.open(values[0], values[1], command=values[2]))
            case "wait":
                alerts.deliver(values[0] * MINUTE)
            case "acknowledge" if ids:
                alerts.acknowledge(ids[values[0] % len(ids)])
            case "fail":
                alerts.channels[values[0]].faults.append(DeliveryError("503", permanent=False))
    for _ in range(8):
        alerts.deliver(HOUR)
    for stored in alerts.alerts():
        own = stored.document["watcher"]
        hits = int(own["joined"]["count"])
        for record in delivery_record(stored.document):
            assert sum(record.hits.values()) == hits
            assert HitOutcome.PENDING not in record.hits
            assert HitOutcome.ACKNOWLEDGED not in record.hits or own["alert"]["state"] == "acknowledged"
            if HitOutcome.INHIBITED in record.hits:
                assert own["rule"]["level"] in ("low", "informational")
