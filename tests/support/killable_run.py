"""A process that runs watcher in child processes and kills each at a given step or time.

Reads a line of JSON per run, with the path of the settings, and writes one. The child is a fork, so a run starts no
new Python.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from watcher.cli.common import configure_log
from watcher.clock import SystemClock
from watcher.cluster.engine_transport import Answer, RequestBody, Transport
from watcher.components import Components, Connections, connect_clusters
from watcher.errors import ClusterError
from watcher.model import Notification
from watcher.ports import Notifier
from watcher.settings import Settings
from watcher.sidecars import one_shot_sidecar
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.loading import load_rules, load_settings, searched_rules

NEVER = 10**9
MIGRATED_TOGETHER = 5  # documents


@dataclass
class KillPoint:
    """The step at which the process ends; steps are the start and end of requests and messages."""

    at: int
    pipe: int  # outlives the process
    breaks: str = ""  # a channel that raises an unexpected error
    step: int = 0

    def count_step(self, label: str) -> None:
        """Record a step, and end the process where it is the last."""
        self.step += 1
        if self.step >= self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(self.pipe, f"{threading.get_ident()} {label}\n".encode())


@dataclass(frozen=True)
class KillableTransport:
    """A transport that may end the process before a request or after its response."""

    transport: Transport
    kill_point: KillPoint

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: RequestBody = None,
        timeout: timedelta | None = None,
    ) -> Answer:
        self.kill_point.count_step(f"asking {path}")
        answer = self.transport.request(method, path, params=params, body=body, timeout=timeout)
        refused = isinstance(answer.body, dict) and bool(answer.body.get("errors"))  # a conflict, which is tried again
        self.kill_point.count_step(f"{'refused' if refused else 'answered'} {path}")
        return answer

    def close(self) -> None:
        self.transport.close()


@dataclass(frozen=True)
class KillableNotifier:
    """A notifier that may end the process before or after sending a message."""

    notifier: Notifier
    kill_point: KillPoint

    @property
    def name(self) -> str:
        return self.notifier.name

    def send(self, notification: Notification) -> None:
        self.kill_point.count_step(f"sending {notification.key}")
        if self.kill_point.breaks == self.name:
            raise RuntimeError("a channel's library may raise anything")
        self.notifier.send(notification)
        self.kill_point.count_step("sent")


def killable_components(settings: Settings, kill_point: KillPoint) -> Components:
    """Create the components of a program whose requests are the steps."""
    connections = connect_clusters(settings)
    connection = replace(connections.events, transport=KillableTransport(connections.events.transport, kill_point))
    return Components(settings=settings, connections=Connections(events=connection, state=connection))


def live(settings: Settings, rules: LoadedRules, kill_point: KillPoint) -> None:
    """Run as `watcher run --once` does."""
    components = killable_components(settings, kill_point)
    components.installation().install()
    sidecar = one_shot_sidecar(components, searched_rules(settings, rules), lambda: False)
    channels = {
        name: (channel, KillableNotifier(notifier, kill_point))
        for name, (channel, notifier) in sidecar.delivery.channels.items()
    }
    sidecar.delivery = replace(sidecar.delivery, channels=channels)
    sidecar.once()


def migrate(settings: Settings, kill_point: KillPoint) -> None:
    """Run as `watcher setup` does, in small pages, so that the middle of a migration has many steps."""
    installation = killable_components(settings, kill_point).installation()
    assert installation.migration is not None
    replace(installation, migration=replace(installation.migration, page=MIGRATED_TOGETHER)).install()


def run(work: Callable[[KillPoint], None], order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run `work` in a forked child, kill it as ordered, and return its steps, memory and status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(KillPoint(at=order.get("at", NEVER), pipe=writing, breaks=order.get("breaks", "")))
        except ClusterError as fault:
            sys.stderr.write(f"{fault}\n")
            os._exit(3)
        os._exit(0)
    os.close(writing)
    if "after" in order:
        SystemClock().wait(order["after"])
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as lines:  # read to its end: a full pipe would hold the child up
        steps = lines.read().splitlines()
    _, status, used = os.wait4(child, 0)
    return {
        "steps": len(steps),
        "memory": used.ru_maxrss // 1024,  # MB
        "status": os.waitstatus_to_exitcode(status),
        "unrecorded": sent_but_not_recorded(steps),
    }


def sent_but_not_recorded(steps: Sequence[str]) -> list[str]:
    """Return the keys of messages that may be sent but not recorded; each channel sends and records in a thread."""
    keys: dict[str, str] = {}  # thread → key
    for step in steps:
        thread, _, label = step.partition(" ")
        if label.startswith("sending "):
            keys[thread] = label.removeprefix("sending ")
        elif label == "answered /_bulk":  # every write uses it
            keys.pop(thread, None)
    return list(keys.values())


def main() -> None:
    configure_log(as_json=False, level=logging.ERROR)
    read: dict[str, tuple[Settings, LoadedRules]] = {}  # of the latest file only; its tests change it in between
    for line in sys.stdin:
        order = json.loads(line)
        path = Path(order["settings"])
        key = f"{path} {path.stat().st_mtime_ns}"
        if key not in read:
            settings = load_settings(path)
            read = {key: (settings, load_rules(settings))}
        print(json.dumps(run(work_of(order, *read[key]), order)), flush=True)  # noqa: T201


def work_of(order: Mapping[str, Any], settings: Settings, rules: LoadedRules) -> Callable[[KillPoint], None]:
    """Return the work of an order: the live search, or the migration of the state alone."""
    works: Mapping[str, Callable[[KillPoint], None]] = {
        "live": partial(live, settings, rules),
        "migrate": partial(migrate, settings),
    }
    return works[order.get("work", "live")]


if __name__ == "__main__":
    main()
