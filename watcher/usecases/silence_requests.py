"""Silences, as people create, list and end them."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from watcher.alerts.alert_pages import NEWEST_OPENED, PAGE, each_alert
from watcher.components import Components
from watcher.delivery.restored_alert import restore_alert
from watcher.delivery.silenced_alerts import SilencedAlerts
from watcher.errors import InputError
from watcher.model import Alert, Level, RuleMetadata
from watcher.ports import StateQuery
from watcher.routes.label_matchers import Matchers, may_match
from watcher.routes.labels import alert_labels, rule_labels
from watcher.routes.silences import LONGEST_TEXT, MaintenanceWindow, SilencePhase, StoredSilence, silences
from watcher.settings.effective_routes import maintenance_windows
from watcher.state.visible_writes import refresh_where_allowed
from watcher.timestamps import format_timestamp

PREVIEWED = timedelta(days=7)
MOST_ALERTS = 10_000
"""The alerts that a silence is tried on, the newest."""

LONGEST = timedelta(days=90)
"""How long a silence lasts at most: what is harmless for good is an exception."""

_BROAD = 0.25  # of the alerts
_FIELDS = (
    "@timestamp",
    "rule",
    "host.name",
    "user",
    "event.created",
    "watcher.rule",
    "watcher.alert",
    "watcher.hit",
    "watcher.summary",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRequest:
    """A silence that somebody asks for."""

    matchers: Matchers
    until: datetime | None = None
    lasting: timedelta | None = None
    start: datetime | None = None  # None: now
    by: str
    reason: str


@dataclass(slots=True)
class SilencePreview:
    """What a silence would have held back of the alerts of the last days."""

    alerts: int = 0
    silenced: int = 0
    rules: Counter[str] = field(default_factory=Counter)  # title → silenced alerts
    hosts: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)  # of all alerts
    silenced_levels: Counter[str] = field(default_factory=Counter)
    samples: list[Alert] = field(default_factory=list)  # the newest

    def add(self, alert: Alert, *, is_silenced: bool) -> None:
        """Count an alert."""
        level = str(alert.rule.level)
        self.alerts += 1
        self.levels[level] += 1
        if not is_silenced:
            return
        self.silenced += 1
        self.silenced_levels[level] += 1
        self.rules[alert.rule.title] += 1
        self.hosts[alert.first.summary.host or "(none)"] += 1
        if len(self.samples) < 5:
            self.samples.append(alert)

    @property
    def warnings(self) -> Iterator[str]:
        """What is too broad about the silence."""
        if not self.silenced:
            return
        if self.silenced == self.alerts:
            yield f"it would have held back every alert ({self.alerts:,})"
        elif self.silenced > self.alerts * _BROAD:
            percent = 100 * self.silenced / self.alerts
            yield f"it would have held back {percent:.0f} % of all alerts ({self.silenced:,} of {self.alerts:,})"
        for level in (Level.CRITICAL, Level.HIGH):
            count = self.silenced_levels[str(level)]
            if count and count == self.levels[str(level)] and self.silenced < self.alerts:
                yield f"it would have held back every alert of the level {level} ({count:,})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSilence:
    """A stored silence, its phase, and how many alerts it has held back."""

    silence: StoredSilence
    phase: SilencePhase
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWindow:
    """A maintenance window of settings, whether it holds now, and how many alerts it has held back."""

    window: MaintenanceWindow
    holds: bool
    alerts: int


def new_silence(request: SilenceRequest, *, now: datetime) -> StoredSilence:
    """Return the silence that somebody asks for; raises InputError where its times or texts are none."""
    start = request.start or now
    until = request.until if request.until is not None else start + (request.lasting or timedelta(0))
    if until <= max(start, now):
        raise InputError("the silence ends before it begins", fix="give `--for 2h`, or an `--until` that is later")
    if until - start > LONGEST:
        raise InputError(
            f"a silence lasts {LONGEST.days} days at most", fix="write what is harmless for good by `watcher except`"
        )
    reason = " ".join(request.reason.split())
    if not reason:
        raise InputError("`--reason` is empty", fix="write why these alerts are silenced")
    if len(reason) > LONGEST_TEXT or len(request.by) > LONGEST_TEXT:
        raise InputError(f"a reason and a name have at most {LONGEST_TEXT} characters", fix="shorten it")
    return StoredSilence(
        id=secrets.token_hex(4),
        matchers=request.matchers,
        start=start,
        until=until,
        by=request.by,
        reason=reason,
        created=now,
    )


def preview_silence(matchers: Matchers, components: Components) -> SilencePreview:
    """Return what matchers would have held back of the alerts that were opened in the last days."""
    preview = SilencePreview()
    for alert in _newest_alerts(components):
        preview.add(alert, is_silenced=silences(matchers, alert_labels(alert)))
    return preview


def preview_windows(names: Sequence[str], components: Components) -> Mapping[str, SilencePreview]:
    """Return what maintenance windows of settings would have held back of the alerts that were opened in the last days.

    Raises InputError for a name that no window has; no names mean all windows.
    """
    windows = {window.name: window for window in maintenance_windows(components.settings)}
    for name in names:
        if name not in windows:
            listed = ", ".join(f"`{each}`" for each in windows) or "none"
            raise InputError(f"no maintenance window is called `{name}`", fix=f"settings have {listed}")
    chosen = [windows[name] for name in dict.fromkeys(names or windows)]
    return window_previews(chosen, _newest_alerts(components) if chosen else ())


def window_previews(windows: Sequence[MaintenanceWindow], alerts: Iterable[Alert]) -> Mapping[str, SilencePreview]:
    """Return what each window would have held back of alerts, by name: those that were opened while it held."""
    previews = {window.name: SilencePreview() for window in windows}
    for alert in alerts:
        labels = alert_labels(alert)
        for window in windows:
            holds = alert.opened is not None and window.holds(alert.opened)
            previews[window.name].add(alert, is_silenced=holds and silences(window.matchers, labels))
    return previews


def _newest_alerts(components: Components) -> Iterator[Alert]:
    """Yield the newest alerts that were opened in the last days, as many as a silence is tried on."""
    pattern = f"{components.settings.state.prefix}-alerts-*"
    since = components.events().now() - PREVIEWED
    query = {"range": {"event.created": {"gte": format_timestamp(since)}}}
    refresh_where_allowed(components.state(), pattern)
    pages = StateQuery(index=pattern, query=query, size=PAGE, sort=NEWEST_OPENED, only=_FIELDS)
    return map(restore_alert, islice(each_alert(components.state(), pages), MOST_ALERTS))


def rules_matched(matchers: Matchers, rules: Sequence[RuleMetadata]) -> int:
    """Return how many rules may open an alert that matchers mean."""
    return sum(may_match(matchers, rule_labels(rule)) for rule in rules)


def create_silence(request: SilenceRequest, components: Components) -> StoredSilence:
    """Store a silence and return it; a running sidecar obeys it from its next delivery round on."""
    components.installation().version.require_current()
    now = components.events().now()
    silence = new_silence(request, now=now)
    components.silence_store().create(silence, now=now)
    return silence


def expire_silence(silence_id: str, *, by: str, components: Components) -> StoredSilence:
    """End a silence now; raises InputError where none of this id is active or pending."""
    components.installation().version.require_current()
    return components.silence_store().expire(silence_id, by=by, now=components.events().now())


def list_silences(components: Components) -> tuple[ListedSilence, ...]:
    """Return the stored silences, the active ones first, then pending and expired ones."""
    components.installation().version.require_current()
    now = components.events().now()
    totals = SilencedAlerts(components.state(), components.settings.state.prefix).totals()
    listed = [
        ListedSilence(silence=silence, phase=silence.phase(now), alerts=totals.get(silence.answer, 0))
        for silence in components.silence_store().read()
    ]
    order = (SilencePhase.ACTIVE, SilencePhase.PENDING, SilencePhase.EXPIRED)
    return tuple(sorted(listed, key=lambda entry: (order.index(entry.phase), entry.silence.until)))


def list_windows(components: Components) -> tuple[ListedWindow, ...]:
    """Return the maintenance windows of settings."""
    windows = maintenance_windows(components.settings)
    if not windows:
        return ()
    now = components.events().now()
    totals = SilencedAlerts(components.state(), components.settings.state.prefix).totals()
    return tuple(
        ListedWindow(
            window=window,
            holds=window.holds(now),
            # each time that it holds has an answer of its own, which begins with that of the window
            alerts=sum(count for answer, count in totals.items() if answer.startswith(f"{window.answer} from ")),
        )
        for window in windows
    )
