"""A sidecar over reloads: SIGHUP ends the session in use and begins one with the settings as they are now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from watcher.components import Components, Connections, connect_clusters
from watcher.errors import ClusterError, InputError
from watcher.health.process_health import ProcessHealth, listen_address
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.schedule import Sidecar
from watcher.schedule.rule_reloader import retained_rules, with_retained
from watcher.settings import FaultySettingsError, Settings
from watcher.sidecars import ReloadableRules, shared_sidecar
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.installing import prepare_state
from watcher.usecases.loading import load_rules, load_settings, rule_folders, searched_rules

log = structlog.get_logger("watcher")


@dataclass(frozen=True, slots=True)
class RunSignals:
    """What signals ask of a run; signal handlers only set these."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)
    session: threading.Event = field(default_factory=threading.Event)  # the session in use is to end

    def ask_to_stop(self) -> None:
        """End the run."""
        self.stop.set()
        self.session.set()

    def begin_session(self) -> None:
        """Forget that the previous session was to end, unless the run is to end."""
        self.session.clear()
        if self.stop.is_set():
            self.session.set()


@dataclass(slots=True, kw_only=True)
class Sessions:
    """Runs one sidecar after another, each with the settings and rules of the last reload that was accepted."""

    file: Path | None  # as it was given; None: the usual places
    settings: Settings
    rules: LoadedRules
    components: Components
    signals: RunSignals
    process: ProcessHealth
    log_rules: Callable[[Settings, LoadedRules], None]
    connect: Callable[[Settings], Connections] = connect_clusters
    _sidecar: Sidecar | None = None  # of the session in use

    def run(self) -> None:
        """Run until the signals ask to stop."""
        self.process.reload = self._reload
        while not self.signals.stop.is_set():
            components = self.components
            self.signals.begin_session()
            self._sidecar = shared_sidecar(components, self._source(), self.signals.session, self.process)
            self._sidecar.run()
            if components.connections is not self.components.connections:  # nothing uses them now
                components.close()

    def _source(self) -> ReloadableRules:
        settings = self.settings
        return ReloadableRules(
            loaded=self.rules,
            read=lambda: load_rules(settings),
            searched=lambda loaded: searched_rules(settings, loaded),
            folders=[folder.path for folder in rule_folders(settings)],
        )

    def _reload(self) -> None:
        """Take over the settings and rules as they are now, where a reload was asked for.

        Settings that are faulty, or whose cluster does not answer, change nothing and become a problem.
        """
        if not self.signals.reload.is_set():
            return
        self.signals.reload.clear()
        self.process.manager.notify("STATUS=reloading")
        try:
            settings = load_settings(self.file)
            components = self._connected(settings)
        except (InputError, ClusterError) as fault:
            refuse_settings(fault, self.process)
        else:
            self._take_over(settings, components)
        self.process.manager.notify("STATUS=running")

    def _connected(self, settings: Settings) -> Components:
        """Return the components of other settings; connections to the same clusters are kept."""
        before = self.settings
        if (settings.cluster, settings.state.cluster) == (before.cluster, before.state.cluster):
            connections = self.components.connections
        else:
            connections = self.connect(settings)
        components = Components(settings=settings, connections=connections, clock=self.components.clock)
        try:
            prepare_state(components)
        except BaseException:
            if connections is not self.components.connections:
                components.close()
            raise
        return components

    def _take_over(self, settings: Settings, components: Components) -> None:
        loaded = load_rules(settings)
        reloader = self._sidecar.reloader if self._sidecar is not None else None
        previous = reloader.rules if reloader is not None else self.rules
        retained = retained_rules(previous, loaded)
        self.rules = with_retained(previous, loaded, retained)
        self.settings, self.components = settings, components
        self.process.refused.clear()
        self.process.server.listen(listen_address(settings.monitoring))
        log.info("settings.reloaded", file=str(settings.file or "environment"), retained=len(retained))
        self.log_rules(settings, self.rules)
        self.signals.session.set()


def refuse_settings(fault: Exception, process: ProcessHealth) -> None:
    """Log why changed settings are not in use, and make it a problem of the process."""
    faults = fault.faults if isinstance(fault, FaultySettingsError) else (fault,)
    for error in faults:
        log.error("settings.refused", error=str(error), advice="the previous settings stay in use")
    title = "changed settings are not in use"
    rest = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    process.refused[:] = [
        Problem(
            kind=ProblemKind.SETTINGS_REFUSED,
            title=title,
            message=f"{title}: {faults[0]}{rest}; the previous ones stay; correct them and send SIGHUP again",
        )
    ]
