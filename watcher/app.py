"""Settings → the running parts: the only place that knows which door is which."""

from __future__ import annotations

import gc
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event as Ending
from pathlib import Path

import structlog

from watcher.alerts.alert_store import AlertStore
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.clock import SystemClock
from watcher.cluster.connections import Connection, connect
from watcher.delivery.outbox import Outbox
from watcher.errors import ClusterError, Incomplete, Overloaded, Unreachable
from watcher.model import Location, Rule, Window
from watcher.notify.channel_registry import build_notifier
from watcher.notify.links import Links
from watcher.notify.operators import Operators
from watcher.notify.renderer import Renderer
from watcher.pipeline import Delivery, Detector, PreparedRule, RateLimit, Stopping, prepare_rule
from watcher.ports import Clock, Notifier
from watcher.schedule import DELIVERY, RuleReloader, Sidecar, Ticker, live_lease, past_lease
from watcher.settings import Channel, Folder, Settings, Source, read, read_file
from watcher.settings.effective import rule_settings
from watcher.shipped import shipped
from watcher.sigma.rule_folders import Fingerprints, LoadedRules, RuleFolder, fingerprints, read_folder, read_folders
from watcher.state.installation import Installation
from watcher.state.leases import Leases
from watcher.state.state_documents import StateDocuments
from watcher.usecases.backfill import SliceResult, SliceSearcher

_PLACES = ("watcher.yml", "/etc/watcher/watcher.yml")
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_BETWEEN = 20_000  # new objects between two looks for garbage: a page of events makes as many, and none is garbage


def load_settings(path: Path | None) -> Settings:
    """Read the settings file that is named, or the first that stands where one is looked for, or the environment."""
    file = path or next((Path(location) for location in _PLACES if Path(location).is_file()), None)
    settings = read_file(file, os.environ) if file is not None else read("", os.environ)
    for warning in settings.warnings:
        structlog.get_logger().warning("settings.renamed", message=warning)
    return settings


def folders(settings: Settings) -> tuple[Folder, ...]:
    """Give the rule folders of settings, or the shipped one."""
    return settings.rules.folders or (Folder(name="watcher", path=shipped("rules")),)


def load_rules(settings: Settings, paths: Sequence[Path] = ()) -> LoadedRules:
    """Read the rules of some paths, or of the folders of settings.

    A path inside a folder of settings is read as a part of that folder, so that its rules keep their ids.
    """
    known = folders(settings)
    if not paths:
        return read_folders(read_folder(one.name, one.path, placeholders=settings.placeholders) for one in known)
    inside = [path for path in paths if path.exists() and any(_holds(one.path, path) for one in known)]
    values = settings.placeholders
    parts = [read_folder(path.resolve().name, path, placeholders=values) for path in paths if path not in inside]
    if inside:
        parts.extend(_only(read_folder(one.name, one.path, placeholders=values), inside) for one in known)
    return read_folders(parts)


def _holds(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _only(folder: RuleFolder, paths: Sequence[Path]) -> RuleFolder:
    def wanted(location: Location) -> bool:
        return any(_holds(path, Path(location.file)) for path in paths)

    return replace(
        folder,
        rules=tuple(rule for rule in folder.rules if wanted(rule.location)),
        findings=tuple(finding for finding in folder.findings if wanted(finding.location)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The doors to the clusters."""

    events: Connection
    state: Connection

    def close(self) -> None:
        """Let go of them."""
        self.events.close()
        if self.state is not self.events:
            self.state.close()


def connect_clusters(settings: Settings) -> Connections:
    """Connect to the cluster of the events, and to the state's where that is another."""
    events = connect(settings.cluster)
    state = connect(settings.state.cluster) if settings.state.cluster is not None else events
    return Connections(events=events, state=state)


def connect_with_retry(
    settings: Settings,
    *,
    prepare: Callable[[Connections], None],
    clock: Clock,
    stopping: Callable[[], bool],
    say: Callable[[ClusterError, float], None],
) -> Connections | None:
    """Connect and prepare, however long it takes the cluster to come up; None where it is asked to stop meanwhile."""
    wait = _FIRST_WAIT
    while not stopping():
        try:
            return _reach_prepared(settings, prepare)
        except (Unreachable, Overloaded, Incomplete) as fault:
            say(fault, wait)
            left = wait
            while left > 0 and not stopping():
                clock.sleep(min(left, 0.5))
                left -= 0.5
            wait = min(wait * 2, _LONGEST_WAIT)
    return None


def _reach_prepared(settings: Settings, prepare: Callable[[Connections], None]) -> Connections:
    connections = connect_clusters(settings)
    try:
        prepare(connections)
    except BaseException:
        connections.close()
        raise
    return connections


def alert_store(settings: Settings, connections: Connections) -> AlertStore:
    """Open the alerts and hits."""
    state = settings.state
    return AlertStore(
        connections.state.state(), state.prefix, state.store, installation(settings, connections).ensure_index
    )


def state_documents(settings: Settings, connections: Connections) -> StateDocuments:
    """Open what watcher notes down for itself."""
    return StateDocuments(
        connections.state.state(), settings.state.prefix, installation(settings, connections).ensure_index
    )


def checkpoints(settings: Settings, connections: Connections) -> Checkpoints:
    """Open the coverage."""
    return Checkpoints(state_documents(settings, connections))


def installation(settings: Settings, connections: Connections) -> Installation:
    """Open what the state rests on."""
    state = settings.state
    return Installation(state=connections.state.state(), prefix=state.prefix, retention=state.retention)


def enabled_rules(settings: Settings, rules: LoadedRules) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Part the rules into those that settings enable and the rest."""
    enabled = tuple(rule for rule in rules.rules if rule_settings(rule, settings).enabled)
    names = {rule.id for rule in enabled}
    return enabled, tuple(rule for rule in rules.rules if rule.id not in names)


def notifiers(settings: Settings) -> Mapping[str, tuple[Channel, Notifier]]:
    """Build the channels."""
    clock = SystemClock()
    return {channel.name: (channel, build_notifier(channel, clock)) for channel in settings.channels}


def delivery(settings: Settings, connections: Connections, rate_limit: RateLimit, stopping: Stopping) -> Delivery:
    """Wire the channels to the outbox."""
    return Delivery(
        outbox=Outbox(connections.state.state(), settings.state.prefix),
        channels=notifiers(settings),
        renderer=Renderer(settings.templates),
        links=Links(discover_url=settings.discover_url),
        now=connections.events.events().now,
        rate_limit=rate_limit,
        stopping=stopping,
    )


def detector(settings: Settings, connections: Connections, source: Source, rules: Sequence[Rule]) -> Detector:
    """Wire a source to its rules."""
    return Detector(
        source=source,
        events=connections.events.events(),
        alert_store=alert_store(settings, connections),
        rules=[prepare_rule(rule, rule_settings(rule, settings), source) for rule in rules],
    )


def one_shot_sidecar(settings: Settings, connections: Connections, rules: LoadedRules, stopping: Stopping) -> Sidecar:
    """Wire a sidecar for one round: it shares its work with nobody, and waits for no storm to settle."""
    enabled, _ = enabled_rules(settings, rules)
    tickers = tuple(
        Ticker(
            detector(settings, connections, source, enabled),
            checkpoints(settings, connections),
            stopping=stopping,
            stopping_past=stopping,
        )
        for source in settings.sources
    )
    rate_limit = RateLimit(limit=settings.rate_limit.alerts, settle=timedelta(0))
    return Sidecar(tickers=tickers, delivery=delivery(settings, connections, rate_limit, stopping))


def lease_names(settings: Settings) -> tuple[str, ...]:
    """Name the works that sidecars share."""
    names = [source.name for source in settings.sources]
    return (DELIVERY, *map(live_lease, names), *map(past_lease, names))


def sidecar(settings: Settings, connections: Connections, rules: LoadedRules, stop: threading.Event) -> Sidecar:
    """Wire a sidecar that runs until `stop` is set, and shares its work with others on the same state by leases."""
    enabled, _ = enabled_rules(settings, rules)
    leases = Leases(
        notes=state_documents(settings, connections),
        clock=SystemClock(),
        me=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        works=lease_names(settings),
        period=settings.lease,
    )

    def stopping(work: str) -> Stopping:
        return lambda: stop.is_set() or not leases.holds(work)

    tickers = tuple(
        Ticker(
            detector(settings, connections, source, enabled),
            checkpoints(settings, connections),
            stopping=stopping(live_lease(source.name)),
            stopping_past=stopping(past_lease(source.name)),
        )
        for source in settings.sources
    )
    rate_limit = RateLimit(limit=settings.rate_limit.alerts)
    freeze_heap()
    return Sidecar(
        tickers=tickers,
        delivery=delivery(settings, connections, rate_limit, stopping(DELIVERY)),
        leases=leases,
        reloader=rule_reloader(settings, rules, tickers),
        operators=operators(settings),
        stop=stop,
    )


def rule_reloader(settings: Settings, rules: LoadedRules, tickers: Sequence[Ticker]) -> RuleReloader:
    """Wire the rule files to the tickers; rules that stay are not prepared again."""

    def seen() -> Fingerprints:
        return {file: mark for folder in folders(settings) for file, mark in fingerprints(folder.path).items()}

    def take(now: LoadedRules) -> None:
        enabled, _ = enabled_rules(settings, now)
        for ticker in tickers:
            known = {one.rule.id: one for one in ticker.detector.rules}
            ticker.renew([_again(rule, known.get(rule.id), settings, ticker.source) for rule in enabled])
        freeze_heap()

    return RuleReloader(rules, fingerprints=seen, read=lambda: load_rules(settings), take=take)


def _again(rule: Rule, known: PreparedRule | None, settings: Settings, source: Source) -> PreparedRule:
    return (
        known if known is not None and known.rule == rule else prepare_rule(rule, rule_settings(rule, settings), source)
    )


def freeze_heap() -> None:
    """Take what is held now for lasting: thousands of rules are not looked through for garbage in every search."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN)


# --------------------------------------------------------------------------- backfill


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceWorkerSettings:
    """What a process needs to search slices of the past."""

    settings: Settings
    source: Source
    rules: tuple[Rule, ...]
    silent: bool  # its alerts owe nobody


@contextmanager
def slice_workers(
    slicing: SliceWorkerSettings, count: int
) -> Iterator[tuple[Callable[[Window], Future[SliceResult]], Callable[[], None]]]:
    """Give what searches a slice, in processes of their own with connections of their own, and what ends them."""
    context = get_context("spawn")
    ending = context.Event()
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin_slicing, initargs=(slicing, ending)) as pool:
        yield lambda window: pool.submit(_search_slice, window), ending.set


_SLICE_WORKERS: list[SliceSearcher] = []  # of this process, where it is one of a backfill


def _begin_slicing(slicing: SliceWorkerSettings, ending: Ending) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # who began us tells us when to end
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    settings, source = slicing.settings, slicing.source
    made = detector(settings, connect_clusters(settings), source, slicing.rules)
    if slicing.silent:
        made.rules = [replace(one, effective=replace(one.effective, channels=())) for one in made.rules]
    made.origin = "backfill"
    freeze_heap()
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    _SLICE_WORKERS.append(SliceSearcher(made, SystemClock(), stopping=ending.is_set))


def _end_with(parent: BaseProcess | None) -> None:
    """End where the process that began this one was killed and could not tell us to; all in hand is repeatable."""
    if parent is not None:
        parent.join()
        os._exit(1)


def _search_slice(window: Window) -> SliceResult:
    return _SLICE_WORKERS[0](window)


def operators(settings: Settings) -> Operators:
    """Wire the channels that are told of watcher's own troubles."""
    told = tuple(known for known in notifiers(settings).values() if known[0].operator)
    return Operators(told, Renderer(settings.templates), SystemClock())
