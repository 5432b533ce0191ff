"""A run of the sidecar: a single round, or until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from watcher.backoff import Backoff
from watcher.clock import SystemClock
from watcher.components import (
    Components,
    Connections,
    ReloadableRules,
    connect_clusters,
    one_shot_sidecar,
    shared_sidecar,
)
from watcher.errors import Incomplete, Overloaded, Unreachable
from watcher.model import Severity
from watcher.pipeline import DeliveryResult, Stopping, WindowResult
from watcher.ports import Clock
from watcher.schedule import log_faults
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.installing import prepare_state
from watcher.usecases.loading import enabled_rules, load_rules, rule_folders

log = structlog.get_logger("watcher")

_BACKOFF = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=1))  # of attempts to connect


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The outcome of one round."""

    windows: tuple[WindowResult, ...]
    delivered: DeliveryResult
    faulty_rules: int

    @property
    def is_clean(self) -> bool:
        """Whether every rule was read, every window searched and every message accepted."""
        searched = not any(
            window.failed or window.refused or window.unreadable or window.undecided for window in self.windows
        )
        return not self.faulty_rules and searched and not self.delivered.postponed and not self.delivered.failed


def log_rules(settings: Settings, rules: LoadedRules) -> None:
    """Log how many rules are enabled, what is faulty, and what keeps alerts from people."""
    log_faults(rules.findings)
    enabled = enabled_rules(settings, rules)
    log.info("rules.read", watched=len(enabled), not_watched=len(rules.rules) - len(enabled))
    if not enabled:
        log.warning("rules.none", advice="put rules into a folder of `rules.folders`, or enable some by `rules.select`")
    if not settings.channels:
        log.warning("channels.none", advice="alerts are stored but sent to nobody; add `channels` to settings")


def run_once(components: Components, rules: LoadedRules, stopping: Stopping) -> RunReport:
    """Search what is due, deliver what is pending, and return the outcome.

    Raises Stopped where it is asked to end, ClusterError where the cluster or the state does not answer.
    """
    prepare_state(components)
    enabled = enabled_rules(components.settings, rules)
    windows, delivered = one_shot_sidecar(components, enabled, stopping).once()
    report = RunReport(
        windows=windows,
        delivered=delivered,
        faulty_rules=sum(finding.severity is Severity.ERROR for finding in rules.findings),
    )
    log.info(
        "run.done",
        windows=len(windows),
        hits=sum(window.hits for window in windows),
        alerts=sum(window.alerts for window in windows),
        sent=delivered.sent,
        postponed=delivered.postponed,
        failed=delivered.failed,
    )
    return report


def run_until_stopped(settings: Settings, rules: LoadedRules, stop: threading.Event) -> None:
    """Search and deliver on schedule until `stop` is set; waits for a cluster that is not up yet."""
    connector = _Connector(settings=settings, clock=SystemClock(), stopping=stop.is_set)
    components = connector.connect()
    if components is None:
        return
    source = ReloadableRules(
        loaded=rules,
        read=lambda: load_rules(settings),
        enabled=lambda loaded: enabled_rules(settings, loaded),
        folders=[folder.path for folder in rule_folders(settings)],
    )
    try:
        shared_sidecar(components, source, stop).run()
    finally:
        components.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connector:
    """Connects and prepares the state, however long the cluster takes to come up."""

    settings: Settings
    clock: Clock
    stopping: Stopping
    connect_once: Callable[[Settings], Connections] = connect_clusters

    def connect(self) -> Components | None:
        """Return the components, None where it is asked to stop meanwhile."""
        attempts = 0
        while not self.stopping():
            try:
                return self._prepared()
            except (Unreachable, Overloaded, Incomplete) as fault:
                attempts += 1
                delay = _BACKOFF.delay(attempts).total_seconds()
                log.error("cluster.unreachable", error=str(fault), next_try_in=f"{delay:.0f}s")  # noqa: TRY400 - the sentence says it all
                self.clock.wait(delay, self.stopping)
        return None

    def _prepared(self) -> Components:
        components = Components(settings=self.settings, connections=self.connect_once(self.settings))
        try:
            prepare_state(components)
        except BaseException:
            components.close()
            raise
        return components
