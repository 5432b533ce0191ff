"""What a digest says about its alerts: their rules, group keys and hosts, each with a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher.model import Level, Window
from watcher.ports import StoredDocument
from watcher.timestamps import parse_timestamp

_MAX_LISTED = 50
_NEWEST = 25  # of these, those of the alerts that were opened last
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRule:
    """A rule whose alerts a digest contains."""

    title: str
    level: Level
    count: int  # of its alerts in the digest


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedTexts:
    """The group keys or hosts of alerts, at most 50 of them: those of the highest level first."""

    listed: tuple[tuple[str, int], ...] = ()  # with the number of their alerts
    total: int = 0  # how many there are


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContent:
    """The alerts of a message, counted."""

    window: Window  # from the first to the last event
    rules: tuple[DigestRule, ...]  # the highest level first
    keys: CountedTexts
    hosts: CountedTexts


def digest_content(alerts: Sequence[StoredDocument], *, now: datetime) -> DigestContent:
    """Return what a digest says about some alerts."""
    return DigestContent(
        window=_window(alerts, now),
        rules=_rules(alerts),
        keys=_counted(alerts, _keys),
        hosts=_counted(alerts, _hosts),
    )


def _window(alerts: Sequence[StoredDocument], now: datetime) -> Window:
    """Return the window from the first event to the last; an alert without a readable time counts as now."""
    moments = [parse_timestamp(str(stored.document["@timestamp"])) or now for stored in alerts]
    return Window(start=min(moments), end=min(max(moments), _LAST) + timedelta(milliseconds=1))


def _rules(alerts: Sequence[StoredDocument]) -> tuple[DigestRule, ...]:
    counts = Counter(
        (str(stored.document["rule"].get("name") or stored.document["rule"]["id"]), _level(stored)) for stored in alerts
    )
    rules = (DigestRule(title=title, level=level, count=count) for (title, level), count in counts.items())
    return tuple(sorted(rules, key=lambda rule: (-rule.level.rank, -rule.count, rule.title)))


def _level(stored: StoredDocument) -> Level:
    level = str((stored.document["watcher"].get("rule") or {}).get("level") or "")
    return Level(level or Level.MEDIUM)


def _keys(stored: StoredDocument) -> Iterable[str]:
    return tuple(map(str, stored.document["watcher"]["alert"]["key"]))


def _hosts(stored: StoredDocument) -> Iterable[str]:
    host = (stored.document.get("host") or {}).get("name")
    return (str(host),) if host else ()


def _counted(alerts: Sequence[StoredDocument], texts_of: Callable[[StoredDocument], Iterable[str]]) -> CountedTexts:
    """Count the texts of alerts: those of the highest level first, then those of the newest alerts, then the rarest."""
    counts: Counter[str] = Counter()
    ranks: dict[str, int] = {}
    newest: dict[str, str] = {}  # text → when the last of its alerts was opened
    for stored in alerts:
        opened = str((stored.document.get("event") or {}).get("created") or "")
        rank = _level(stored).rank
        for text in texts_of(stored):
            counts[text] += 1
            ranks[text] = max(rank, ranks.get(text, rank))
            newest[text] = max(opened, newest.pop(text, ""))  # at the end: alerts come in the order of their events
    by_age = sorted(newest, key=lambda text: (ranks[text], newest[text]))[::-1]
    rarest = sorted(by_age[_NEWEST:], key=lambda text: (-ranks[text], counts[text]))
    listed = (*by_age[:_NEWEST], *rarest)[:_MAX_LISTED]
    return CountedTexts(listed=tuple((text, counts[text]) for text in listed), total=len(counts))
