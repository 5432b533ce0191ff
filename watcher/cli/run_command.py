"""`watcher run`."""

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

from watcher.app import open_app
from watcher.cli.common import SettingsFile, configure_log
from watcher.cli.exit_codes import EXIT_FINDINGS, EXIT_OK
from watcher.pipeline import Stopped
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.usecases.loading import load_rules, load_settings
from watcher.usecases.run import log_rules, run_until_stopped
from watcher.usecases.run_sessions import RunSignals

log = structlog.get_logger("watcher")

_GRACE = 8.0  # seconds; Docker kills after 10


def run(
    *,
    settings_file: SettingsFile = None,
    once: Annotated[
        bool, typer.Option("--once", help="Search what is due, deliver what is pending, and exit.")
    ] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Write the log as JSON lines.")] = False,
) -> None:
    """Search on schedule, open alerts, and notify.

    Exits with code 0 on SIGTERM or SIGINT, with nothing lost. SIGHUP reloads settings and rules; faulty settings
    change nothing. With --once the exit code is 1 if a rule is faulty, an
    index was not searched in full or a message was not accepted, and 3 if
    the cluster cannot be reached.
    """
    configure_log(as_json=log_json, level=logging.INFO)
    signals = RunSignals()
    _handle_signals(signals)
    settings = load_settings(settings_file)
    rules = load_rules(settings)
    log_rules(settings, rules)
    if once:
        _run_once(settings, rules, signals.stop)
    else:
        run_until_stopped(settings_file, settings, rules, signals)


def _run_once(settings: Settings, rules: LoadedRules, stop: threading.Event) -> None:
    with open_app(settings) as app:
        try:
            report = app.run_once(rules, stopping=stop.is_set)
        except Stopped:
            log.info("run.stopped", advice="the next run continues from here")
            return
    if not report.is_clean:
        raise typer.Exit(EXIT_FINDINGS)


def _handle_signals(signals: RunSignals) -> None:
    """Stop on the first SIGTERM or SIGINT, end at once on the second, and in any case before a supervisor kills us.

    SIGHUP asks for a reload of settings and rules.
    """

    def handle(number: int, _: FrameType | None) -> None:
        # nothing is logged here: a handler that waits for the log's lock would wait for the code it interrupted
        signals.ask_to_stop()
        signal.signal(number, signal.SIG_DFL)
        timer = threading.Timer(_GRACE, _exit_now)
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    if hasattr(signal, "SIGHUP"):  # Windows has none
        signal.signal(signal.SIGHUP, lambda *_: signals.reload.set())


def _exit_now() -> None:
    """Exit without waiting for a cluster or a channel that does not answer; the next start repeats the rest."""
    log.warning("sidecar.left", advice="something did not answer in time; the next start does it again")
    sys.stderr.flush()
    os._exit(EXIT_OK)
