"""Events that computers forwarded to a collector: an alert and a message for each computer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.fakes import NOW, ListedEvents, RecordingChannel, effective, event, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.model import EventDocument, Window
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.pipeline import Detector, Dispatcher, prepare_rule
from watcher.settings import Source

WINDOW = Window(start=NOW - timedelta(minutes=5), end=NOW)
MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))


def forwarded(computer: str, number: int) -> EventDocument:
    """Return an event that a collector received."""
    shell: dict[str, Any] = event(host="wec01")
    shell["winlog"] = {**shell["winlog"], "computer_name": computer}
    return EventDocument(index="winlogbeat-1", id=f"e{number}", event=shell)


def detect(state: MemoryDocuments, *documents: EventDocument) -> tuple[int, int]:
    """Search a window of some events; return how many hits and alerts are new."""
    source = Source()
    detector = Detector(
        source=source,
        events=ListedEvents(documents),
        alert_store=AlertStore(state),
        rules=[prepare_rule(rule(), effective(channels=("mail",)), source)],
    )
    detected = detector.detect(WINDOW)
    return detected.hits, detected.alerts


def test_each_computer_has_its_alert_and_its_message() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    computers = ("ws1", "ws2", "dc1")
    events = [forwarded(name, number) for number, name in enumerate((*computers, "ws1"))]
    assert detect(state, *events) == (4, 3)
    Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        channels={"mail": (MAIL, mail)},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW,
    ).deliver()
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
    AlertStore(state).record(alerts, [earlier.hit], now=NOW)
    assert detect(state, document) == (0, 0)
