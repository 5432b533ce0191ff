"""Settings → the running parts: the only place that knows which door is which."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher.clock import SystemClock
from watcher.cluster.connect import Connection, connect
from watcher.decide.ledger import Ledger
from watcher.errors import ClusterError, Incomplete, Overloaded, Unreachable
from watcher.model import Finding, Place, Rule
from watcher.notify.channels import notifier
from watcher.notify.links import Links
from watcher.notify.render import Renderer
from watcher.pipeline import Delivery, Detector, Watched, watch
from watcher.ports import Clock
from watcher.read.folder import RuleFolder, Rules, read_folder, read_folders
from watcher.schedule import Sidecar, Ticker
from watcher.settings import Folder, Settings, read, read_file
from watcher.shipped import shipped
from watcher.translate.select import choose

_PLACES = ("watcher.yml", "/etc/watcher/watcher.yml")
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


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
    """Open the state."""
    return Ledger(connected.state.state(), settings.state.prefix, settings.state.store)


def watched(settings: Settings, rules: Rules) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Part the rules into those that settings enable and the rest."""
    enabled = tuple(rule for rule in rules.rules if choose(rule, settings).enabled)
    names = {rule.id for rule in enabled}
    return enabled, tuple(rule for rule in rules.rules if rule.id not in names)


def delivery(settings: Settings, connected: Connected, stopping: Callable[[], bool]) -> Delivery:
    """Wire the channels to the ledger."""
    clock = SystemClock()
    return Delivery(
        ledger=ledger(settings, connected),
        channels={channel.name: (channel, notifier(channel, clock)) for channel in settings.channels},
        renderer=Renderer(settings.templates),
        links=Links(discover_url=settings.discover_url),
        now=connected.events.events().now,
        stopping=stopping,
    )


def sidecar(settings: Settings, connected: Connected, rules: Rules, stopping: Callable[[], bool]) -> Sidecar:
    """Wire everything that a running sidecar needs."""
    enabled, _ = watched(settings, rules)
    events = connected.events.events()
    tickers = []
    for source in settings.sources:
        chosen: list[Watched] = [watch(rule, choose(rule, settings), source) for rule in enabled]
        tickers.append(
            Ticker(
                Detector(
                    source=source,
                    events=events,
                    ledger=ledger(settings, connected),
                    rules=chosen,
                    stopping=stopping,
                )
            )
        )
    return Sidecar(tickers=tuple(tickers), delivery=delivery(settings, connected, stopping))


def every_finding(rules: Rules) -> tuple[Finding, ...]:
    """Give the findings of the files and of the rules, in the order of the files."""
    found = (*rules.findings, *(finding for rule in rules.rules for finding in rule.findings))
    return tuple(sorted(found, key=lambda finding: (finding.place, finding.code)))
