"""Whatever servers of channels answer: the alert stays due or is given up, and the channel beside it delivers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random
from socket import socket

import pytest
from support.fake_cluster import opensearch
from support.fakes import NOW, RecordingChannel, effective, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments
from support.receivers import LOCALHOST
from support.scripted_server import Script, ScriptedServer, drip, read_http_request
from support.seeded import fuzz, mutated

from watcher.alerts.alert_store import AlertStore
from watcher.alerts.grouping import alerts_of_hits
from watcher.clock import SystemClock
from watcher.cluster.connections import connect
from watcher.delivery.channel_state import ChannelStates
from watcher.delivery.deliveries import delivery_entries
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.outbox import Outbox
from watcher.errors import ClusterError
from watcher.notify.links import Links
from watcher.notify.mail import MailChannel
from watcher.notify.mail.transport import MailNotifier
from watcher.notify.renderer import Renderer
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.transport import SlackNotifier
from watcher.pipeline import Dispatcher
from watcher.ports import Notifier
from watcher.settings import Cluster, Secret
from watcher.state.state_documents import StateDocuments

TIMEOUT = timedelta(seconds=1)
GOOD = MailChannel(name="good", host="localhost", to=("soc@corp.example",))
STATUSES = (100, 200, 200, 200, 204, 301, 307, 400, 404, 408, 429, 500, 503, 999)
HEADERS = (
    b"content-length: 2\r\n",
    b"content-length: 99999999999999999999\r\n",
    b"content-length: -1\r\n",
    b"transfer-encoding: chunked\r\n",
    b"content-encoding: gzip\r\n",
    b"retry-after: 1e400\r\n",
    b"retry-after: Mon, 99 Foo 99999\r\n",
    b"location: http://[\r\n",
    b"x: " + b"y" * 70_000 + b"\r\n",
    b"",
)
_DRIPPING = 0.1  # of the answers come a byte at a time
_PAUSES = (0.001, 0.01, 0.1)  # seconds between bytes: some answers end in time, others do not
_PATIENCE = (
    30.0  # seconds for an attempt of each channel: a dripping answer takes minutes, a loaded machine some seconds
)
LINES = (
    b"250 ok",
    b"220 mail",
    b"354 go on",
    b"421 later",
    b"451 busy",
    b"550 no",
    b"250-a",
    b"999",
    b"",
    b"\xff" * 99,
)


def http_script(random: Random) -> Script:
    """Return a script that answers each request with a damaged response; one of ten drips."""
    drips, pause = random.random() < _DRIPPING, random.choice(_PAUSES)

    def talk(client: socket) -> None:
        read_http_request(client)
        head = b"HTTP/1.1 %d x\r\n" % random.choice(STATUSES) + b"".join(random.sample(HEADERS, 2)) + b"\r\n"
        answer = head + random.choice((b"ok", b"invalid_payload", b"{}", b"<html>", b"\x00" * 9_999))
        answer = mutated(answer, random) if random.random() < 0.5 else answer
        if drips:
            drip(client, answer, pause)
        else:
            client.sendall(answer)

    return talk


def smtp_script(random: Random) -> Script:
    """Return a script that begins as a mail server does, and answers with lines of any kind."""
    sensible = random.randrange(6)
    drips, pause = random.random() < _DRIPPING, random.choice(_PAUSES)

    def talk(client: socket) -> None:
        client.sendall(b"220 mail\r\n")
        for number in range(50):
            if not client.recv(65_536):
                return
            line = b"250 ok" if number < sensible else random.choice(LINES)
            line = (mutated(line, random) if random.random() < 0.2 else line) + b"\r\n"
            if drips:
                drip(client, line, pause)
            else:
                client.sendall(line)

    return talk


def slack(port: int) -> tuple[SlackChannel, Notifier]:
    channel = SlackChannel(name="bad", webhook_url=Secret(f"http://{LOCALHOST}:{port}/services/T/B/x"), timeout=TIMEOUT)
    return channel, SlackNotifier(channel, SystemClock())


def mail(port: int) -> tuple[MailChannel, Notifier]:
    channel = MailChannel(
        name="bad", host=LOCALHOST, port=port, tls="none", to=("a@corp.example", "b@corp.example"), timeout=TIMEOUT
    )
    return channel, MailNotifier(channel, SystemClock())


@pytest.mark.parametrize(("script", "connect"), [(http_script, slack), (smtp_script, mail)])
def test_a_damaged_answer_keeps_no_other_channel_from_delivering(
    script: Callable[[Random], Script], connect: Callable[[int], tuple[SlackChannel | MailChannel, Notifier]]
) -> None:
    with ScriptedServer() as server:
        bad = connect(server.port)

        def check(random: Random) -> None:
            server.script = script(random)
            state, good = MemoryDocuments(), RecordingChannel("good")
            settings = effective(channels=("bad", "good"))
            grouped = grouped_hit(rule(), settings, event_document())
            alerts = alerts_of_hits(rule(), settings, [grouped], origin="live")
            AlertStore(state).record(alerts, [grouped.hit], now=NOW)
            began = SystemClock().monotonic()
            Dispatcher(
                queries=DeliveryQueries(state),
                outbox=Outbox(state),
                states=ChannelStates(StateDocuments(state)),
                channels={"bad": bad, "good": (GOOD, good)},
                renderer=Renderer(),
                links=Links(),
                now=lambda: NOW,
            ).deliver()
            assert SystemClock().monotonic() - began < _PATIENCE
            assert len(good.taken) == 1
            (alert,) = (stored for (index, _), stored in state.documents.items() if "-alerts-" in index)
            states = {entry["channel"]: entry["state"] for entry in delivery_entries(alert.document)}
            assert states["good"] == "sent"
            assert {outcome for name, outcome in states.items() if name != "good"} <= {"pending", "sent", "failed"}

        assert fuzz(check) > 0


def cluster_script(random: Random) -> Script:
    """Return a script of an OpenSearch that lets its answers drip, some of them damaged or never complete."""
    table, otherwise = opensearch("3.6.0")
    pause, damage = random.choice((0.0, 0.001, 0.02)), random.random()

    def talk(client: socket) -> None:
        path = read_http_request(client).split(b" ", 2)[1].partition(b"?")[0].decode()
        reply = table.get(path, otherwise)
        body = json.dumps(reply.body).encode()
        head = b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\nconnection: close\r\n" % reply.status
        answer = head + b"content-length: %d\r\n\r\n" % len(body) + body
        if damage < 0.3:
            answer = mutated(answer, random)
        elif damage < 0.4:
            answer = answer[: random.randrange(len(answer))]
        drip(client, answer, pause)

    return talk


def test_an_answer_of_a_cluster_that_drips_is_an_error_of_the_cluster_or_a_result() -> None:
    with ScriptedServer() as server:
        cluster = Cluster(hosts=(f"http://{LOCALHOST}:{server.port}",), timeout=TIMEOUT)

        def check(random: Random) -> None:
            server.script = cluster_script(random)
            with suppress(ClusterError):
                connection = connect(cluster)
                try:
                    connection.events().now()
                    connection.state().get([("watcher-state", "a")])
                    connection.state().count("watcher-hits-*", {"match_all": {}})
                finally:
                    connection.close()

        assert fuzz(check) > 0
