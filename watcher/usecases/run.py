"""A run of the sidecar: a single round, or until it is stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import structlog

from watcher.backoff import Backoff
from watcher.clock import SystemClock
from watcher.components import Components, Connections, connect_clusters, operator_channels
from watcher.errors import Incomplete, InputError, Overloaded, Unreachable
from watcher.health.process_health import ProcessHealth, listen_address, process_health
from watcher.health.rule_states import NOT_CONVERTED, STATES, files_not_converted, rule_states, without_channel
from watcher.health.service_manager import service_manager
from watcher.model import Severity
from watcher.notify.operators import OperatorNotifier
from watcher.pipeline import DeliveryResult, Stopping, WindowResult
from watcher.ports import Clock
from watcher.schedule import log_faults
from watcher.settings import Settings
from watcher.sidecars import one_shot_sidecar
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.installing import prepare_state
from watcher.usecases.loading import enabled_rules, load_rules, load_settings, searched_rules
from watcher.usecases.run_sessions import RunSignals, Sessions, refuse_settings

log = structlog.get_logger("watcher")

_EXAMPLES = 3  # rules that a log line names
_WITHOUT_CHANNEL = (
    "their alerts are stored but sent to nobody, because selectors name every channel; "
    "add a selector for these rules, or begin `rules.select` with `- set: {channels: […]}`"
)
_NOTIFY_AFTER = 3  # attempts to connect that fail
_BACKOFF = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=1))  # of attempts to connect


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The outcome of one round."""

    windows: tuple[WindowResult, ...]
    delivered: DeliveryResult
    faulty_rules: int

    @property
    def is_clean(self) -> bool:
        """Whether every rule was read, every index searched without a fault, and every message accepted."""
        searched = not any(
            window.failed or window.unsearchable or window.faults or window.unreadable or window.undecided
            for window in self.windows
        )
        return not self.faulty_rules and searched and not self.delivered.postponed and not self.delivered.failed


def log_rules(settings: Settings, rules: LoadedRules) -> None:
    """Log how many rules are enabled, what is faulty, and what keeps alerts from people."""
    log_faults(rules.findings)
    enabled = enabled_rules(settings, rules)
    states = rule_states(rules, settings)
    reasons = {state: count for state, count in states.items() if count and state != "enabled"}
    log.info("rules.read", watched=len(enabled), not_watched=len(rules.rules) - len(enabled), **reasons)
    if count := states[NOT_CONVERTED]:
        examples = list(islice(files_not_converted(rules), _EXAMPLES))
        log.warning("rules.not_run", kind=NOT_CONVERTED, rules=count, examples=examples, advice=STATES[NOT_CONVERTED])
    if not enabled:
        log.warning("rules.none", advice="put rules into a folder of `rules.folders`, or enable some by `rules.select`")
    if not settings.channels:
        log.warning("channels.none", advice="alerts are stored but sent to nobody; add `channels` to settings")
    elif unsent := without_channel(rules.rules, settings):
        examples = [rule.title for rule in unsent[:_EXAMPLES]]
        log.warning("rules.without_channel", rules=len(unsent), examples=examples, advice=_WITHOUT_CHANNEL)


def run_once(components: Components, rules: LoadedRules, stopping: Stopping) -> RunReport:
    """Search what is due, deliver what is pending, and return the outcome.

    Raises Stopped where it is asked to end, ClusterError where the cluster or the state does not answer.
    """
    prepare_state(components)
    searched = searched_rules(components.settings, rules)
    windows, delivered = one_shot_sidecar(components, searched, stopping).once()
    components.silence_notices().send(components.events().now())
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


def run_until_stopped(file: Path | None, settings: Settings, rules: LoadedRules, signals: RunSignals) -> None:
    """Search and deliver on schedule until the signals ask to stop; waits for a cluster that is not up yet.

    `file` is read again where the signals ask for a reload.
    """
    clock = SystemClock()
    process = process_health(clock, service_manager(os.environ))
    process.start(settings.monitoring)
    threading.Thread(target=_report_the_end, args=(signals, process), name="end", daemon=True).start()
    connector = ClusterConnector(
        settings=settings,
        clock=clock,
        stopping=signals.stop.is_set,
        operators=operator_channels(settings, clock),
        reloaded=lambda: _reloaded(file, signals, process),
    )
    try:
        components = connector.connect()
        if components is None:
            return
        sessions = Sessions(
            file=file,
            settings=components.settings,
            rules=rules if components.settings is settings else _read_again(components.settings),
            components=components,
            signals=signals,
            process=process,
            log_rules=log_rules,
        )
        try:
            sessions.run()
        finally:
            sessions.components.close()
    finally:
        process.close()


def _reloaded(file: Path | None, signals: RunSignals, process: ProcessHealth) -> Settings | None:
    """Return the settings as they are now, None where no reload was asked for, or they are faulty."""
    if not signals.reload.is_set():
        return None
    signals.reload.clear()
    try:
        settings = load_settings(file)
    except InputError as fault:
        refuse_settings(fault, process)
        return None
    process.refused.clear()
    process.server.listen(listen_address(settings.monitoring))
    log.info("settings.reloaded", file=str(settings.file or "environment"))
    return settings


def _read_again(settings: Settings) -> LoadedRules:
    rules = load_rules(settings)
    log_rules(settings, rules)
    return rules


def _report_the_end(signals: RunSignals, process: ProcessHealth) -> None:
    """Report to systemd that the service ends, as soon as it is asked to: a search in progress takes a while."""
    signals.stop.wait()
    process.stopping()


def _nothing() -> Settings | None:
    return None


@dataclass(slots=True, kw_only=True)
class ClusterConnector:
    """Connects and prepares the state, however long the cluster takes to come up.

    Settings that were reloaded meanwhile take effect with the next attempt: their cluster may have another address.
    """

    settings: Settings
    clock: Clock
    stopping: Stopping
    operators: OperatorNotifier = field(default_factory=OperatorNotifier)
    connect_once: Callable[[Settings], Connections] = connect_clusters
    reloaded: Callable[[], Settings | None] = _nothing  # settings that take effect; None: the present ones stay

    def connect(self) -> Components | None:
        """Return the components, None where it is asked to stop meanwhile."""
        attempts, began, accepted = 0, self.clock.monotonic(), False
        while not self.stopping():
            self._reload()
            try:
                return self._connected(self._prepared(), began, attempts)
            except (Unreachable, Overloaded, Incomplete) as fault:
                attempts += 1
                delay = _BACKOFF.delay(attempts).total_seconds()
                log.error("cluster.unreachable", error=str(fault), next_try_in=f"{delay:.0f}s")  # noqa: TRY400 - the sentence says it all
                if attempts >= _NOTIFY_AFTER and not accepted:  # until a channel accepts it
                    text = f"{fault}\nwatcher was started and waits for it; no alerts are sent meanwhile"
                    accepted = bool(self.operators.notify("the cluster does not answer", text))
                self.clock.wait(delay, self.stopping)
        return None

    def _reload(self) -> None:
        settings = self.reloaded()
        if settings is not None:
            self.settings, self.operators = settings, operator_channels(settings, self.clock)

    def _connected(self, components: Components, began: float, attempts: int) -> Components:
        """Return the components with the time at which the process began to wait; operators hear that it is over."""
        if attempts >= _NOTIFY_AFTER:
            self.operators.notify("the cluster answers again", f"{attempts} attempts failed since the start")
        return replace(components, waiting_since=began)

    def _prepared(self) -> Components:
        components = Components(settings=self.settings, connections=self.connect_once(self.settings))
        try:
            prepare_state(components)
        except BaseException:
            components.close()
            raise
        return components
