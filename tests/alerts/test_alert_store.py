"""The ledger writes in an order that no crash can turn into a loss, and everything under a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, effective, event, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments, MemoryState

from watcher.alerts.alert_documents import alert_document, hit_document
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.restored_alert import restore_alert
from watcher.delivery.silenced_alerts import SilencedAlerts
from watcher.errors import Forbidden, Overloaded, Refused
from watcher.model import Alert, EventDocument, Hit
from watcher.ports import NewDocument, StoredDocument
from watcher.state.index_templates import MAX_KEYWORD, VERSION, templates
from watcher.state.installation import Installation

MONTH = "2026.11"


def page(*documents: EventDocument) -> tuple[tuple[Alert, ...], list[Hit]]:
    """Decide on a page of documents."""
    grouped = [grouped_hit(rule(), effective(), entry) for entry in documents]
    return alerts_of_hits(rule(), effective(), grouped, origin="live"), [entry.hit for entry in grouped]


def opened() -> tuple[MemoryState, AlertStore]:
    """Return a state with one alert that owes a mail and a Slack message."""
    state = MemoryState()
    alert_store = AlertStore(state)
    alert_store.record(*page(event_document()), now=NOW)
    return state, alert_store


# --------------------------------------------------------------------------- order and identity


def test_alerts_are_written_before_their_hits() -> None:
    state = MemoryState()
    recorded = AlertStore(state).record(*page(event_document(1), event_document(2)), now=NOW)
    assert state.log == [f"create watcher-alerts-{MONTH}", *[f"create watcher-hits-{MONTH}"] * 2]
    assert (recorded.hits, len(recorded.alerts)) == (2, 1)


def test_writing_the_same_page_again_opens_nothing_and_changes_nothing() -> None:
    state, alert_store = opened()
    before = dict(state.documents)
    recorded = alert_store.record(*page(event_document()), now=NOW + timedelta(hours=1))
    assert (recorded.hits, recorded.alerts) == (0, ())
    assert state.documents == before


def test_a_crash_between_alert_and_hits_is_made_good_by_writing_again() -> None:
    state = MemoryState()
    built, hits = page(event_document())
    AlertStore(state).record(built, [], now=NOW)
    assert AlertStore(state).unknown(hits) == tuple(hits)
    recorded = AlertStore(state).record(built, hits, now=NOW)
    assert (recorded.hits, recorded.alerts) == (1, ())
    assert AlertStore(state).unknown(hits) == ()


def test_a_forged_event_of_the_same_id_and_time_suppresses_no_hit() -> None:
    _, alert_store = opened()
    forged = replace(event_document(User="nobody"), index="winlogbeat-forged")
    copy = replace(event_document(), index="winlogbeat-copy")
    _, hits = page(forged, copy)
    assert [hit.index for hit in alert_store.unknown(hits)] == ["winlogbeat-forged"]


def test_a_hit_that_an_older_version_recorded_is_known() -> None:
    alert_store = AlertStore(MemoryState())
    _, hits = page(event_document(1), event_document(2))
    alert_store.record([], [replace(hits[0], id=hits[0].former_id)], now=NOW)
    assert alert_store.unknown(hits) == (hits[1],)


def test_hits_lie_in_the_month_of_the_event_and_alerts_in_that_of_the_slot() -> None:
    state = MemoryState()
    AlertStore(state, "own").record(*page(event_document(time="2026-12-01T00:00:00.000Z")), now=NOW)
    assert {index for index, _ in state.documents} == {"own-alerts-2026.11", "own-hits-2026.12"}


def test_a_document_that_the_engine_refuses_is_kept_as_text() -> None:
    state = MemoryState(refused=("'host': {'name': 'EVIL'}",))
    recorded = AlertStore(state).record(*page(event_document(host="EVIL")), now=NOW)
    assert (recorded.hits, len(recorded.alerts)) == (1, 1)
    for stored in state.documents.values():
        assert "host" not in stored.document
        assert '"host": {"name": "EVIL"}' in stored.document["event"]["original"]
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert restore_alert(alert).first.event == event(host="EVIL")
    assert [entry["channel"] for entry in alert.document["watcher"]["deliveries"]] == [
        "mail",
        "slack",
    ]


def test_an_event_that_the_engine_refuses_even_as_text_leaves_a_note() -> None:
    state = MemoryState(refused=("evil",))
    recorded = AlertStore(state).record(*page(replace(event_document(CommandLine="an evil shell"), id="WEB")), now=NOW)
    assert (recorded.hits, len(recorded.alerts), recorded.refused) == (1, 1, ())
    for stored in state.documents.values():
        assert "the complete event is `WEB` in `winlogbeat-1`" in stored.document["event"]["original"]
        assert stored.document["watcher"]["hit"] == {"id": "WEB", "index": "winlogbeat-1"}
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert restore_alert(alert).first.event_id == "WEB"


def test_a_document_that_the_state_refuses_is_named_and_the_others_are_stored() -> None:
    state = MemoryState(refused=("'id': 'bad'",))
    documents = [event_document(1), replace(event_document(2, host="DC01"), id="bad"), event_document(3, host="DC02")]
    recorded = AlertStore(state).record(*page(*documents), now=NOW)
    assert (recorded.hits, len(recorded.alerts)) == (2, 2)
    (refused,) = recorded.refused
    assert refused.hit.event_id == "bad"
    assert "the state refuses the hit on `bad` of `winlogbeat-1`: no `'id': 'bad'` here; call `watcher setup`" in str(
        refused
    )
    assert AlertStore(state).unknown([refused.hit]) == (refused.hit,)  # else no later search would open its alert


# --------------------------------------------------------------------------- what a backfill opened


def of(origin: str, *channels: str, number: int = 1) -> tuple[tuple[Alert, ...], list[Hit]]:
    """Decide on a document as live or backfill does."""
    settings = effective(channels=channels)
    grouped = [grouped_hit(rule(), settings, event_document(number))]
    return alerts_of_hits(rule(), settings, grouped, origin=origin), [entry.hit for entry in grouped]


def test_an_alert_that_a_backfill_opened_silently_starts_to_owe_on_a_live_hit_once() -> None:
    state = MemoryState()
    alert_store, queries, outbox = AlertStore(state), DeliveryQueries(state), Outbox(state)
    alert_store.record(*of("backfill"), now=NOW)
    assert queries.due("mail", now=NOW) == ()
    # another backfill adds nothing
    alert_store.record(*of("backfill", "mail", number=2), now=NOW)
    assert queries.due("mail", now=NOW) == ()
    alert_store.record(*of("live", "mail", number=3), now=NOW)
    (delivery,) = queries.due("mail", now=NOW)
    claimed = outbox.claim(delivery, now=NOW)
    assert claimed is not None
    outbox.mark_sent(claimed, now=NOW)
    alert_store.record(*of("live", "mail", number=4), now=NOW)
    assert queries.due("mail", now=NOW + timedelta(days=9)) == ()
    (alert,) = [entry.document for (index, _), entry in state.documents.items() if "alerts" in index]
    assert alert["watcher"]["alert"]["origin"] == "live"


def test_an_alert_that_was_opened_live_without_channels_owes_nobody_later() -> None:
    state = MemoryState()
    AlertStore(state).record(*of("live"), now=NOW)
    AlertStore(state).record(*of("live", "mail", number=2), now=NOW)
    assert DeliveryQueries(state).due("mail", now=NOW) == ()


def test_a_live_hit_adds_no_deliveries_to_an_alert_whose_backfill_notified() -> None:
    state = MemoryState()
    AlertStore(state).record(*of("backfill", "mail"), now=NOW)
    AlertStore(state).record(*of("live", "mail", "slack", number=2), now=NOW)
    assert [delivery.channel for delivery in DeliveryQueries(state).due("mail", now=NOW)] == ["mail"]


# --------------------------------------------------------------------------- documents


@pytest.mark.parametrize(("store", "kept"), [("whole", {"host", "event"}), ("fields", {"host"}), ("none", set())])
def test_how_much_of_an_event_a_hit_keeps(store: str, kept: set[str]) -> None:
    (_, (hit,)) = page(event_document())
    document = hit_document(hit, store=store)
    assert ("host" in document) is ("host" in kept)
    assert ("original" in document.get("event", {})) is ("event" in kept)
    assert document["watcher"]["hit"] == {"index": "winlogbeat-1", "id": "e1"}


def test_a_long_text_is_cut_where_it_is_indexed_and_whole_where_it_is_kept() -> None:
    line = "shell " * 10_000
    (_, (hit,)) = page(event_document(CommandLine=line))
    document = hit_document(hit, store="whole")
    assert document["process"]["command_line"] == line[:MAX_KEYWORD]
    assert line in document["event"]["original"]


def test_an_alert_is_restored_from_its_document_alone() -> None:
    ((alert,), _) = page(event_document())
    stored = StoredDocument(index="i", id=alert.id, document=alert_document(alert, now=NOW), seq_no=0, primary_term=1)
    again = restore_alert(stored)
    assert (again.id, again.key, again.slot, again.channels) == (alert.id, alert.key, alert.slot, alert.channels)
    assert (again.rule.title, again.rule.id, again.rule.tags) == (alert.rule.title, alert.rule.id, alert.rule.tags)
    assert (again.first.event, again.first.event_id) == (alert.first.event, alert.first.event_id)


def test_an_alert_of_a_rule_without_an_id_keeps_the_id_that_it_was_opened_with() -> None:
    nameless = rule(rule().text.replace(f"id: {rule().id}\n", ""), id="second-of-its-file")
    (alert,) = alerts_of_hits(
        nameless, effective(), [grouped_hit(nameless, effective(), event_document())], origin="live"
    )
    stored = StoredDocument(index="i", id=alert.id, document=alert_document(alert, now=NOW), seq_no=0, primary_term=1)
    assert restore_alert(stored).rule.id == "second-of-its-file"


# --------------------------------------------------------------------------- templates


def test_templates_are_installed_where_they_are_missing_or_older() -> None:
    state = MemoryState()
    installation = Installation(state=state, prefix="own")
    assert installation.install().templates == ("own-alerts", "own-hits", "own-state")
    assert installation.install().templates == ()
    state.put_template("own-hits", {**templates("own")["own-hits"], "version": VERSION - 1})
    assert installation.missing() == ("own-hits",)


def test_indices_of_an_older_version_get_the_fields_of_this_one() -> None:
    state = MemoryState()
    AlertStore(state).record(*page(event_document()), now=NOW)
    installed = Installation(state=state).install()
    assert installed.updated == (f"watcher-alerts-{MONTH}", f"watcher-hits-{MONTH}")
    assert [line for line in state.log if line.startswith("map")] == [
        f"map watcher-alerts-{MONTH} ['dynamic', 'properties']",
        f"map watcher-hits-{MONTH} ['dynamic', 'properties']",
    ]


def test_an_installation_that_is_killed_is_finished_by_the_next_one() -> None:
    class Dying(MemoryState):
        def put_template(self, name: str, template: Mapping[str, Any]) -> None:  # noqa: ARG002 - the door's names
            raise KeyboardInterrupt

    dying = Dying()
    AlertStore(dying).record(*page(event_document()), now=NOW)
    with pytest.raises(KeyboardInterrupt):
        Installation(state=dying).install()
    state = MemoryState(documents=dying.documents)
    assert Installation(state=state).install().updated == (f"watcher-alerts-{MONTH}", f"watcher-hits-{MONTH}")


def test_an_index_that_the_old_template_made_while_the_new_one_came_gets_its_fields_too() -> None:
    class Busy(MemoryState):
        def put_template(self, name: str, template: Mapping[str, Any]) -> None:
            self.create([NewDocument(index="watcher-hits-2026.12", id="h", document={})])
            super().put_template(name, template)

    state = Busy()
    AlertStore(state).record(*page(event_document()), now=NOW)
    assert "watcher-hits-2026.12" in Installation(state=state).install().updated


LOOSE = f"watcher-hits-{MONTH}"


def loose(state: MemoryState) -> Installation:
    """Let everything be installed, and one index made by the engine itself."""
    AlertStore(state).record(*page(event_document()), now=NOW)
    Installation(state=state).install()
    state.loose = {LOOSE}
    state.log.clear()
    return Installation(state=state)


def test_nothing_is_written_to_an_index_without_its_template_until_setup_mended_it() -> None:
    installation = loose(MemoryState())
    with pytest.raises(Overloaded, match=f"`{LOOSE}` was created without its index template; call `watcher setup`"):
        installation.ensure_index(LOOSE)
    installation.ensure_index(f"watcher-alerts-{MONTH}")
    assert installation.install().updated == (LOOSE,)
    installation.ensure_index(LOOSE)


def test_an_index_that_cannot_be_mended_keeps_nothing_else_from_being_done() -> None:
    class Stubborn(MemoryState):
        def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
            if index == LOOSE:
                raise Refused("mapper [rule.id] cannot be changed from type [text] to [keyword]")
            super().put_mapping(index, mapping)

    state = Stubborn()
    installation = loose(state)
    state.loose.add(f"watcher-alerts-{MONTH}")
    with capture_logs() as said:
        assert installation.install().updated == (f"watcher-alerts-{MONTH}",)
    assert [entry["index"] for entry in said if entry["event"] == "state.mapping"] == [LOOSE]


def test_who_may_not_look_at_mappings_goes_by_what_is_there() -> None:
    class Veiled(MemoryState):
        def strict(self, pattern: str) -> Sequence[str]:
            raise Forbidden(f"you may not look at `{pattern}`")

    installation = loose(Veiled())
    installation.ensure_index(LOOSE)
    assert installation.install().updated == ()


def test_an_index_of_somebody_else_is_left_as_it_is() -> None:
    state = MemoryState()
    installation = loose(state)
    state.create([NewDocument(index="watcher-alerts-archive", id="a", document={})])
    state.loose = {"watcher-alerts-archive"}
    assert installation.install().updated == ()
    state.put_template("watcher-alerts", {"version": VERSION - 1})
    assert installation.install().updated == (f"watcher-alerts-{MONTH}",)


def test_policies_keep_each_month_until_its_last_document_is_as_old_as_the_retention() -> None:
    state = MemoryState()
    installed = Installation(state=state, prefix="own", retention=timedelta(days=90)).install()
    assert not installed.lifecycle  # this state has no such service
    assert [line for line in state.log if line.startswith("keep")] == ["keep own-alerts own-alerts-* 121d"]


@dataclass(slots=True)
class Keeping(MemoryState):
    """A state with a lifecycle service."""

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        assert (indices, age) == (f"{name}-*", timedelta(days=396))
        return {"lifecycle": {"name": name}}


def test_new_indices_name_their_policy_where_the_cluster_has_the_service() -> None:
    state = Keeping()
    assert Installation(state=state).install().lifecycle
    built = {name: template["template"]["settings"]["index"] for name, template in state.templates.items()}
    assert built["watcher-hits"]["lifecycle"] == {"name": "watcher-hits"}
    assert "lifecycle" not in built["watcher-state"]


@pytest.mark.parametrize(("days", "gone"), [(395, False), (396, False), (397, True)])
def test_a_month_is_cleared_when_it_began_longer_ago_than_retention_and_a_month(days: int, *, gone: bool) -> None:
    state, installation = MemoryState(), None
    AlertStore(state).record(*page(event_document()), now=NOW)
    state.create(
        [
            NewDocument(index="watcher-hits-odd", id="x", document={}),
            NewDocument(index="watcher-state", id="x", document={}),
        ]
    )
    installation = Installation(state=state)
    cleared = installation.clear(now=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days))
    assert cleared == ((f"watcher-alerts-{MONTH}", f"watcher-hits-{MONTH}") if gone else ())
    assert {"watcher-hits-odd", "watcher-state"} <= {index for index, _ in state.documents}


def test_templates_are_strict_and_catch_just_their_own_indices() -> None:
    for name, template in templates("own").items():
        (pattern,) = template["index_patterns"]
        assert pattern.startswith(name)
        assert template["template"]["mappings"]["dynamic"] == "strict"


@dataclass(slots=True)
class Curtained(MemoryState):
    """A state whose user may not look at templates."""

    def template_version(self, name: str) -> int | None:
        raise Forbidden(f"the user may not look at `{name}`")


def test_who_may_not_look_at_templates_goes_by_the_note_of_who_installed_them() -> None:
    state = MemoryState()
    Installation(state=state).install()
    behind = Curtained()
    behind.documents = state.documents
    assert Installation(state=behind).missing() == ()


def test_without_that_note_nothing_is_taken_for_installed() -> None:
    with pytest.raises(Forbidden):
        Installation(state=Curtained()).missing()


class ReadOnly(MemoryDocuments):
    """A state whose user may read and nothing else."""

    def refresh(self, index: str) -> None:
        raise Forbidden(f"the user lacks the index privilege `maintenance` on `{index}`")


def test_reading_alerts_needs_no_privilege_but_read() -> None:
    state = ReadOnly()
    document = {"@timestamp": "2026-11-23T12:00:00.000Z", "watcher": {"alert": {"id": "a1"}}}
    state.create([NewDocument(index="watcher-alerts-2026.11", id="a1", document=document)])
    assert [stored.id for stored in AlertStore(state).alerts(size=10)] == ["a1"]
    assert SilencedAlerts(state).totals() == {}  # `watcher status` and `watcher silences` count them
