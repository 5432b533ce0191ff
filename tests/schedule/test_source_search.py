"""Live search, gap filler and late-event check together open the alerts of one search over everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_source import MINUTE, FakeSource, arriving
from support.fakes import EPOCH, NOW

from watcher.checkpoints.gaps import SLICE, slice_floor
from watcher.errors import ClusterError, Incomplete
from watcher.model import EventDocument, Window
from watcher.settings import LateEventSettings, Source
from watcher.timestamps import format_timestamp


def test_events_of_the_future_are_found_at_once_and_not_again_when_their_time_comes() -> None:
    fake = FakeSource()
    fake.search.live.advance()
    fake.events.feed(arriving(1, NOW + 60 * MINUTE))
    fake.search.late_events.check()
    assert len(fake.ids("hits")) == 1
    fake.events.time = NOW + 61 * MINUTE
    fake.search.live.advance()
    fake.search.gaps.fill(MINUTE)
    assert (len(fake.ids("hits")), len(fake.ids("alerts"))) == (1, 1)


def test_by_arrival_time_alerts_are_still_those_of_the_events_own_time() -> None:
    source = Source(delay=timedelta(0), time_field="event.ingested")
    fake, plain = FakeSource(source=source), FakeSource()
    late = arriving(1, NOW - timedelta(hours=2))
    ingested = EventDocument(
        index=late.index,
        id=late.id,
        event={**late.event, "event": {"code": "4688", "ingested": format_timestamp(NOW - MINUTE)}},
    )
    fake.events.feed(ingested)
    result = fake.search.live.advance()
    assert result is not None
    assert result.hits == 1
    plain.searched(NOW - timedelta(days=1), NOW)
    plain.events.feed(late)
    plain.events.time += MINUTE
    plain.search.late_events.check()
    assert fake.ids("hits") == plain.ids("hits")
    assert fake.ids("alerts") == plain.ids("alerts")


HOSTS = ("A", "B", None)


minutes_of_events = st.lists(
    st.tuples(
        st.integers(0, 300),  # minute of the event
        st.one_of(st.just(0), st.integers(0, 400), st.integers(-200, 0)),  # how many minutes later it can be searched
        st.sampled_from(HOSTS),
        st.sampled_from(("a shell", "notepad")),
    ),
    max_size=12,
)


def everything(documents: Sequence[EventDocument], since: datetime) -> tuple[set[str], set[str]]:
    """Return the hits and alerts of one search over all of some events."""
    fake = FakeSource()
    fake.events.feed(*documents, at=EPOCH)
    fake.search.rules.detector.detect(Window(start=since, end=NOW + timedelta(days=3)))
    return fake.ids("hits"), fake.ids("alerts")


@settings(max_examples=60, deadline=None)
@given(
    events=minutes_of_events,
    ticks=st.lists(st.integers(1, 90), min_size=1, max_size=12),
    faults=st.sets(st.integers(0, 11)),
)
def test_searches_at_random_times_open_the_alerts_of_one_search_over_everything(
    events: list[tuple[int, int, str | None, str]], ticks: list[int], faults: set[int]
) -> None:
    source = Source(
        delay=timedelta(0), slice=timedelta(minutes=30), late_events=LateEventSettings(every=MINUTE), search="query"
    )
    fake = FakeSource(source=source)
    fake.search.live.advance()
    documents = [
        arriving(number, NOW + minute * MINUTE, host=host, CommandLine=line)
        for number, (minute, _, host, line) in enumerate(events)
    ]
    for document, (minute, late, _, _) in zip(documents, events, strict=True):
        fake.events.feed(document, at=NOW + (minute + late) * MINUTE)
    for number, wait in enumerate([*ticks, 300, 900, 60, 60, 60]):
        fake.events.time += wait * MINUTE
        fake.events.answers = [Incomplete("a shard")] if number in faults and number < len(ticks) else []
        for work in (fake.search.live.advance, lambda: fake.search.gaps.fill(MINUTE), fake.search.late_events.check):
            try:
                work()
            except ClusterError:
                fake.events.answers = []
    assert (fake.ids("hits"), fake.ids("alerts")) == everything(documents, slice_floor(NOW) - SLICE)
