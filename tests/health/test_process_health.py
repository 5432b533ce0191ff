"""The server, the service manager and the dead-man's switch, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.fakes import NOW, FakeClock
from support.receivers import HttpReceiver, free_port

from watcher.errors import Overloaded
from watcher.health.activity import Activity, JobKind, Liveness
from watcher.health.dead_man_switch import DeadManSwitch
from watcher.health.health_server import HealthServer, ListenAddress
from watcher.health.metrics import Metrics
from watcher.health.process_health import listen_address
from watcher.health.recorded_problems import ProblemKind
from watcher.health.service_manager import ServiceManager, Watchdog, service_manager
from watcher.model import Window
from watcher.pipeline import WindowResult
from watcher.settings import MonitoringSettings, Secret

ALIVE = Liveness(alive=True, silent_for=1.25, succeeded={"source windows": NOW})
STUCK = Liveness(alive=False, silent_for=1000.0, stuck=("source windows",))
LIVE = JobKind(name="live", source="windows", problem=ProblemKind.SEARCH_FAILS, title="the search fails")


@pytest.fixture
def answers() -> list[Liveness]:
    return [ALIVE]


@pytest.fixture
def server(answers: list[Liveness]) -> Iterator[HealthServer]:
    created = HealthServer(metrics=lambda: b"watcher_up 1\n", liveness=lambda: answers[-1])
    created.listen(ListenAddress("127.0.0.1", free_port()))
    with closing(created):
        yield created


def get(server: HealthServer, path: str) -> tuple[int, str, str]:
    """Return the status, the content type and the body of an answer."""
    try:
        answer = urllib.request.urlopen(f"http://{server.address}{path}", timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status or 0, str(answer.headers["content-type"]), answer.read().decode()


def test_the_server_answers_its_two_paths(server: HealthServer, answers: list[Liveness]) -> None:
    assert get(server, "/metrics?x=1") == (200, "text/plain; version=0.0.4; charset=utf-8", "watcher_up 1\n")
    status, _, body = get(server, "/healthz")
    assert (status, json.loads(body)) == (
        200,
        {
            "status": "ok",
            "seconds_since_advance": 1.2,
            "stuck": [],
            "last_success": {"source windows": "2026-11-23T12:00:00.000Z"},
        },
    )
    assert get(server, "/")[0] == 404
    answers.append(STUCK)
    status, _, body = get(server, "/healthz")
    assert (status, json.loads(body)["stuck"]) == (503, ["source windows"])


def test_an_address_that_is_taken_is_logged_and_another_serves(server: HealthServer) -> None:
    assert server.address is not None
    other = HealthServer(metrics=bytes, liveness=lambda: ALIVE)
    with closing(other), capture_logs() as entries:
        other.listen(server.address)
        assert other.address is None
        other.listen(ListenAddress("127.0.0.1", free_port()))
        assert get(other, "/healthz")[0] == 200
        other.listen(None)
        assert other.address is None
    assert [entry["event"] for entry in entries][:1] == ["monitoring.unavailable"]


def test_the_address_of_settings() -> None:
    assert listen_address(MonitoringSettings()) is None
    assert listen_address(MonitoringSettings(listen="127.0.0.1:9464")) == ListenAddress("127.0.0.1", 9464)
    address = listen_address(MonitoringSettings(listen="[::1]:80"))
    assert (address, str(address)) == (ListenAddress("::1", 80), "[::1]:80")


# --------------------------------------------------------------------------- metrics


def test_jobs_searches_and_deliveries_are_counted() -> None:
    metrics = Metrics(lambda: NOW)
    slice_start = NOW - timedelta(minutes=5)
    window = WindowResult(
        window=Window(start=slice_start, end=NOW),
        counts={slice_start: 7},  # of which 3 were read by an earlier search
        fetched=4,
        hits=3,
        alerts=2,
        by_level={"high": 2},
    )

    def observe(_job: str, kind: JobKind, outcome: str, result: object) -> None:
        metrics.job_ended(kind.name, kind.source, outcome, result)

    activity = Activity(FakeClock(), observe=observe)
    activity.register("source windows", LIVE)
    activity.succeeded("source windows", window)
    activity.succeeded("source windows", (window, window))
    activity.failed("source windows", Overloaded("429"))
    metrics.delivered("mail", "sent")
    lines = set(metrics.render().decode().splitlines())
    assert {
        'watcher_ticks_total{job="live",outcome="done",source="windows"} 2.0',
        'watcher_ticks_total{job="live",outcome="failed",source="windows"} 1.0',
        'watcher_events_read_total{source="windows"} 12.0',
        'watcher_hits_total{source="windows"} 9.0',
        'watcher_alerts_total{level="high"} 6.0',
        'watcher_cluster_errors_total{kind="Overloaded"} 1.0',
        'watcher_deliveries_total{channel="mail",outcome="sent"} 1.0',
    } <= lines


# --------------------------------------------------------------------------- systemd


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        yield receiver


def test_systemd_gets_the_states_and_signs_of_life(tmp_path: Path, notified: socket.socket) -> None:
    manager = service_manager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
    manager.notify("READY=1", "STATUS=running")
    assert notified.recv(100) == b"READY=1\nSTATUS=running"
    alive = threading.Event()
    watchdog = Watchdog(manager=manager, is_alive=alive.is_set)
    watchdog.start()
    alive.set()
    assert notified.recv(100) == b"WATCHDOG=1"
    watchdog.stop()


def test_without_systemd_nothing_is_sent() -> None:
    with capture_logs() as entries:
        service_manager({}).notify("READY=1")
    assert entries == []
    assert service_manager({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog == 0


def test_a_socket_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    with capture_logs() as entries:
        ServiceManager(str(tmp_path / "gone")).notify("READY=1")
    assert [entry["event"] for entry in entries] == ["service.unnotified"]


def test_a_socket_that_nobody_reads_delays_nothing(tmp_path: Path, notified: socket.socket) -> None:
    with capture_logs() as entries:
        for _ in range(2_000):
            ServiceManager(str(tmp_path / "notify")).notify("WATCHDOG=1")
    assert {entry["event"] for entry in entries} == {"service.unnotified"}
    assert notified.recv(100) == b"WATCHDOG=1"


# --------------------------------------------------------------------------- the dead-man's switch


def test_the_switch_is_called_while_alerts_reach_people() -> None:
    alerting = [True]
    with HttpReceiver() as receiver:
        switch = DeadManSwitch(Secret(receiver.url("/ping/secret-token")), lambda: alerting[-1])
        switch.call()
        alerting.append(False)
        switch.call()
        assert [request.path for request in receiver.requests] == ["/ping/secret-token"]


def test_a_failing_call_is_logged_once_without_the_address() -> None:
    with HttpReceiver() as receiver, capture_logs() as entries:
        switch = DeadManSwitch(Secret(receiver.url("/ping/secret-token")), lambda: True)
        receiver.status = 503
        switch.call()
        switch.call()
        receiver.status = 200
        switch.call()
    assert [entry["event"] for entry in entries] == ["dead_man.failed", "dead_man.called"]
    assert "secret-token" not in str(entries)


def test_a_redirect_is_no_success() -> None:
    with HttpReceiver() as receiver, capture_logs() as entries:
        receiver.status = 302
        DeadManSwitch(Secret(receiver.url("/ping")), lambda: True).call()
        assert len(receiver.requests) == 1
    assert [entry["event"] for entry in entries] == ["dead_man.failed"]
