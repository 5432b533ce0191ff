"""Events that computers forwarded to a collector: an alert and a message for each computer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs
from support.fakes import NOW, ListedEvents, RecordingChannel, effective, event, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.model import EventDocument, Window
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.pipeline import Detector, Dispatcher, prepare_rule
from watcher.settings import Source
from watcher.settings.effective import RuleSettings
from watcher.state.state_documents import StateDocuments

WINDOW = Window(start=NOW - timedelta(minutes=5), end=NOW)
BY_COMPUTER = effective(channels=("mail",))
MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))


def forwarded(computer: str, number: int) -> EventDocument:
    """Return an event that a collector received."""
    shell: dict[str, Any] = event(host="wec01")
    shell["winlog"] = {**shell["winlog"], "computer_name": computer}
    return EventDocument(index="winlogbeat-1", id=f"e{number}", event=shell)


def detect(state: MemoryDocuments, *documents: EventDocument, settings: RuleSettings = BY_COMPUTER) -> tuple[int, int]:
    """Search a window of some events; return how many hits and alerts are new."""
    source = Source()
    detector = Detector(
        source=source,
        events=ListedEvents(documents),
        alert_store=AlertStore(state),
        rules=[prepare_rule(rule(), settings, source)],
    )
    detected = detector.detect(WINDOW)
    return detected.hits, detected.alerts


def deliver(state: MemoryDocuments, mail: RecordingChannel) -> None:
    """Send the messages that are due."""
    Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        states=ChannelStates(StateDocuments(state)),
        channels={"mail": (MAIL, mail)},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW,
    ).deliver()


def test_each_computer_has_its_alert_and_its_message() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    computers = ("ws1", "ws2", "dc1")
    events = [forwarded(name, number) for number, name in enumerate((*computers, "ws1"))]
    assert detect(state, *events) == (4, 3)
    deliver(state, mail)
    texts = [notification.bodies["text/plain"] for notification in mail.taken]
    assert len(texts) == 3
    for name in computers:
        (text,) = [text for text in texts if f"host.name = {name}" in text]
        (host_row,) = [line for line in text.splitlines() if line.startswith("Host")]
        assert host_row.split() == ["Host", name]


def test_a_hit_that_an_earlier_version_recorded_opens_no_alert_again() -> None:
    """Earlier versions grouped forwarded events by their collector."""
    state, document = MemoryDocuments(), forwarded("ws1", 1)
    earlier = grouped_hit(
        rule(), effective(), EventDocument(index=document.index, id=document.id, event=event(host="wec01"))
    )
    alerts = alerts_of_hits(rule(), effective(channels=("mail",)), [earlier], origin="live")
    AlertStore(state).record(alerts, [replace(earlier.hit, id=earlier.hit.former_id)], now=NOW)
    assert detect(state, document) == (0, 0)


def test_an_alert_without_a_key_says_so_in_the_log_and_in_its_messages() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    settings = effective(channels=("mail",), group_by=("nonsense.field",))
    with capture_logs() as logs:
        assert detect(state, forwarded("ws1", 1), forwarded("ws2", 2), settings=settings) == (2, 1)
    (warning,) = [line for line in logs if line["event"] == "alert.without_key"]
    assert (warning["rule"], warning["group_by"]) == (rule().title, ["nonsense.field"])
    deliver(state, mail)
    (notification,) = mail.taken
    for body in notification.bodies.values():
        assert "hits of all computers join this alert" in " ".join(body.split())


def test_an_alert_of_all_hits_by_intention_is_not_reported() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    with capture_logs() as logs:
        assert detect(state, forwarded("ws1", 1), settings=effective(channels=("mail",), group_by=())) == (1, 1)
    assert [line["event"] for line in logs if line["event"].startswith("alert.")] == ["alert.opened"]
    deliver(state, mail)
    assert "join this alert" not in mail.taken[0].bodies["text/plain"]
