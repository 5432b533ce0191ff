"""The rules of a source as they are now, and since when each of them is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoints import Checkpoints
from watcher.model import RuleMetadata
from watcher.pipeline import Correlator, DetectionScope, Detector, PreparedRule, Stopping
from watcher.settings import Source

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class WatchedRules:
    """The detector of a source, which is replaced when rules change, and the starts of its rules."""

    detector: Detector
    checkpoints: Checkpoints
    has_begun: bool = False  # whether this process knows that the state held a checkpoint of the source
    _recorded: tuple[Detector, Mapping[str, datetime]] | None = None  # the detector whose rules are recorded

    @property
    def source(self) -> Source:
        """The source."""
        return self.detector.source

    def reload(self, rules: Sequence[PreparedRule], correlator: Correlator | None = None) -> None:
        """Use other rules from the next search on; a search in progress ends with the rules that it began with."""
        self.detector = self.detector.with_rules(rules, correlator)

    def record(
        self, detector: Detector, checkpoint: Checkpoint | None, since: datetime, *, now: datetime
    ) -> Mapping[str, datetime]:
        """Return since when each rule is searched.

        The starts are stored once, and again where rules changed or the state lost its checkpoint.
        """
        starts = self._starts(detector)
        if starts is not None and checkpoint is not None:
            return starts
        if checkpoint is None:
            write = log.error if self.has_begun else log.info
            write("checkpoint.created", source=self.source.name, since=since.isoformat())
            start = since
        else:  # version 1 did not store its rules, but searched them from the beginning
            start = checkpoint.watermark if self.checkpoints.rule_starts(self.source.name) else checkpoint.since
        rules: list[RuleMetadata] = [prepared.rule for prepared in detector.rules]
        if detector.correlator is not None:
            rules.extend(prepared.rule for prepared in detector.correlator.rules.values())
        starts = self.checkpoints.record_rules(self.source.name, rules, start, now=now)
        self._recorded = detector, starts
        return starts

    def past_scope(
        self, detector: Detector, end: datetime, stopping: Stopping, rules: frozenset[str] | None = None
    ) -> DetectionScope:
        """Return how a window of the past that ends at a time is searched.

        Rules that the live search did not record yet do not search it.
        """
        starts = self._starts(detector)
        if starts is None:
            starts = self.checkpoints.rule_starts(self.source.name)
        ids = [prepared.rule.id for prepared in detector.rules]
        ids.extend(() if detector.correlator is None else detector.correlator.rules)
        since = {rule_id: starts.get(rule_id, end) for rule_id in ids}
        return DetectionScope(rules=rules, since=since, stopping=stopping)

    def _starts(self, detector: Detector) -> Mapping[str, datetime] | None:
        return self._recorded[1] if self._recorded is not None and self._recorded[0] is detector else None
