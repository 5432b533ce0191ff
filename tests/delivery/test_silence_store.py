"""Silences are stored once, ended once, bounded in number, and noticed once at their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import NOW, RecordingChannel
from support.memory_state import MemoryDocuments

from watcher.clock import SystemClock
from watcher.delivery.silence_store import MOST_SILENCES, SilenceStore
from watcher.delivery.silenced_alerts import SilencedAlerts
from watcher.delivery.window_records import WindowRecords
from watcher.errors import DeliveryError, InputError
from watcher.health.silence_notices import SilenceNotices
from watcher.notify.mail import MailChannel
from watcher.notify.operators import OperatorNotifier
from watcher.notify.renderer import Renderer
from watcher.ports import NewDocument
from watcher.routes.calendars import Calendar, TimeSpan
from watcher.routes.label_matchers import LabelMatcher, MatchOperator
from watcher.routes.silences import MaintenanceWindow, SilencePhase, StoredSilence
from watcher.state.state_documents import StateDocuments

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",), operator=True)
END = NOW + timedelta(hours=2)


def silence_of(number: int = 1, value: str = "DC01", until: datetime = END) -> StoredSilence:
    return StoredSilence(
        id=f"{number:08x}",
        matchers=(LabelMatcher(label="host", operator=MatchOperator.EQUAL, values=(value,)),),
        start=NOW,
        until=until,
        by="ada",
        reason="patching",
        created=NOW,
    )


def stored(*silences: StoredSilence) -> tuple[MemoryDocuments, SilenceStore]:
    state = MemoryDocuments()
    store = SilenceStore(StateDocuments(state))
    for silence in silences:
        store.create(silence, now=NOW)
    return state, store


@given(value=st.text(min_size=1, max_size=40), reason=st.text(max_size=40))
def test_any_silence_is_read_as_it_was_stored(value: str, reason: str) -> None:
    silence = replace(silence_of(value=value), reason=reason)
    assert StoredSilence.from_document(silence.as_document()) == silence


@pytest.mark.parametrize("document", [{}, {"id": "a"}, {"id": "a", "matchers": "host"}, {"matchers": "host=a"}])
def test_what_is_no_silence_is_left_out(document: dict[str, str]) -> None:
    assert StoredSilence.from_document(document) is None


def test_phases() -> None:
    silence = silence_of()
    assert silence.phase(NOW - timedelta(seconds=1)) is SilencePhase.PENDING
    assert silence.phase(NOW) is SilencePhase.ACTIVE
    assert silence.phase(END) is SilencePhase.EXPIRED


def test_a_silence_is_ended_once_and_by_name() -> None:
    _, store = stored(silence_of())
    soon = NOW + timedelta(minutes=5)
    ended = store.expire("00000001", by="bob", now=soon)
    assert (ended.until, ended.expired_by) == (soon, "bob")
    with pytest.raises(InputError, match="expired already"):
        store.expire("00000001", by="bob", now=soon)
    with pytest.raises(InputError, match="no silence has the id"):
        store.expire("x", by="bob", now=soon)


def test_silences_are_bounded_and_old_ones_are_forgotten() -> None:
    _, store = stored(*(silence_of(number) for number in range(MOST_SILENCES)))
    with pytest.raises(InputError, match=f"there are {MOST_SILENCES} silences"):
        store.create(silence_of(9_999), now=NOW)
    store.create(silence_of(9_999, until=END + timedelta(days=90)), now=END)
    assert len(store.read()) == MOST_SILENCES + 1  # nobody heard of the end of the others yet
    for silence in store.read():
        store.mark_notified(silence.id, now=END)
    store.create(silence_of(10_000), now=END + timedelta(days=32))
    assert [silence.id for silence in store.read()] == [silence_of(9_999).id, silence_of(10_000).id]


def test_the_same_silence_twice_is_one() -> None:
    _, store = stored(silence_of(), silence_of())
    assert len(store.read()) == 1


# ---- notices


def notices(
    state: MemoryDocuments, store: SilenceStore, mail: RecordingChannel, configured: Sequence[MaintenanceWindow] = ()
) -> SilenceNotices:
    operators = OperatorNotifier(((MAIL, mail),), Renderer(), SystemClock())
    windows = WindowRecords(StateDocuments(state))
    return SilenceNotices(
        store=store, windows=windows, configured=configured, silenced=SilencedAlerts(state), operators=operators
    )


def put_alerts(state: MemoryDocuments, reason: str, *hosts: str) -> None:
    for host in hosts:
        document = {
            "rule": {"name": "A Shell Starts"},
            "host": {"name": host},
            "watcher": {"deliveries": [{"channel": "mail", "state": "silenced", "reason": reason}]},
        }
        state.create([NewDocument(index="watcher-alerts-2026.11", id=host, document=document)])


def test_operators_hear_once_what_a_silence_held_back() -> None:
    state, store = stored(silence_of())
    put_alerts(state, silence_of().answer, "DC01", "DC02")
    put_alerts(state, "silence 00000002 of bob (other)", "DC03")
    mail = RecordingChannel("mail")
    assert notices(state, store, mail).send(END - timedelta(seconds=1)) == 0
    assert notices(state, store, mail).send(END) == 1
    assert notices(state, store, mail).send(END + timedelta(days=1)) == 0
    (message,) = mail.taken
    text = "".join(message.bodies.values())
    assert "a silence ended; it held back 2 alerts" in message.subject
    for part in ("00000001", "ada", "patching", "A Shell Starts: 2", "DC01: 1", "DC02: 1"):
        assert part in text


def test_a_notice_that_no_channel_accepts_is_tried_again_and_one_that_is_claimed_is_left() -> None:
    state, store = stored(silence_of())
    mail = RecordingChannel("mail", faults=[DeliveryError("later", permanent=False)])
    assert notices(state, store, mail).send(END) == 0
    assert notices(state, store, mail).send(END + timedelta(seconds=90)) == 0
    assert mail.taken == []  # claimed: another sidecar may be about to send it
    assert notices(state, store, mail).send(END + timedelta(minutes=3)) == 1
    assert len(mail.taken) == 1


def test_a_sidecar_that_dies_before_it_sent_the_notice_leaves_it_to_another() -> None:
    state, store = stored(silence_of())
    assert store.claim_notice("00000001", now=END)
    assert not store.claim_notice("00000001", now=END)
    mail = RecordingChannel("mail")
    assert notices(state, store, mail).send(END + timedelta(minutes=3)) == 1


def test_without_operators_an_end_is_recorded_all_the_same() -> None:
    state, store = stored(silence_of())
    windows = WindowRecords(StateDocuments(state))
    quiet = SilenceNotices(store=store, windows=windows, silenced=SilencedAlerts(state), operators=OperatorNotifier())
    assert quiet.send(END) == 1
    assert store.read()[0].notified == END


# ---- maintenance windows

NOON = MaintenanceWindow(
    name="noon",
    matchers=silence_of().matchers,
    calendars=(Calendar(name="noon", hours=(TimeSpan(start=720, end=780),)),),
)


def test_a_window_is_recorded_once_for_each_time_that_it_holds() -> None:
    records = WindowRecords(StateDocuments(MemoryDocuments()))
    assert records.opened([NOON], now=NOW - timedelta(seconds=1)) == ()
    for minutes in (3, 30):  # whichever sidecar asks, and however late
        (window,) = records.opened([NOON], now=NOW + timedelta(minutes=minutes))
        assert window.answer == "maintenance window noon from 2026-11-23 12:03 UTC"


def test_operators_hear_once_of_the_end_of_a_window_that_held_something_back() -> None:
    state, store = stored()
    records = WindowRecords(StateDocuments(state))
    (window,) = records.opened([NOON], now=NOW)
    put_alerts(state, window.answer, "DC01")
    mail = RecordingChannel("mail")
    assert notices(state, store, mail, [NOON]).send(NOW + timedelta(minutes=59)) == 0
    assert notices(state, store, mail, [NOON]).send(NOW + timedelta(minutes=60)) == 1
    assert notices(state, store, mail, [NOON]).send(NOW + timedelta(minutes=61)) == 0
    (message,) = mail.taken
    assert message.subject.endswith("the maintenance window noon ended; it held back 1 alert")
    (again,) = records.opened([NOON], now=NOW + timedelta(days=1))
    assert again.answer != window.answer
    assert notices(state, store, mail, []).send(NOW + timedelta(days=1)) == 0  # it held nothing back
    assert len(mail.taken) == 1
    assert records.read() == {}
