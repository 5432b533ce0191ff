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

from watcher.backfill import Searched, Slicer
from watcher.clock import SystemClock
from watcher.cluster.connect import Connection, connect
from watcher.decide.coverage import Coverage
from watcher.decide.install import Installation
from watcher.decide.lease import Leases
from watcher.decide.ledger import Ledger
from watcher.decide.notes import Notes
from watcher.decide.outbox import Outbox
from watcher.errors import ClusterError, Incomplete, Overloaded, Unreachable
from watcher.model import Place, Rule, Window
from watcher.notify.channels import notifier
from watcher.notify.links import Links
from watcher.notify.operators import Operators
from watcher.notify.render import Renderer
from watcher.pipeline import Brake, Delivery, Detector, Stopping, Watched, watch
from watcher.ports import Clock, Notifier
from watcher.read.folder import Marks, RuleFolder, Rules, marks, read_folder, read_folders
from watcher.schedule import DELIVERY, Renewal, Sidecar, Ticker, live_work, past_work
from watcher.settings import Channel, Folder, Settings, Source, read, read_file
from watcher.shipped import shipped
from watcher.translate.select import choose

_PLACES = ("watcher.yml", "/etc/watcher/watcher.yml")
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_BETWEEN = 20_000  # new objects between two looks for garbage: a page of events makes as many, and none is garbage


def load_settings(path: Path | None) -> Settings:
    """Read the settings file that is named, or the first that stands where one is looked for, or the environment."""
    if path is not None:
        return read_file(path, os.environ)
    found = next((Path(place) for place in _PLACES if Path(place).is_file()), None)
    return read_file(found, os.environ) if found is not None else read("", os.environ)


def folders(settings: Settings) -> tuple[Folder, ...]:
    """Give the rule folders of settings, or the shipped one."""
    return settings.folders or (Folder(name="watcher", path=shipped("rules")),)


def load_rules(settings: Settings, paths: Sequence[Path] = ()) -> Rules:
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
    def wanted(place: Place) -> bool:
        return any(_holds(path, Path(place.file)) for path in paths)

    return replace(
        folder,
        rules=tuple(rule for rule in folder.rules if wanted(rule.place)),
        findings=tuple(finding for finding in folder.findings if wanted(finding.place)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The doors to the clusters."""

    events: Connection
    state: Connection

    def close(self) -> None:
        """Let go of them."""
        self.events.close()
        if self.state is not self.events:
            self.state.close()


def reach(settings: Settings) -> Connected:
    """Connect to the cluster of the events, and to the state's where that is another."""
    events = connect(settings.cluster)
    state = connect(settings.state.cluster) if settings.state.cluster is not None else events
    return Connected(events=events, state=state)


def reach_patiently(
    settings: Settings,
    *,
    prepare: Callable[[Connected], None],
    clock: Clock,
    stopping: Callable[[], bool],
    say: Callable[[ClusterError, float], None],
) -> Connected | None:
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


def _reach_prepared(settings: Settings, prepare: Callable[[Connected], None]) -> Connected:
    connected = reach(settings)
    try:
        prepare(connected)
    except BaseException:
        connected.close()
        raise
    return connected


def ledger(settings: Settings, connected: Connected) -> Ledger:
    """Open the alerts and hits."""
    state = settings.state
    return Ledger(connected.state.state(), state.prefix, state.store, installation(settings, connected).stands)


def notes(settings: Settings, connected: Connected) -> Notes:
    """Open what watcher notes down for itself."""
    return Notes(connected.state.state(), settings.state.prefix, installation(settings, connected).stands)


def coverage(settings: Settings, connected: Connected) -> Coverage:
    """Open the coverage."""
    return Coverage(notes(settings, connected))


def installation(settings: Settings, connected: Connected) -> Installation:
    """Open what the state rests on."""
    state = settings.state
    return Installation(state=connected.state.state(), prefix=state.prefix, retention=state.retention)


def watched(settings: Settings, rules: Rules) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Part the rules into those that settings enable and the rest."""
    enabled = tuple(rule for rule in rules.rules if choose(rule, settings).enabled)
    names = {rule.id for rule in enabled}
    return enabled, tuple(rule for rule in rules.rules if rule.id not in names)


def notifiers(settings: Settings) -> Mapping[str, tuple[Channel, Notifier]]:
    """Build the channels."""
    clock = SystemClock()
    return {channel.name: (channel, notifier(channel, clock)) for channel in settings.channels}


def delivery(settings: Settings, connected: Connected, brake: Brake, stopping: Stopping) -> Delivery:
    """Wire the channels to the outbox."""
    return Delivery(
        outbox=Outbox(connected.state.state(), settings.state.prefix),
        channels=notifiers(settings),
        renderer=Renderer(settings.templates),
        links=Links(discover_url=settings.discover_url),
        now=connected.events.events().now,
        brake=brake,
        stopping=stopping,
    )


def detector(settings: Settings, connected: Connected, source: Source, rules: Sequence[Rule]) -> Detector:
    """Wire a source to its rules."""
    return Detector(
        source=source,
        events=connected.events.events(),
        ledger=ledger(settings, connected),
        rules=[watch(rule, choose(rule, settings), source) for rule in rules],
    )


def alone(settings: Settings, connected: Connected, rules: Rules, stopping: Stopping) -> Sidecar:
    """Wire a sidecar for one round: it shares its work with nobody, and waits for no storm to settle."""
    enabled, _ = watched(settings, rules)
    tickers = tuple(
        Ticker(
            detector(settings, connected, source, enabled),
            coverage(settings, connected),
            stopping=stopping,
            stopping_past=stopping,
        )
        for source in settings.sources
    )
    brake = Brake(limit=settings.storm.limit, settle=timedelta(0))
    return Sidecar(tickers=tickers, delivery=delivery(settings, connected, brake, stopping))


def works(settings: Settings) -> tuple[str, ...]:
    """Name the works that sidecars share."""
    names = [source.name for source in settings.sources]
    return (DELIVERY, *map(live_work, names), *map(past_work, names))


def sidecar(settings: Settings, connected: Connected, rules: Rules, stop: threading.Event) -> Sidecar:
    """Wire a sidecar that runs until `stop` is set, and shares its work with others on the same state by leases."""
    enabled, _ = watched(settings, rules)
    leases = Leases(
        notes=notes(settings, connected),
        clock=SystemClock(),
        me=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        works=works(settings),
        period=settings.lease,
    )

    def stopping(work: str) -> Stopping:
        return lambda: stop.is_set() or not leases.holds(work)

    tickers = tuple(
        Ticker(
            detector(settings, connected, source, enabled),
            coverage(settings, connected),
            stopping=stopping(live_work(source.name)),
            stopping_past=stopping(past_work(source.name)),
        )
        for source in settings.sources
    )
    brake = Brake(limit=settings.storm.limit)
    settle()
    return Sidecar(
        tickers=tickers,
        delivery=delivery(settings, connected, brake, stopping(DELIVERY)),
        leases=leases,
        renewal=renewal(settings, rules, tickers),
        operators=operators(settings),
        stop=stop,
    )


def renewal(settings: Settings, rules: Rules, tickers: Sequence[Ticker]) -> Renewal:
    """Wire the rule files to the tickers; rules that stay are not prepared again."""

    def seen() -> Marks:
        return {file: mark for folder in folders(settings) for file, mark in marks(folder.path).items()}

    def take(now: Rules) -> None:
        enabled, _ = watched(settings, now)
        for ticker in tickers:
            known = {one.rule.id: one for one in ticker.detector.rules}
            ticker.renew([_again(rule, known.get(rule.id), settings, ticker.source) for rule in enabled])
        settle()

    return Renewal(rules, marks=seen, read=lambda: load_rules(settings), take=take)


def _again(rule: Rule, known: Watched | None, settings: Settings, source: Source) -> Watched:
    return known if known is not None and known.rule == rule else watch(rule, choose(rule, settings), source)


def settle() -> None:
    """Take what is held now for lasting: thousands of rules are not looked through for garbage in every search."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN)


# --------------------------------------------------------------------------- backfill


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """What a process needs to search slices of the past."""

    settings: Settings
    source: Source
    rules: tuple[Rule, ...]
    silent: bool  # its alerts owe nobody


@contextmanager
def slicers(slicing: Slicing, count: int) -> Iterator[tuple[Callable[[Window], Future[Searched]], Callable[[], None]]]:
    """Give what searches a slice, in processes of their own with connections of their own, and what ends them."""
    context = get_context("spawn")
    ending = context.Event()
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin_slicing, initargs=(slicing, ending)) as pool:
        yield lambda window: pool.submit(_search_slice, window), ending.set


_SLICERS: list[Slicer] = []  # of this process, where it is one of a backfill


def _begin_slicing(slicing: Slicing, ending: Ending) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # who began us tells us when to end
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    settings, source = slicing.settings, slicing.source
    made = detector(settings, reach(settings), source, slicing.rules)
    if slicing.silent:
        made.rules = [replace(one, chosen=replace(one.chosen, channels=())) for one in made.rules]
    made.origin = "backfill"
    settle()
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    _SLICERS.append(Slicer(made, SystemClock(), stopping=ending.is_set))


def _end_with(parent: BaseProcess | None) -> None:
    """End where the process that began this one was killed and could not tell us to; all in hand is repeatable."""
    if parent is not None:
        parent.join()
        os._exit(1)


def _search_slice(window: Window) -> Searched:
    return _SLICERS[0](window)


def operators(settings: Settings) -> Operators:
    """Wire the channels that are told of watcher's own troubles."""
    told = tuple(known for known in notifiers(settings).values() if known[0].operator)
    return Operators(told, Renderer(settings.templates), SystemClock())
