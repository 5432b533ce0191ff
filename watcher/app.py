"""The public entry: a settings file → an open watcher, whose methods are the use cases that need a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from watcher.alerts.alert_filter import AlertFilter
from watcher.alerts.alert_history import Triage
from watcher.alerts.alert_triage import TriagedAlert
from watcher.components import Components, connect_clusters
from watcher.delivery.delivery_totals import DeliveryTotals
from watcher.delivery.failed_deliveries import FailedDelivery, ResendFilter
from watcher.errors import SettingsError
from watcher.model import Notification, Rule
from watcher.pipeline import Stopping
from watcher.ports import IndexMapping, Progress, StoredDocument, no_progress
from watcher.routes import Matchers
from watcher.routes.silences import StoredSilence
from watcher.settings import Settings
from watcher.sigma.rule_folders import LoadedRules
from watcher.state.installation import InstallResult
from watcher.translate.plan import paths_of
from watcher.usecases.backfill import BackfillObserver, BackfillReport, BackfillRequest, backfill_source
from watcher.usecases.check_cluster import check_cluster
from watcher.usecases.check_rules import ClusterReport
from watcher.usecases.exception_impact import ExceptionImpact, try_on_events, try_on_stored_hits
from watcher.usecases.exceptions import ExceptionPlan
from watcher.usecases.explain_correlated_events import ExplainedEvents, explain_stored_events
from watcher.usecases.explain_event import SourceExplanation, explain_stored_event
from watcher.usecases.explain_rule import RulePlan, StrategyExplanation, explain_rule, explain_strategies
from watcher.usecases.installing import delete_expired, prepare_state, set_up
from watcher.usecases.loading import load_rules, load_settings
from watcher.usecases.named_rules import NamedCorrelation, find_rule
from watcher.usecases.preview import Preview, PreviewProgress, preview
from watcher.usecases.preview_correlation import CorrelationPreview, preview_correlation
from watcher.usecases.render import render_stored_alert
from watcher.usecases.resend import find_failed, resend
from watcher.usecases.route_event import RoutedEvent, route_stored_event
from watcher.usecases.run import RunReport, run_once
from watcher.usecases.silence_requests import (
    ListedSilence,
    ListedWindow,
    SilencePreview,
    SilenceRequest,
    create_silence,
    expire_silence,
    list_silences,
    list_windows,
    preview_silence,
    preview_windows,
)
from watcher.usecases.status import Status, read_status
from watcher.usecases.triage import (
    AlertRecord,
    AlertSurroundings,
    alert_surroundings,
    each_alert,
    list_alerts,
    select_for_triage,
    total_deliveries,
    triage_alerts,
)


def _never() -> bool:
    return False


def _ignore(_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A watcher with open connections to its clusters.

    Use it as a context manager, which closes the connections.
    """

    components: Components

    @property
    def settings(self) -> Settings:
        """The settings that it was opened with."""
        return self.components.settings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.components.close()

    def rules(self, paths: Sequence[Path] = ()) -> LoadedRules:
        """Read the rules of settings, or of some paths."""
        return load_rules(self.settings, paths)

    def rule(self, name: str) -> Rule:
        """Return the rule of a file, an id, a title or a path; raises InputError where it is not exactly one."""
        return find_rule(name, self.settings)

    def alerts(self, selected: AlertFilter | None = None, *, limit: int = 50) -> tuple[AlertRecord, ...]:
        """Return the newest alerts that a filter selects, newest first."""
        return list_alerts(self.components, selected or AlertFilter(), limit=limit)

    def each_alert(self, selected: AlertFilter | None = None) -> Iterator[AlertRecord]:
        """Yield all alerts that a filter selects, newest first."""
        return each_alert(self.components, selected or AlertFilter())

    def total_deliveries(self, selected: AlertFilter | None = None) -> DeliveryTotals:
        """Return what became of the hits of all alerts that a filter selects, by channel."""
        return total_deliveries(self.components, selected or AlertFilter())

    def alert_surroundings(self, alert: AlertRecord) -> AlertSurroundings:
        """Return how often the rule of an alert fired before, and the alerts of its host around it."""
        return alert_surroundings(self.components, alert)

    def select_for_triage(self, selected: AlertFilter) -> tuple[StoredDocument, ...]:
        """Return the alerts that an action of triage would change."""
        return select_for_triage(self.components, selected)

    def triage(
        self, alerts: Sequence[StoredDocument], triage: Triage, *, progress: Progress = no_progress
    ) -> tuple[TriagedAlert, ...]:
        """Do an action to alerts, and return what it did to each."""
        return triage_alerts(self.components, alerts, triage, progress)

    def find_failed(self, selected: ResendFilter) -> tuple[FailedDelivery, ...]:
        """Return the deliveries that were given up."""
        return find_failed(self.components, selected)

    def resend(self, failed: Sequence[FailedDelivery]) -> tuple[FailedDelivery, ...]:
        """Make deliveries that were given up pending again, and return those that changed."""
        return resend(self.components, failed)

    def render_alert(self, alert: str, *, channel: str) -> Notification:
        """Render the message of a stored alert for a channel or a channel type, without sending it."""
        return render_stored_alert(channel, alert, self.components)

    def status(self) -> Status:
        """Return what was searched, who holds which lease, and which deliveries are pending."""
        return read_status(self.components)

    def read_mapping(self, rule: Rule, *, source: str | None = None) -> IndexMapping:
        """Return how the indices of a source map the fields of a rule.

        Without a name it is the first source; raises SettingsError where settings have none of that name.
        """
        sources = {candidate.name: candidate for candidate in self.settings.sources}
        selected = sources.get(source) if source is not None else self.settings.sources[0]
        if selected is None:
            names = ", ".join(f"`{name}`" for name in sources)
            raise SettingsError(f"no source is called `{source}`; settings have {names}", fix="name one of them")
        return self.components.events().mapping(selected.index, paths_of((rule,), selected))

    def explain_rule(self, rule: Rule) -> tuple[RulePlan, ...]:
        """Return the query plan of a rule on each source, with its cost and settings."""
        return explain_rule(rule, self.components)

    def route_event(self, rule: Rule, reference: str, *, at: datetime) -> tuple[RoutedEvent, ...]:
        """Return the route of the alert that an event of the cluster would open at a time, for every source."""
        return route_stored_event(rule, reference, self.components, at=at)

    def explain_event(self, rule: Rule, reference: str) -> tuple[SourceExplanation, ...]:
        """Return why a rule matches a stored event, `index/_id`, or not."""
        return explain_stored_event(rule, reference, self.components)

    def explain_events(self, named: NamedCorrelation, references: Sequence[str]) -> ExplainedEvents:
        """Return what a correlation rule says of stored events, each `index/_id`."""
        return explain_stored_events(named, references, self.components)

    def explain_strategies(self) -> tuple[StrategyExplanation, ...]:
        """Return how the next window of each source is searched, and why."""
        return explain_strategies(self.components)

    def check(self, rules: Sequence[Rule]) -> ClusterReport:
        """Return what only the cluster knows about settings and rules."""
        return check_cluster(self.components, rules)

    def preview(
        self,
        rule: Rule,
        *,
        days: int,
        progress: Callable[[PreviewProgress], None] = _ignore,
        stopping: Stopping = _never,
    ) -> Preview:
        """Search the last days by one rule, write nothing, and return what it matches."""
        return preview(rule, days, self.components, progress=progress, stopping=stopping)

    def try_exception(self, plan: ExceptionPlan, *, days: int) -> ExceptionImpact:
        """Return what an exception would remove of the stored hits of the last days."""
        return try_on_stored_hits(plan, days, self.components)

    def search_exception(
        self,
        plan: ExceptionPlan,
        *,
        days: int,
        progress: Callable[[PreviewProgress], None] = _ignore,
        stopping: Stopping = _never,
    ) -> ExceptionImpact:
        """Search the last days by the rule of an exception, and return what the exception would remove."""
        return try_on_events(plan, days, self.components, progress=progress, stopping=stopping)

    def preview_silence(self, matchers: Matchers) -> SilencePreview:
        """Return what a silence would have held back of the alerts of the last seven days."""
        return preview_silence(matchers, self.components)

    def silence(self, request: SilenceRequest) -> StoredSilence:
        """Create a silence and return it; a running sidecar obeys it from its next delivery round on."""
        return create_silence(request, self.components)

    def expire_silence(self, silence_id: str, *, by: str) -> StoredSilence:
        """End a silence now."""
        return expire_silence(silence_id, by=by, components=self.components)

    def silences(self) -> tuple[ListedSilence, ...]:
        """Return the stored silences, and how many alerts each has held back."""
        return list_silences(self.components)

    def maintenance_windows(self) -> tuple[ListedWindow, ...]:
        """Return the maintenance windows of settings, and how many alerts each has held back."""
        return list_windows(self.components)

    def preview_windows(self, names: Sequence[str] = ()) -> Mapping[str, SilencePreview]:
        """Return what maintenance windows would have held back of the alerts of the last seven days, by name."""
        return preview_windows(names, self.components)

    def preview_correlation(
        self,
        named: NamedCorrelation,
        *,
        days: int,
        progress: Callable[[PreviewProgress], None] = _ignore,
        stopping: Stopping = _never,
    ) -> CorrelationPreview:
        """Search the last days by the base rules of a correlation rule, write nothing, and return what it finds."""
        return preview_correlation(named, days, self.components, progress=progress, stopping=stopping)

    def backfill(
        self, request: BackfillRequest, *, observer: BackfillObserver, stopping: Stopping = _never
    ) -> Iterator[BackfillReport]:
        """Search the past of each source by the same detection as live, and yield the outcome of each."""
        prepare_state(self.components)
        for source in self.settings.sources if request.searched.rules else ():
            if stopping():
                return
            yield backfill_source(source, request, self.components, observer=observer, stopping=stopping)

    def run_once(self, rules: LoadedRules, *, stopping: Stopping = _never) -> RunReport:
        """Search what is due, deliver what is pending, and return the outcome."""
        return run_once(self.components, rules, stopping)

    def set_up(self) -> InstallResult:
        """Install the index templates and lifecycle policies of the state."""
        return set_up(self.components)

    def delete_expired(self) -> tuple[str, ...]:
        """Delete the months of alerts and hits beyond the retention, and return their indices."""
        return delete_expired(self.components)


def open_app(settings: Settings) -> App:
    """Connect to the clusters of settings."""
    return App(components=Components(settings=settings, connections=connect_clusters(settings)))


def open(settings_file: str | Path | None = None) -> App:  # noqa: A001 - `watcher.open`, as `gzip.open`
    """Read a settings file and connect to its clusters.

    Without a file it is `./watcher.yml`, `/etc/watcher/watcher.yml` or the environment. Raises SettingsError for
    faulty settings, ClusterError where a cluster does not answer.
    """
    return open_app(load_settings(Path(settings_file) if settings_file is not None else None))
