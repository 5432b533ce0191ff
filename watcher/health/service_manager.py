"""Signs of life for systemd: the datagrams of sd_notify."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Where systemd listens, and how often it expects a sign of life; without systemd nothing is sent."""

    address: str = ""  # NOTIFY_SOCKET; a leading `@` stands for the abstract namespace
    watchdog: float = 0.0  # seconds; 0: no watchdog

    def notify(self, *states: str) -> None:
        """Send states such as `READY=1`; a failure is logged and changes nothing, also where nobody reads them."""
        if not self.address:
            return
        path = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(states).encode(), path)
        except OSError as fault:
            log.warning("service.unnotified", error=str(fault), states=list(states))


def service_manager(environ: Mapping[str, str] = os.environ) -> ServiceManager:
    """Return the service manager that the environment names."""
    address = environ.get("NOTIFY_SOCKET", "")
    microseconds = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    watchdog = int(microseconds) / 1e6 if microseconds.isdigit() and meant else 0.0
    return ServiceManager(address=address, watchdog=watchdog)


@dataclass(slots=True, kw_only=True)
class Watchdog:
    """A thread that reports to systemd while the jobs advance; where they do not, systemd restarts the service."""

    manager: ServiceManager
    is_alive: Callable[[], bool]
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start the thread where systemd expects signs of life."""
        if self.manager.watchdog:
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self.manager.watchdog / 3):
            if self.is_alive():
                self.manager.notify("WATCHDOG=1")
