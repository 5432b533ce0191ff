"""The ledger writes in an order that no crash can turn into a loss, and everything under a condition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from fakes import NOW, MemoryState, event, found, plan, rule

from watcher.decide.documents import LONGEST, alert_document, hit_document
from watcher.decide.group import alerts, group
from watcher.decide.ledger import CLAIM, Debt, Ledger
from watcher.decide.restore import restore
from watcher.decide.templates import VERSION, templates
from watcher.errors import Forbidden, Refused
from watcher.model import Alert, Found, Hit
from watcher.ports import Stored

MONTH = "2026.11"


def page(*documents: Found) -> tuple[tuple[Alert, ...], list[Hit]]:
    """Decide on a page of documents."""
    grouped = [group(plan(), one) for one in documents]
    return alerts(plan(), grouped, origin="live"), [one.hit for one in grouped]


def opened() -> tuple[MemoryState, Ledger]:
    """Give a state with one alert that owes a mail and a Slack message."""
    state = MemoryState()
    ledger = Ledger(state)
    ledger.record(*page(found()), now=NOW)
    return state, ledger


# --------------------------------------------------------------------------- order and identity


def test_alerts_are_written_before_their_hits() -> None:
    state = MemoryState()
    recorded = Ledger(state).record(*page(found(1), found(2)), now=NOW)
    assert state.log == [f"create watcher-alerts-{MONTH}", *[f"create watcher-hits-{MONTH}"] * 2]
    assert (recorded.hits, len(recorded.alerts)) == (2, 1)


def test_writing_the_same_page_again_opens_nothing_and_changes_nothing() -> None:
    state, ledger = opened()
    before = dict(state.documents)
    recorded = ledger.record(*page(found()), now=NOW + timedelta(hours=1))
    assert (recorded.hits, recorded.alerts) == (0, ())
    assert state.documents == before


def test_a_crash_between_alert_and_hits_is_made_good_by_writing_again() -> None:
    state = MemoryState()
    made, hits = page(found())
    Ledger(state).record(made, [], now=NOW)
    assert Ledger(state).unknown(hits) == tuple(hits)
    recorded = Ledger(state).record(made, hits, now=NOW)
    assert (recorded.hits, recorded.alerts) == (1, ())
    assert Ledger(state).unknown(hits) == ()


def test_hits_lie_in_the_month_of_the_event_and_alerts_in_that_of_the_slot() -> None:
    state = MemoryState()
    Ledger(state, "own").record(*page(found(time="2026-12-01T00:00:00.000Z")), now=NOW)
    assert {index for index, _ in state.documents} == {"own-alerts-2026.11", "own-hits-2026.12"}


def test_a_document_that_the_engine_refuses_is_kept_as_text() -> None:
    state = MemoryState(refused=("'host': {'name': 'EVIL'}",))
    recorded = Ledger(state).record(*page(found(host="EVIL")), now=NOW)
    assert (recorded.hits, len(recorded.alerts)) == (1, 1)
    for stored in state.documents.values():
        assert "host" not in stored.document
        assert '"host": {"name": "EVIL"}' in stored.document["event"]["original"]
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert restore(alert).first.event == event(host="EVIL")
    assert [one["channel"] for one in alert.document["watcher"]["owed"]] == ["mail", "slack"]


def test_a_state_that_refuses_even_the_text_is_an_error() -> None:
    with pytest.raises(Refused, match="refuses a document even as text"):
        Ledger(MemoryState(refused=("watcher",))).record(*page(found()), now=NOW)


# --------------------------------------------------------------------------- documents


@pytest.mark.parametrize(("store", "kept"), [("whole", {"host", "event"}), ("fields", {"host"}), ("none", set())])
def test_how_much_of_an_event_a_hit_keeps(store: str, kept: set[str]) -> None:
    (_, (hit,)) = page(found())
    document = hit_document(hit, store=store)
    assert ("host" in document) is ("host" in kept)
    assert ("original" in document.get("event", {})) is ("event" in kept)
    assert document["watcher"]["hit"] == {"index": "winlogbeat-1", "id": "e1"}


def test_a_long_text_is_cut_where_it_is_indexed_and_whole_where_it_is_kept() -> None:
    line = "shell " * 10_000
    (_, (hit,)) = page(found(CommandLine=line))
    document = hit_document(hit, store="whole")
    assert document["process"]["command_line"] == line[:LONGEST]
    assert line in document["event"]["original"]


def test_an_alert_can_be_told_from_its_document_alone() -> None:
    ((alert,), _) = page(found())
    stored = Stored(index="i", id=alert.id, document=alert_document(alert, now=NOW), seq_no=0, primary_term=1)
    again = restore(stored)
    assert (again.id, again.key, again.slot, again.channels) == (alert.id, alert.key, alert.slot, alert.channels)
    assert (again.rule.title, again.rule.id, again.rule.tags) == (alert.rule.title, alert.rule.id, alert.rule.tags)
    assert (again.first.event, again.first.event_id) == (alert.first.event, alert.first.event_id)


def test_an_alert_whose_rule_had_no_id_of_its_own_is_told_with_the_id_that_it_was_opened_with() -> None:
    nameless = plan(rule=rule(rule().text.replace(f"id: {rule().id}\n", ""), id="second-of-its-file"))
    (alert,) = alerts(nameless, [group(nameless, found())], origin="live")
    stored = Stored(index="i", id=alert.id, document=alert_document(alert, now=NOW), seq_no=0, primary_term=1)
    assert restore(stored).rule.id == "second-of-its-file"


# --------------------------------------------------------------------------- coverage


def test_coverage_never_goes_back() -> None:
    ledger = Ledger(MemoryState())
    assert ledger.covered_until("windows") is None
    ledger.advance("windows", NOW, now=NOW)
    ledger.advance("windows", NOW - timedelta(minutes=1), now=NOW)
    assert ledger.covered_until("windows") == NOW
    ledger.advance("windows", NOW + timedelta(minutes=1), now=NOW)
    assert ledger.covered_until("windows") == NOW + timedelta(minutes=1)
    assert ledger.covered_until("other") is None


# --------------------------------------------------------------------------- templates


def test_templates_are_installed_where_they_are_missing_or_older() -> None:
    state = MemoryState()
    ledger = Ledger(state, "own")
    assert ledger.install() == ("own-alerts", "own-hits", "own-state")
    assert ledger.install() == ()
    state.put_template("own-hits", {**templates("own")["own-hits"], "version": VERSION - 1})
    assert ledger.missing_templates() == ("own-hits",)


def test_templates_are_strict_and_catch_just_their_own_indices() -> None:
    for name, template in templates("own").items():
        (pattern,) = template["index_patterns"]
        assert pattern.startswith(name)
        assert template["template"]["mappings"]["dynamic"] == "strict"


# --------------------------------------------------------------------------- the outbox


def debts(ledger: Ledger, after: timedelta = timedelta(0)) -> list[Debt]:
    """Tell what is due some time after now."""
    return list(ledger.debts(now=NOW + after))


def test_a_new_alert_owes_each_of_its_channels() -> None:
    _, ledger = opened()
    assert [(debt.channel, debt.attempts) for debt in debts(ledger)] == [("mail", 0), ("slack", 0)]


def test_a_claim_is_had_once_and_comes_back_where_nobody_strikes_it_off() -> None:
    _, ledger = opened()
    mail, _ = debts(ledger)
    assert ledger.claim(mail, now=NOW)
    assert not ledger.claim(mail, now=NOW)
    assert [debt.channel for debt in debts(ledger)] == ["slack"]
    again, _ = debts(ledger, CLAIM)
    assert (again.channel, again.attempts) == ("mail", 1)
    assert ledger.claim(again, now=NOW + CLAIM)


def test_what_is_struck_off_is_owed_no_more() -> None:
    state, ledger = opened()
    mail, slack = debts(ledger)
    for debt in (mail, slack):
        assert ledger.claim(debt, now=NOW)
        ledger.strike(debt, now=NOW)
    assert debts(ledger, timedelta(days=400)) == []
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert [one["state"] for one in alert.document["watcher"]["owed"]] == ["sent", "sent"]


def test_what_is_postponed_comes_back_in_time_with_its_error() -> None:
    _, ledger = opened()
    mail, _ = debts(ledger)
    ledger.claim(mail, now=NOW)
    ledger.postpone(mail, "451 later", until=NOW + timedelta(seconds=30))
    assert [debt.channel for debt in debts(ledger, timedelta(seconds=29))] == ["slack"]
    again, _ = debts(ledger, timedelta(seconds=30))
    assert again.attempts == 1
    assert again.stored.document["watcher"]["owed"][0]["error"] == "451 later"


def test_what_is_given_up_stays_visible_and_is_never_tried_again() -> None:
    state, ledger = opened()
    mail, _ = debts(ledger)
    ledger.claim(mail, now=NOW)
    ledger.give_up(mail, "550 no such user")
    assert [debt.channel for debt in debts(ledger, timedelta(days=400))] == ["slack"]
    assert "550 no such user" in str(state.documents)


@dataclass
class Contested(MemoryState):
    """A state where somebody else writes just before the first replacement."""

    others: int = 1

    def replace(self, stored: Stored, document: object) -> bool:
        if self.others:
            self.others -= 1
            now = self.documents[stored.index, stored.id]
            self._put(stored.index, stored.id, {**now.document, "other": True}, now.seq_no + 1)
        return super().replace(stored, document)  # type: ignore[arg-type] # as the door has it


def test_losing_a_race_means_reading_and_deciding_again() -> None:
    state = Contested()
    ledger = Ledger(state)
    ledger.record(*page(found()), now=NOW)
    mail, _ = debts(ledger)
    assert ledger.claim(mail, now=NOW)
    (alert,) = [stored for (index, _), stored in state.documents.items() if "alerts" in index]
    assert alert.document["other"]
    assert alert.document["watcher"]["owed"][0]["state"] == "claimed"


def test_an_alert_that_is_gone_owes_nothing() -> None:
    state, ledger = opened()
    mail, _ = debts(ledger)
    state.documents.clear()
    assert not ledger.claim(mail, now=NOW)


# --------------------------------------------------------------------------- templates


@dataclass(slots=True)
class Curtained(MemoryState):
    """A state whose user may not look at templates."""

    def template_version(self, name: str) -> int | None:
        raise Forbidden(f"the user may not look at `{name}`")


def test_who_may_not_look_at_templates_goes_by_the_note_of_who_installed_them() -> None:
    state = MemoryState()
    Ledger(state).install()
    behind = Curtained()
    behind.documents = state.documents
    assert Ledger(behind).missing_templates() == ()


def test_without_that_note_nothing_is_taken_for_installed() -> None:
    with pytest.raises(Forbidden):
        Ledger(Curtained()).missing_templates()
