"""A window on fakes: what is found is confirmed, recorded once, and hides nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, RULE, ListedEvents, effective, event_document, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import event_time
from watcher.errors import ClusterError, Refused, Unexpected, Unreachable
from watcher.match.event_view import EventView
from watcher.match.match_explainer import MatchExplainer
from watcher.model import EventDocument, Rule, UnreadableEvent, Window
from watcher.nesting import NOTE
from watcher.pipeline import BackfillSilence, DetectionScope, Detector, Stopped, UndecidedEvent, prepare_rule
from watcher.pipeline.event_memory import report_undecided
from watcher.ports import Page, SearchRequest
from watcher.search.undecided_events import UndecidedEvents
from watcher.settings import Settings, Source
from watcher.settings.effective import rule_settings

WINDOW = Window(start=NOW - timedelta(minutes=5), end=NOW)
OTHER = rule(RULE.replace("7f6f2c52", "8f6f2c52").replace("contains: shell", "contains: notepad"))


def detector(
    events: ListedEvents,
    state: MemoryDocuments,
    *rules: Rule,
    settings: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Detector:
    """Watch some rules."""
    source = Source(**settings or {})
    watched = [prepare_rule(outcome, rule_settings(outcome, Settings()), source) for outcome in rules or (rule(),)]
    return Detector(source=source, events=events, alert_store=AlertStore(state), rules=watched, **changes)


def test_events_that_a_query_returns_beyond_the_rule_are_no_hits() -> None:
    state = MemoryDocuments()
    events = ListedEvents([event_document(1), event_document(2, CommandLine="notepad")])
    detected = detector(events, state).detect(WINDOW)
    assert (detected.hits, detected.alerts) == (1, 1)
    assert [stored.document["watcher"]["hit"]["id"] for (i, _), stored in state.documents.items() if "hits" in i] == [
        "e1"
    ]


def test_alerts_and_their_updates_say_for_which_values_the_rule_matched() -> None:
    state = MemoryDocuments()
    users = [event_document(1, CommandLine="a shell"), event_document(2, CommandLine="Shell 2", SubjectUserName="bob")]
    detector(ListedEvents(users), state).detect(WINDOW)
    (own,) = [stored.document["watcher"] for (index, _), stored in state.documents.items() if "alerts" in index]
    first, joined = own["matched"], own["updates"][0]["matched"]
    words = ["contains `shell`"]
    assert first == [{"field": "CommandLine", "values": [{"text": "a shell", "marks": [[2, 7]]}], "words": words}]
    assert joined == [{"field": "CommandLine", "values": [{"text": "Shell 2", "marks": [[0, 5]]}], "words": words}]


def test_an_event_that_defeats_the_explanation_is_a_hit_all_the_same() -> None:
    watching = detector(ListedEvents([event_document(1)]), MemoryDocuments())
    (watched,) = watching.rules
    broken = replace(watched, explainer=MatchExplainer(watched.rule.node, None))  # type: ignore[arg-type]
    with capture_logs() as logs:
        detected = watching.with_rules([broken]).detect(WINDOW)
    assert (detected.hits, detected.unreadable) == (1, ())
    assert "hit.unexplained" in [entry["event"] for entry in logs]


def test_two_rules_on_one_event_are_two_hits_and_two_alerts() -> None:
    events = ListedEvents([event_document(1, CommandLine="notepad in a shell")])
    detected = detector(events, MemoryDocuments(), rule(), OTHER).detect(WINDOW)
    assert (detected.hits, detected.alerts) == (2, 2)


def test_the_same_window_again_records_nothing() -> None:
    state, events = MemoryDocuments(), ListedEvents([event_document()])
    detector(events, state).detect(WINDOW)
    again = detector(events, state).detect(WINDOW)
    assert (again.hits, again.alerts, again.is_complete) == (0, 0, True)


def test_an_unreadable_event_is_reported_and_hides_neither_others_nor_the_window() -> None:
    timeless = EventDocument(index="winlogbeat-1", id="odd", event={**event_document().event, "@timestamp": "no time"})
    state = MemoryDocuments()
    detected = detector(ListedEvents([timeless, event_document(2)]), state).detect(WINDOW)
    assert (detected.hits, detected.is_complete) == (1, True)
    (event,) = detected.unreadable
    assert (event.index, event.id) == ("winlogbeat-1", "odd")
    assert "the event has no `@timestamp`" in event.reason


def test_an_event_that_breaks_every_rule_is_reported_once_and_not_again() -> None:
    timeless = EventDocument(index="winlogbeat-1", id="odd", event={**event_document().event, "@timestamp": "no time"})
    rules = [rule(id=f"rule-{number}", title=f"Rule {number}") for number in range(20)]
    watching = detector(ListedEvents([timeless, event_document(2)]), MemoryDocuments(), *rules)
    with capture_logs() as logs:
        detected = watching.detect(WINDOW)
        watching.with_rules(watching.rules).detect(WINDOW)
    assert (detected.hits, len(detected.unreadable)) == (20, 1)
    reported = [entry for entry in logs if entry["event"] == "event.unreadable"]
    assert [entry["id"] for entry in reported] == ["odd"]
    assert len(str(reported[0])) < 1_000


def test_an_event_that_cannot_be_flattened_is_reported_once_and_hides_nothing() -> None:
    class Exploding(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError("x" * 1_000_000)

    broken = EventDocument(index="winlogbeat-1", id="odd", event=Exploding(event_document().event))
    with capture_logs() as logs:
        detected = detector(ListedEvents([broken, event_document(2)]), MemoryDocuments(), rule(), OTHER).detect(WINDOW)
    assert (detected.hits, detected.is_complete, [event.id for event in detected.unreadable]) == (1, True, ["odd"])
    assert len(str(logs)) < 5_000


def test_an_event_that_the_cluster_could_not_deliver_is_reported_and_counted() -> None:
    unreadable = UnreadableEvent(index="winlogbeat-1", id="odd", reason="an answer of the cluster is not valid JSON")
    page = Page(documents=(event_document(),), total=2, after=None, unreadable=(unreadable,))
    detected = detector(ListedEvents(answers=[page]), MemoryDocuments()).detect(WINDOW)
    assert (detected.hits, detected.is_complete, detected.unreadable) == (1, True, (unreadable,))


def test_an_event_nested_deep_is_found_and_stored_with_a_note() -> None:
    deep: Any = "a shell"
    for _ in range(990):
        deep = [deep]
    nested = EventDocument(index="winlogbeat-1", id="deep", event=event_document().event | {"unused": deep})
    nested.event["winlog"]["event_data"]["CommandLine"] = deep
    state = MemoryDocuments()
    detected = detector(ListedEvents([nested, event_document(2, host="DC01")]), state).detect(WINDOW)
    assert (detected.hits, detected.alerts, detected.is_complete, detected.unreadable) == (2, 2, True, ())
    (stored,) = [
        outcome.document
        for (index, _), outcome in state.documents.items()
        if "alerts" in index and outcome.document["watcher"]["hit"]["id"] == "deep"
    ]
    assert stored["process"]["command_line"] == "a shell"
    original = json.loads(stored["event"]["original"])
    assert original["winlog"]["event_data"]["CommandLine"] == ["a shell"]
    assert "arrays within arrays were joined" in original[NOTE]


def test_a_huge_event_is_found_beside_many_small_ones_and_stored_shortened() -> None:
    huge = event_document(0, host="DC01", CommandLine="a shell " + "x" * 40_000_000)
    state = MemoryDocuments()
    documents = [huge, *(event_document(number, host=f"WEB{number}") for number in range(1, 1_101))]
    detected = detector(ListedEvents(documents), state).detect(WINDOW)
    assert (detected.hits, detected.alerts, detected.is_complete) == (1_101, 1_101, True)
    stored = [stored.document for stored in state.documents.values() if stored.document["watcher"]["hit"]["id"] == "e0"]
    assert len(stored) == 2
    for document in stored:
        assert len(json.dumps(document)) < 300_000
        assert document["host"] == {"name": "DC01"}
        assert json.loads(document["event"]["original"])[NOTE].endswith("is `e0` in `winlogbeat-1`")


def test_events_of_chosen_times_are_stored_by_their_time_field_and_reported() -> None:
    state = MemoryDocuments()
    documents = [
        replace(document, event=document.event | {"event.ingested": "2026-11-23T11:59:30.000Z"})
        for number, year in enumerate((1999, 2012, 2026, 9999))
        for document in (event_document(number, host=f"H{number}", time=f"{year}-11-23T11:59:30.000Z"),)
    ]
    with capture_logs() as logs:
        detected = detector(ListedEvents(documents), state, settings={"time_field": "event.ingested"}).detect(WINDOW)
    assert (detected.hits, detected.alerts, detected.unreadable, detected.is_complete) == (4, 4, (), True)
    assert {index for index, _ in state.documents} == {"watcher-alerts-2026.11", "watcher-hits-2026.11"}
    assert [entry["hits"] for entry in logs if entry["event"] == "event.time_replaced"] == [3]
    assert detected.replaced_times == 3
    again = detector(ListedEvents(documents), state, settings={"time_field": "event.ingested"}).detect(WINDOW)
    assert (again.hits, again.replaced_times) == (0, 0)


def test_a_hit_that_the_state_refuses_makes_its_rule_incomplete_and_no_other() -> None:
    state = MemoryDocuments(refused=(f"'{OTHER.id}'",))
    events = ListedEvents([event_document(1), event_document(2, CommandLine="notepad in a shell", host="DC01")])
    detected = detector(events, state, rule(), OTHER).detect(WINDOW)
    assert (detected.hits, detected.alerts) == (2, 2)
    (failed,) = detected.failed
    assert failed.plan.rule.id == OTHER.id
    assert "the state refuses the hit on `e2` of `winlogbeat-1`" in str(failed.error)


def test_an_error_that_is_in_no_plan_makes_the_window_incomplete() -> None:
    class Failing(ListedEvents):
        def search(self, requests: Sequence[SearchRequest]) -> Sequence[Page | ClusterError]:
            if requests[0].after is not None:
                raise RecursionError("maximum recursion depth exceeded")
            return super().search(requests)

    events = Failing(answers=[Page(documents=(event_document(),), total=2, after=(1,))])
    with pytest.raises(Unexpected, match="RecursionError: maximum recursion depth exceeded"):
        detector(events, MemoryDocuments()).detect(WINDOW)


def test_a_query_that_the_engine_refuses_is_searched_by_its_log_source() -> None:
    page = Page(documents=(event_document(),), total=1, after=None)
    detected = detector(ListedEvents(answers=[Refused("no such clause"), page]), MemoryDocuments()).detect(WINDOW)
    assert (detected.hits, detected.failed) == (1, ())


def test_nothing_is_written_once_it_is_time_to_end() -> None:
    """A search that is asked to end while the state is read for known hits writes nothing."""
    ending = threading.Event()

    class Reading(MemoryDocuments):
        def exist(self, keys: Sequence[tuple[str, str]]) -> Sequence[bool]:
            ending.set()
            return super().exist(keys)

    state = Reading()
    with pytest.raises(Stopped):
        detector(ListedEvents([event_document()]), state).detect(WINDOW, DetectionScope(stopping=ending.is_set))
    assert ending.is_set()
    assert state.documents == {}


def test_only_the_rules_that_are_asked_for_search_and_none_finds_what_was_before_it_began() -> None:
    events = ListedEvents([event_document(1, CommandLine="notepad in a shell")])
    detected = detector(events, MemoryDocuments(), rule(), OTHER).detect(
        WINDOW, DetectionScope(rules=frozenset({OTHER.id}))
    )
    assert (detected.hits, set(detected.by_rule)) == (1, {OTHER.id})
    at = event_time(EventView(event_document().event))
    for since, hits in ((at, 1), (at + timedelta(milliseconds=1), 0)):
        assert detector(events, MemoryDocuments()).detect(WINDOW, DetectionScope(since={rule().id: since})).hits == hits


def test_the_events_of_a_window_are_counted_by_slices() -> None:
    events = ListedEvents([event_document(1), event_document(2), event_document(3, time="2026-11-23T12:00:01Z")])
    assert detector(events, MemoryDocuments()).detect(WINDOW).counts == {NOW - timedelta(minutes=5): 2}


def test_what_is_refused_in_every_way_is_not_searched() -> None:
    """An engine may refuse for a reason that passes: the window stays a gap until its search succeeds."""
    refusals = [Refused("no"), Refused("still no")]
    detected = detector(ListedEvents(answers=list(refusals)), MemoryDocuments()).detect(WINDOW)
    assert not detected.is_complete
    assert [str(outcome.error) for outcome in detected.failed] == ["still no"]


@pytest.mark.parametrize(
    ("since", "channels"),
    [
        (NOW - timedelta(hours=1), ("mail",)),  # live detection of the rule missed it: a gap, or a late event
        (NOW + timedelta(hours=1), ()),  # it is older than live detection of the rule
        (None, ()),  # the rule is not searched live
    ],
)
def test_a_silent_backfill_leaves_to_live_detection_what_it_missed(
    since: datetime | None, channels: tuple[str, ...]
) -> None:
    state = MemoryDocuments()
    backfill = detector(ListedEvents([event_document()]), state)
    backfill = backfill.with_rules(
        [replace(prepared, effective=effective(channels=("mail",))) for prepared in backfill.rules]
    )
    backfill.silence = BackfillSilence(live_since={} if since is None else {rule().id: since})
    assert backfill.with_rules(backfill.rules).detect(WINDOW).alerts == 1
    (alert,) = [stored for (index, _), stored in state.documents.items() if "-alerts-" in index]
    assert tuple(entry["channel"] for entry in alert.document["watcher"]["deliveries"]) == channels


def test_an_alert_that_an_earlier_slice_opened_silently_is_delivered_for_what_live_detection_missed() -> None:
    state = MemoryDocuments()
    times = ("2026-11-23T11:59:30Z", "2026-11-23T11:59:31Z")  # of one alert, before and after the rule was searched
    for number, time in enumerate(times):
        backfill = detector(ListedEvents([event_document(number, time=time)]), state)
        backfill = backfill.with_rules(
            [replace(prepared, effective=effective(channels=("mail",))) for prepared in backfill.rules]
        )
        backfill.origin = "backfill"
        backfill.silence = BackfillSilence(live_since={rule().id: datetime.fromisoformat(times[1])})
        backfill.detect(WINDOW)
        alerts = [stored for (index, _), stored in state.documents.items() if "-alerts-" in index]
        deliveries = [entry["channel"] for alert in alerts for entry in alert.document["watcher"]["deliveries"]]
        assert (len(alerts), deliveries) == (1, ["mail"] if number else [])


def test_nothing_is_asked_once_it_is_time_to_end() -> None:
    events = ListedEvents([event_document()])
    with pytest.raises(Stopped):
        detector(events, MemoryDocuments()).detect(WINDOW, DetectionScope(stopping=lambda: True))


def test_a_state_that_is_away_ends_the_window_and_keeps_it_to_be_searched() -> None:
    class Away(MemoryDocuments):
        def exist(self, keys: object) -> Any:
            raise Unreachable(f"the state is away: {keys}")

    with pytest.raises(Unreachable):
        detector(ListedEvents([event_document()]), Away()).detect(WINDOW)


# --------------------------------------------------------------------------- undecided events


SLOW = rule(RULE.replace("contains: shell", "re: '(?=x)x(?:a|a)*(?<!q)(?:a|a)*(?:a|a)*b'"), id="slow")
SLOW_VALUE = "shell x" + "a" * 100_000 + "-b"


def test_an_undecided_event_is_reported_once_and_hides_neither_other_rules_nor_other_events() -> None:
    state = MemoryDocuments()
    watching = detector(
        ListedEvents([event_document(1, CommandLine=SLOW_VALUE), event_document(2, CommandLine="xab")]), state, SLOW
    )
    detected = watching.detect(WINDOW)
    assert [(outcome.rule.id, outcome.index, outcome.id) for outcome in detected.undecided] == [
        ("slow", "winlogbeat-1", "e1")
    ]
    assert "did not decide about a value of 100009 characters within 50 ms" in str(detected.undecided[0])
    assert (detected.hits, detected.is_complete) == (1, True)
    again = watching.detect(WINDOW)
    assert (again.undecided, again.hits, again.is_complete) == ((), 0, True)


def test_an_undecided_event_opens_an_alert_of_its_own_kind_once_also_after_a_restart() -> None:
    state = MemoryDocuments()
    events = ListedEvents([event_document(1, CommandLine=SLOW_VALUE), event_document(3, CommandLine=SLOW_VALUE)])
    watching = detector(events, state, SLOW)
    assert [watching.detect(WINDOW).alerts for _ in range(2)] == [1, 0]
    assert detector(events, state, SLOW).detect(WINDOW).alerts == 0  # of another process
    alerts = [stored for (index, _), stored in state.documents.items() if "-alerts-" in index]
    assert [alert.document["watcher"]["alert"]["kind"] for alert in alerts] == ["undecided"]
    mended = replace(SLOW, hash="mended", node=rule().node)
    assert detector(events, state, mended).detect(WINDOW).alerts == 1  # now it matches: another alert
    assert [undecided.events for undecided in watching.undecided_rules(NOW)] == [2]
    assert watching.undecided_rules(NOW + timedelta(days=2)) == ()
    assert watching.with_rules(detector(events, state, mended).rules).undecided_rules(NOW) == ()


def test_an_undecided_event_of_a_window_that_failed_opens_its_alert_later() -> None:
    watching = detector(ListedEvents([event_document(1, CommandLine=SLOW_VALUE)]), MemoryDocuments(), SLOW)
    list(watching.find_hits(WINDOW))  # evaluated, and remembered, but nothing is recorded
    assert watching.detect(WINDOW).alerts == 1


def test_an_undecided_rule_lets_others_hit_the_same_event() -> None:
    events = ListedEvents([event_document(1, CommandLine=SLOW_VALUE)])
    detected = detector(events, MemoryDocuments(), SLOW, rule()).detect(WINDOW)
    assert detected.by_rule == {"slow": 0, rule().id: 1}
    assert [outcome.rule.id for outcome in detected.undecided] == ["slow"]


def test_undecided_events_are_remembered_over_a_change_of_rules_and_shown_without_recording() -> None:
    watching = detector(ListedEvents([event_document(1, CommandLine=SLOW_VALUE)]), MemoryDocuments(), SLOW)
    (shown,) = watching.find_hits(WINDOW)
    assert isinstance(shown, UndecidedEvent)
    with_rules = watching.with_rules(watching.rules)
    assert with_rules.detect(WINDOW).undecided == ()


def test_the_memory_of_undecided_events_is_bounded() -> None:
    memory = UndecidedEvents(most=2)
    for number in range(3):
        report_undecided(SLOW, event_document(number), "too long", memory)
    assert [memory.includes(SLOW, event_document(number)) for number in range(3)] == [False, True, True]
    assert not memory.includes(replace(SLOW, hash="changed"), event_document(2))


def test_a_scan_ends_between_two_events_once_it_is_time_to_end() -> None:
    ending = threading.Event()
    evaluated: list[str] = []

    class Ending(dict[str, Any]):
        def items(self) -> Any:
            evaluated.append(self["@timestamp"])
            ending.set()
            return super().items()

    documents = [replace(event_document(number), event=Ending(event_document(number).event)) for number in range(50)]
    with pytest.raises(Stopped):
        detector(ListedEvents(documents), MemoryDocuments()).detect(WINDOW, DetectionScope(stopping=ending.is_set))
    assert len(evaluated) == 1
