"""What a silence holds back is marked and counted; everything else is sent as without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.memory_state import LaggingDocuments, MemoryDocuments

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.delivery.silence_store import SilenceStore
from watcher.delivery.silenced_alerts import SilencedAlerts
from watcher.errors import DeliveryError
from watcher.model import Notification, Rule
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.renderer import Renderer
from watcher.pipeline import DeliveryResult, Dispatcher, RateLimit
from watcher.routes import parse_matchers
from watcher.routes.silences import StoredSilence, silences
from watcher.state.state_documents import StateDocuments

MAIL = MailChannel(name="mail", host="localhost", to=("soc@corp.example",))
HOUR = timedelta(hours=1)


class KilledChannel(RecordingChannel):
    """A channel whose process ends when it is to send a message."""

    def send(self, notification: Notification) -> None:  # noqa: ARG002 - the port's name
        raise KeyboardInterrupt


def minutes(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


def silence_of(text: str, start: float = 0, until: float = 60, number: int = 1) -> StoredSilence:
    return StoredSilence(
        id=f"{number:08x}",
        matchers=parse_matchers(text),
        start=minutes(start),
        until=minutes(until),
        by="ada",
        reason="patching",
        created=NOW,
    )


def open_alert(state: MemoryDocuments, host: str, *, number: int = 1, at: float = 0, of: Rule | None = None) -> None:
    """Open the alert of a host with a pending delivery, or join a hit to it."""
    own, plain = of or rule(), effective(channels=("mail",))
    grouped = grouped_hit(own, plain, event_document(number, host=host))
    AlertStore(state).record(alerts_of_hits(own, plain, [grouped], origin="live"), [grouped.hit], now=minutes(at))


def deliver(
    state: MemoryDocuments,
    mail: RecordingChannel,
    silences: Sequence[StoredSilence],
    *,
    at: float = 0,
    limit: RateLimit | None = None,
) -> DeliveryResult:
    return Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        states=ChannelStates(StateDocuments(state)),
        channels={"mail": (MAIL, mail)},
        renderer=Renderer(),
        links=Links(),
        now=lambda: minutes(at),
        silencers=lambda: silences,
        rate_limit=limit or RateLimit(settle=timedelta(0)),
    ).deliver()


def outcomes(state: MemoryDocuments) -> dict[str, tuple[str, str]]:
    """Return state and reason of the deliveries, by host."""
    alerts = [stored.document for (index, _), stored in state.documents.items() if "alerts" in index]
    entries = {document["host"]["name"]: document["watcher"]["deliveries"][0] for document in alerts}
    return {host: (entry["state"], entry.get("reason", "")) for host, entry in entries.items()}


def test_what_is_silenced_is_not_sent_and_says_why() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert(state, "DC01")
    open_alert(state, "WEB01")
    silence = silence_of("host=dc01")
    assert deliver(state, mail, [silence]) == DeliveryResult(sent=1)
    assert outcomes(state) == {
        "DC01": ("silenced", "silence 00000001 of ada (patching)"),
        "WEB01": ("sent", "within-limits"),
    }
    assert SilencedAlerts(state).totals() == {silence.answer: 1}
    assert deliver(state, mail, [silence], at=120) == DeliveryResult()  # it ends, and nothing is sent again
    assert len(mail.taken) == 1


def test_a_silence_that_is_over_or_has_not_begun_holds_nothing_back() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    open_alert(state, "DC01")
    assert deliver(state, mail, [silence_of("host=DC01", -60, 0), silence_of("host=DC01", 1)]).sent == 1


def test_silenced_alerts_count_against_no_limit_and_are_in_no_digest() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    for number in range(30):
        open_alert(state, f"DC{number:02}", number=number)
    open_alert(state, "WEB01", number=99)
    assert deliver(state, mail, [silence_of('host=~"DC.*"')], limit=RateLimit(limit=2, messages=2)).sent == 1
    assert outcomes(state)["WEB01"] == ("sent", "within-limits")
    assert {name for name, _ in outcomes(state).values()} == {"silenced", "sent"}


def test_an_alert_that_is_opened_after_a_round_began_is_taken_out_of_the_digest() -> None:
    state, mail = LaggingDocuments(), RecordingChannel("mail")
    for number in range(4):
        open_alert(state, f"WEB{number}", number=number)
    silence, counted = silence_of("host=DC01"), Counter[str]()

    def observe(_channel: str, outcome: str) -> None:
        counted[outcome] += 1
        open_alert(state, "DC01", number=50)

    run = Dispatcher(
        queries=DeliveryQueries(state),
        outbox=Outbox(state),
        states=ChannelStates(StateDocuments(state)),
        channels={"mail": (MAIL, mail)},
        renderer=Renderer(),
        links=Links(),
        now=lambda: NOW,
        silencers=lambda: [silence],
        rate_limit=RateLimit(limit=1, settle=timedelta(0)),
        observe=observe,
    )
    assert run.deliver().sent == 2
    assert counted == {"sent": 2, "silenced": 1}
    assert outcomes(state)["DC01"][0] == "silenced"


def test_further_hits_after_the_end_send_what_was_silenced() -> None:
    state, mail = MemoryDocuments(), RecordingChannel("mail")
    silence = silence_of("host=DC01", until=30)
    open_alert(state, "DC01", number=1)
    deliver(state, mail, [silence])
    open_alert(state, "DC01", number=2, at=10)  # it continues while the silence lasts
    assert deliver(state, mail, [silence], at=10) == DeliveryResult()
    assert outcomes(state)["DC01"][0] == "silenced"
    open_alert(state, "DC01", number=3, at=31)  # and after its end
    assert deliver(state, mail, [silence], at=31) == DeliveryResult(sent=1)
    (message,) = mail.taken
    assert "A Shell Starts" in message.subject
    assert SilencedAlerts(state).totals() == {}


def test_alerts_that_a_rule_could_not_decide_are_silenced_only_by_name() -> None:
    undecided = {"kind": ("undecided",), "host": ("DC01",)}
    assert not silences(parse_matchers("host=DC01"), undecided)
    assert silences(parse_matchers("host=DC01, kind=undecided"), undecided)
    assert silences(parse_matchers("host=DC01"), {**undecided, "kind": ("match",)})


def test_a_failing_channel_does_not_keep_alerts_from_being_silenced() -> None:
    state = MemoryDocuments()
    mail = RecordingChannel("mail", faults=[DeliveryError("later", permanent=False)])
    open_alert(state, "WEB01")
    deliver(state, mail, [])
    open_alert(state, "DC01", number=2)
    assert deliver(state, mail, [silence_of("host=DC01")], at=1).sent == 1
    assert outcomes(state)["DC01"][0] == "silenced"


HOSTS = ("DC01", "WEB01", "SRV01")
OPENED = st.lists(st.tuples(st.sampled_from(HOSTS), st.integers(0, 100)), max_size=12)
SILENCED = st.lists(st.tuples(st.sampled_from((*HOSTS, ".*")), st.integers(0, 100), st.integers(1, 60)), max_size=4)


@settings(max_examples=25, deadline=None)
@given(opened=OPENED, silenced=SILENCED, rounds=st.lists(st.integers(0, 130), max_size=6), killed=st.booleans())
def test_each_alert_is_sent_once_or_counted_by_a_silence(
    opened: list[tuple[str, int]],
    silenced: list[tuple[str, int, int]],
    rounds: list[int],
    killed: bool,  # noqa: FBT001 - a value of the strategy
) -> None:
    state, mail = LaggingDocuments(), RecordingChannel("mail")
    silences = [
        silence_of(f'host=~"{host}"', start, start + length, number)
        for number, (host, start, length) in enumerate(silenced)
    ]
    times = sorted({*rounds, 200})
    rules = [rule(id=f"00000000-0000-4000-8000-{number:012}", title=f"Rule {number}") for number in range(len(opened))]
    expected = 0
    for number, at in enumerate(times):
        since = times[number - 1] if number else -1
        for own, (host, when) in zip(rules, opened, strict=True):
            if since < when <= at:
                open_alert(state, host, at=when, of=own)
                holds = any(
                    silence.holds(minutes(at)) and silence.matchers[0].matches({"host": (host,)})
                    for silence in silences
                )
                expected += holds
        if killed:
            try:
                deliver(state, KilledChannel("mail"), silences, at=at)
            except KeyboardInterrupt:
                state.refresh("")
            deliver(state, mail, silences, at=at)
        deliver(state, mail, silences, at=at)
    deliver(state, mail, silences, at=100_000)
    done = [
        entry for document in state.documents.values() for entry in document.document["watcher"].get("deliveries", ())
    ]
    assert len(done) == len(opened)
    assert all(entry["state"] in ("sent", "silenced") for entry in done)
    held_back = sum(entry["state"] == "silenced" for entry in done)
    state.refresh("")
    assert sum(SilencedAlerts(state).totals().values()) == held_back
    assert killed or held_back == expected  # a message that was interrupted is tried again later
    assert len(mail.taken) == len(opened) - held_back


def test_stored_silences_are_read_by_the_next_round() -> None:
    state = MemoryDocuments()
    store = SilenceStore(StateDocuments(state))
    store.create(silence_of("host=DC01"), now=NOW)
    assert store.read() == (silence_of("host=DC01"),)
