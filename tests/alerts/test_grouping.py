"""Identity: which alert a hit belongs to, for ever the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.fakes import effective, event, event_document, grouped_hit, rule

from watcher.alerts.alert_documents import monthly_index
from watcher.alerts.grouping import GroupedHit, alerts_of_hits, event_time, group, group_undecided, slot_start
from watcher.digests import digest
from watcher.match.event_view import EventView
from watcher.model import AlertKind, EventDocument
from watcher.settings.effective import RuleSettings

AT = datetime(2026, 11, 23, 11, 59, 30, tzinfo=UTC)


# --------------------------------------------------------------------------- fixed: a change here re-tells every alert


def test_the_digests_never_change() -> None:
    assert digest() == "cae66941d9efbd404e4d88758ea67670"
    assert digest("a", "b") == "4fc56058b4df0ca122be9a2e429541d6"
    assert digest("ab") == "29e6d4e68f66f24ea57856b6f363411f"
    assert digest("\ud800") == "ae886a3c602af5030d0380965cc15cac"


def test_the_identity_of_a_hit_and_its_alert_never_changes() -> None:
    grouped = grouped_hit(rule(), effective(), event_document())
    assert grouped.hit.id == "541ba3dad2b066b0375d2046898138ef"
    assert grouped.hit.former_id == "73ebf2ffe6b535bdbccbe61ad41616a7"  # in states of version 3 and before
    assert grouped.alert == "a67652e084d054758f33eb4d4e4ff21c"
    assert grouped.slot.isoformat() == "2026-11-23T11:16:46.890000+00:00"


def test_the_identity_of_an_alert_for_every_event_never_changes() -> None:
    grouped = grouped_hit(rule(), effective(group_by=None), event_document())
    assert (grouped.alert, grouped.slot) == ("65f2394030481937990a42a2dc84ce69", AT)


# --------------------------------------------------------------------------- what identity depends on


def changed_event(**added: object) -> EventDocument:
    document = event_document()
    return replace(document, index="winlogbeat-reindexed", event={**document.event, **added})


def dotted_event() -> EventDocument:
    document = event_document()
    values = EventView(document.event).own_values()
    flat = {path: texts[0] if len(texts) == 1 else list(texts) for path, texts in sorted(values)}
    return replace(document, index="winlogbeat-reindexed", event=flat)


def test_a_hit_is_the_same_whatever_index_holds_it() -> None:
    shrunk = replace(event_document(), index="shrink-winlogbeat-1")
    assert grouped_hit(rule(), effective(), shrunk).hit.id == grouped_hit(rule(), effective(), event_document()).hit.id
    assert grouped_hit(rule(), effective(), shrunk).alert == grouped_hit(rule(), effective(), event_document()).alert


@pytest.mark.parametrize(
    ("changed", "same_hit", "same_alert"),
    [
        # another event of the same host a second later joins the alert
        (event_document(2, time="2026-11-23T11:59:31.000Z"), False, True),
        # the same id at another time is another event
        (event_document(1, time="2026-11-23T11:59:30.001Z"), False, True),
        # below a millisecond it is the same
        (event_document(1, time="2026-11-23T11:59:30.000900Z"), True, True),
        # written in another zone it is the same
        (event_document(1, time="2026-11-23T12:59:30.000+01:00"), True, True),
        # another host is another event and another alert
        (event_document(1, host="WEB02"), False, False),
        # no host is a value of its own
        (event_document(1, host=None), False, False),
        # other content is another event, whatever its id says
        (event_document(1, User="somebody"), False, True),
        # pipelines and analysts change these in an event that stays the same
        (changed_event(tags=["seen"], labels={"case": "7"}), True, True),
        (changed_event(**{"labels.case": "7", "@version": "1", "event.ingested": "2026-11-24T00:00:00Z"}), True, True),
        # a copy may write dotted names, in another order
        (dotted_event(), True, True),
    ],
)
def test_what_makes_a_hit_and_an_alert_another(changed: EventDocument, *, same_hit: bool, same_alert: bool) -> None:
    entry, other = grouped_hit(rule(), effective(), event_document()), grouped_hit(rule(), effective(), changed)
    assert (entry.hit.id == other.hit.id) is same_hit
    assert (entry.alert == other.alert) is same_alert


def test_a_missing_value_is_a_value_of_its_own_and_an_empty_one_is_missing() -> None:
    assert grouped_hit(rule(), effective(), event_document(host=None)).key == (("host.name", None),)
    assert (
        grouped_hit(rule(), effective(), event_document(host=None)).alert
        == grouped_hit(rule(), effective(), event_document(host="")).alert
    )
    assert (
        grouped_hit(rule(), effective(), event_document(host=None)).alert
        != grouped_hit(rule(), effective(), event_document(host="None")).alert
    )


def test_text_and_settings_of_a_rule_change_no_hit() -> None:
    changed = effective(quiet_period=timedelta(days=1), channels=())
    assert (
        grouped_hit(rule(title="Another title", hash="x"), changed, event_document()).hit.id
        == grouped_hit(rule(), effective(), event_document()).hit.id
    )
    assert (
        grouped_hit(rule(id="another"), effective(), event_document()).hit.id
        != grouped_hit(rule(), effective(), event_document()).hit.id
    )


def test_several_values_are_one_key_in_any_order() -> None:
    entry = EventDocument(index="i", id="1", event={**event(), "host": {"name": ["b", "a"]}})
    other = EventDocument(index="i", id="1", event={**event(), "host.name": ["a", "b"], "host": {}})
    assert grouped_hit(rule(), effective(), entry).alert == grouped_hit(rule(), effective(), other).alert


def test_an_event_of_which_only_a_part_is_read_is_known_by_its_id_and_time() -> None:
    part = replace(event_document(), is_partial=True)
    fewer = replace(part, event={key: value for key, value in part.event.items() if key != "winlog"})
    assert fewer.event != part.event  # which fields are read depends on the rules of the day
    hits = [grouped_hit(rule(), effective(), document).hit.id for document in (part, fewer, event_document())]
    assert hits[0] == hits[1] != hits[2]


def test_a_forged_event_of_the_same_id_and_time_is_another_alert_where_every_event_is_one() -> None:
    each = effective(group_by=None)
    forged = replace(event_document(User="nobody"), index="winlogbeat-forged")
    assert grouped_hit(rule(), each, forged).alert != grouped_hit(rule(), each, event_document()).alert


@pytest.mark.parametrize("settings", [effective(), effective(group_by=None)])
def test_an_undecided_event_is_a_hit_and_an_alert_of_its_own(settings: RuleSettings) -> None:
    document = event_document()
    match = grouped_hit(rule(), settings, document)
    undecided = group_undecided(rule(), settings, document, EventView(document.event))
    assert (match.hit.kind, undecided.hit.kind) == (AlertKind.MATCH, AlertKind.UNDECIDED)
    assert undecided.hit.id not in {match.hit.id, match.hit.former_id}
    assert undecided.alert != match.alert


def test_grouping_by_nothing_makes_one_alert_of_all() -> None:
    assert (
        grouped_hit(rule(), effective(group_by=()), event_document(1, host="a")).alert
        == grouped_hit(rule(), effective(group_by=()), event_document(2, host="b")).alert
    )


def test_every_event_is_an_alert_where_that_is_wanted() -> None:
    each = effective(group_by=None)
    assert grouped_hit(rule(), each, event_document(1)).alert != grouped_hit(rule(), each, event_document(2)).alert


def test_an_event_without_time_is_refused() -> None:
    with pytest.raises(ValueError, match="the event has no `@timestamp`"):
        event_time(EventView({"message": "x"}))


# --------------------------------------------------------------------------- slots

HOUR = timedelta(hours=1)


def test_a_slot_begins_at_its_edge_and_ends_before_the_next() -> None:
    edge = slot_start(AT, HOUR, "0123456789abcdef")
    assert edge <= AT < edge + HOUR
    assert slot_start(edge, HOUR, "0123456789abcdef") == edge
    assert slot_start(edge + HOUR - timedelta(milliseconds=1), HOUR, "0123456789abcdef") == edge
    assert slot_start(edge + HOUR, HOUR, "0123456789abcdef") == edge + HOUR
    assert slot_start(edge - timedelta(milliseconds=1), HOUR, "0123456789abcdef") == edge - HOUR


def test_edges_of_different_alerts_lie_apart() -> None:
    edges = {slot_start(AT, HOUR, digest(str(number))) for number in range(100)}
    assert len(edges) == 100


def test_times_before_1970_have_slots_too() -> None:
    early = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)
    assert slot_start(early, HOUR, "0" * 12) == datetime(1969, 12, 31, 23, tzinfo=UTC)


def test_a_month_is_that_of_utc() -> None:
    late = datetime.fromisoformat("2026-12-01T00:30:00+01:00")
    assert monthly_index("watcher", "hits", late) == "watcher-hits-2026.11"


@pytest.mark.parametrize(
    "times",
    [
        ["1970-01-01T00:00:00Z", "2026-11-23T11:59:30Z"],
        ["2026-11-23T11:59:30Z", "1970-01-01T00:00:00Z"],
        ["2026-11-23T13:59:30+02:00", "2026-11-23T11:59:29Z", "no time"],
        [["2026-11-23T11:59:30Z"], "0001-01-01T00:00:00Z"],
    ],
)
def test_the_time_of_an_event_is_the_latest_of_several(times: list[object]) -> None:
    assert event_time(EventView({"@timestamp": times})) == AT


def test_an_event_without_any_valid_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="the event has no `@timestamp`"):
        event_time(EventView({"@timestamp": ["no time", []]}))


# --------------------------------------------------------------------------- alerts of a page


def test_an_alert_begins_with_its_earliest_hit_whatever_the_order() -> None:
    late, early = event_document(1, time="2026-11-23T11:59:31.000Z"), event_document(2, time="2026-11-23T11:59:29.000Z")
    for order in ((late, early), (early, late)):
        (alert,) = alerts_of_hits(
            rule(), effective(), [grouped_hit(rule(), effective(), entry) for entry in order], origin="live"
        )
        assert alert.first.event_id == "e2"
        assert (alert.channels, alert.origin, alert.key) == (("mail", "slack"), "live", (("host.name", "WEB01"),))


# --------------------------------------------------------------------------- a time that whoever writes events chose


def hit_at(moment: str, ingested: object = "2026-11-23T12:00:00Z") -> GroupedHit:
    document = event_document(time=moment)
    searched = replace(document, event={**document.event, "event.ingested": ingested})
    return group(rule(), effective(), searched, EventView(searched.event), time_field="event.ingested")


@pytest.mark.parametrize("moment", ["2025-11-22T12:00:00.000Z", "2026-11-23T11:59:30.000Z", "2026-11-30T12:00:00.000Z"])
def test_a_hit_has_the_time_of_its_event_within_a_span_of_the_time_field(moment: str) -> None:
    grouped = hit_at(moment)
    assert (grouped.hit.time, grouped.is_clamped) == (datetime.fromisoformat(moment), False)


@pytest.mark.parametrize(
    "moment",
    [
        "2025-11-22T11:59:59.000Z",
        "2026-11-30T12:00:01.000Z",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.000Z",
    ],
)
def test_a_hit_of_another_time_has_that_of_the_time_field(moment: str) -> None:
    grouped = hit_at(moment)
    assert (grouped.hit.time, grouped.is_clamped) == (datetime(2026, 11, 23, 12, tzinfo=UTC), True)
    assert abs(grouped.slot - grouped.hit.time) <= timedelta(hours=1)
    assert grouped.hit.id == hit_at(moment, "2026-11-23T12:00:07Z").hit.id


def test_events_of_many_months_are_stored_in_the_indices_of_about_a_year() -> None:
    hits = [hit_at(f"{2000 + number // 12}-{number % 12 + 1:02}-01T00:00:00.000Z").hit for number in range(600)]
    assert len({monthly_index("watcher", "hits", hit.time) for hit in hits}) <= 14
