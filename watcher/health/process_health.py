"""The health of this process over all reloads of its settings: activity, metrics, their server, and the watchdog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watcher.health.activity import Activity, JobKind
from watcher.health.health_server import HealthServer, ListenAddress
from watcher.health.metrics import Metrics
from watcher.health.recorded_problems import Problem
from watcher.health.service_manager import ServiceManager, Watchdog
from watcher.ports import Clock
from watcher.settings import MonitoringSettings


@dataclass(slots=True, kw_only=True)
class ProcessHealth:
    """What lives as long as the process; `reload` takes over changed settings where that was asked for."""

    activity: Activity
    metrics: Metrics
    server: HealthServer
    manager: ServiceManager
    watchdog: Watchdog
    reload: Callable[[], None] | None = None
    refused: list[Problem] = field(default_factory=list)  # settings that could not be taken over

    def problems(self) -> Sequence[Problem]:
        """Return why changed settings are not in use."""
        return tuple(self.refused)

    def start(self, monitoring: MonitoringSettings) -> None:
        """Start the server and the watchdog, and report to systemd that the service is ready."""
        self.server.listen(listen_address(monitoring))
        self.watchdog.start()
        self.manager.notify("READY=1")

    def stopping(self) -> None:
        """Report to systemd that the service ends."""
        self.manager.notify("STOPPING=1")

    def close(self) -> None:
        """End the server and the watchdog."""
        self.watchdog.stop()
        self.server.close()


def process_health(clock: Clock, manager: ServiceManager) -> ProcessHealth:
    """Create the health of this process."""
    metrics = Metrics(clock.now)

    def observe(_job: str, kind: JobKind, outcome: str, result: object) -> None:
        metrics.job_ended(kind.name, kind.source, outcome, result)

    activity = Activity(clock, observe=observe)
    return ProcessHealth(
        activity=activity,
        metrics=metrics,
        server=HealthServer(metrics=metrics.render, liveness=activity.liveness),
        manager=manager,
        watchdog=Watchdog(manager=manager, is_alive=lambda: activity.liveness().alive),
    )


def listen_address(monitoring: MonitoringSettings) -> ListenAddress | None:
    """Return where to listen, None where settings name no address."""
    if monitoring.listen is None:
        return None
    host, _, port = monitoring.listen.rpartition(":")
    return ListenAddress(host.strip("[]"), int(port))
