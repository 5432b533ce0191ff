"""`watcher run` and `watcher setup`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Annotated

import structlog
import typer

from watcher import app as wiring
from watcher.cli.common import EXIT_FINDINGS, EXIT_FINE, EXIT_WRONG, SettingsFile, out, set_up_log
from watcher.clock import SystemClock
from watcher.errors import ClusterError, Forbidden, SettingsError
from watcher.model import Severity
from watcher.pipeline import Stopped
from watcher.schedule import log_faults
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules

log = structlog.get_logger("watcher")

_GRACE = 8.0  # seconds; Docker kills after 10


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(run)
    app.command()(setup)


def run(
    *,
    settings_file: SettingsFile = None,
    once: Annotated[bool, typer.Option("--once", help="Search what is due, tell what is owed, and end.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Write the log as JSON lines.")] = False,
) -> None:
    """Search on schedule, open alerts, notify.

    Ends on SIGTERM or SIGINT with exit code 0 and nothing lost. With --once, exit code 1 where a rule is faulty or a
    message was not taken, and 3 where the cluster cannot be reached.
    """
    set_up_log(as_json=log_json, least=logging.INFO)
    stop = threading.Event()
    _stop_on_signals(stop)
    settings = wiring.load_settings(settings_file)
    rules = wiring.load_rules(settings)
    _say_rules(settings, rules)
    if once:
        _once(settings, rules, stop)
    else:
        _until_stopped(settings, rules, stop)


def _stop_on_signals(stop: threading.Event) -> None:
    """End what is in hand on a signal, at once on the second one, and in any case before a supervisor kills us."""

    def ask(number: int, _: FrameType | None) -> None:
        # nothing is logged here: a handler that waits for the log's lock would wait for the code it interrupted
        stop.set()
        signal.signal(number, signal.SIG_DFL)
        leaving = threading.Timer(_GRACE, _leave)
        leaving.daemon = True
        leaving.start()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)


def _leave() -> None:
    """End without waiting for a cluster or a channel that does not answer: all that is in hand is repeatable."""
    log.warning("sidecar.left", advice="something did not answer in time; the next start does it again")
    sys.stderr.flush()
    os._exit(EXIT_FINE)


def _say_rules(settings: Settings, rules: LoadedRules) -> None:
    log_faults(rules.findings)
    enabled, others = wiring.enabled_rules(settings, rules)
    log.info("rules.read", watched=len(enabled), not_watched=len(others))
    if not enabled:
        log.warning("rules.none", advice="put rules into a folder of `rules.folders`, or enable some by `rules.select`")
    if not settings.channels:
        log.warning("channels.none", advice="alerts are kept but told to nobody; add `channels` to settings")


def _once(settings: Settings, rules: LoadedRules, stop: threading.Event) -> None:
    connections = wiring.connect_clusters(settings)
    try:
        _prepare(settings, connections)
        done, delivered = wiring.one_shot_sidecar(settings, connections, rules, stop.is_set).once()
    except Stopped:
        log.info("run.stopped", advice="the next run goes on where this one ended")
        return
    finally:
        connections.close()
    log.info(
        "run.done",
        windows=len(done),
        hits=sum(one.hits for one in done),
        alerts=sum(one.alerts for one in done),
        sent=delivered.sent,
        postponed=delivered.postponed,
        failed=delivered.failed,
    )
    faulty = any(finding.severity is Severity.ERROR for finding in rules.findings)
    undone = any(one.failed or one.refused or one.unreadable or one.undecided for one in done)
    undone = undone or bool(delivered.postponed or delivered.failed)
    if faulty or undone:
        raise typer.Exit(EXIT_FINDINGS)


def _until_stopped(settings: Settings, rules: LoadedRules, stop: threading.Event) -> None:
    def say(fault: ClusterError, wait: float) -> None:
        log.error("cluster.unreachable", error=str(fault), next_try_in=f"{wait:.0f}s")

    def prepare(connections: wiring.Connections) -> None:
        _prepare(settings, connections)

    connections = wiring.connect_with_retry(
        settings, prepare=prepare, clock=SystemClock(), stopping=stop.is_set, say=say
    )
    if connections is None:
        return
    try:
        wiring.sidecar(settings, connections, rules, stop).run()
    finally:
        connections.close()


def _prepare(settings: Settings, connections: wiring.Connections) -> None:
    """Install the templates of the state that are missing; nothing is created without them."""
    try:
        installed = wiring.installation(settings, connections).install()
    except Forbidden as fault:
        raise SettingsError(
            f"the index templates of `{settings.state.prefix}-*` are not installed, and this user may not: {fault}",
            fix="let an administrator call `watcher setup`",
        ) from fault
    if installed.templates or installed.updated:
        log.info("state.templates", installed=list(installed.templates), updated=list(installed.updated))


def setup(
    *,
    settings_file: SettingsFile = None,
    retention: Annotated[
        bool, typer.Option("--retention", help="Delete the months of alerts and hits that are older than `retention`.")
    ] = False,
) -> None:
    """Install the state's templates and lifecycle policies.

    Indices of an older version get the fields of this one. Where the cluster deletes nothing by age itself, call it
    with --retention from time to time.
    """
    settings = wiring.load_settings(settings_file)
    connections = wiring.connect_clusters(settings)
    try:
        installation = wiring.installation(settings, connections)
        installed = installation.install()
        cleared = installation.clear(now=connections.events.events().now()) if retention else ()
    except Forbidden as fault:
        out.print(f"watcher: {fault}", soft_wrap=True)
        raise typer.Exit(EXIT_WRONG) from fault
    finally:
        connections.close()
    said = [
        f"installed: {', '.join(installed.templates)}" if installed.templates else "everything is installed already"
    ]
    if installed.updated:
        said.append(f"given the fields of this version: {', '.join(installed.updated)}")
    if installed.templates and not installed.lifecycle:
        said.append("the cluster deletes nothing by age: call `watcher setup --retention` from time to time")
    if retention:
        said.append(f"deleted: {', '.join(cleared) or 'nothing is older than `retention`'}")
    for sentence in said:
        out.print(sentence, soft_wrap=True)
