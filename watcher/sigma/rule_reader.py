"""Reader of rules: one YAML document → Rule, with a finding for every fault.

Source: Sigma specification 2.1, "Rules".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from watcher.errors import RuleError
from watcher.model import LogSource, Rule
from watcher.sigma.detection import DUPLICATES_KEPT, read_detection
from watcher.sigma.finding_collector import FindingCollector, as_mapping, lowercase_keys
from watcher.sigma.metadata_reader import KNOWN_KEYS, MetadataReader, RuleOrigin, report_unknown_keys
from watcher.sigma.rule_logsource import read_logsource
from watcher.yaml_nodes.nodes import MapNode, YamlNode

_RESERVED = ("condition", "timeframe")


def read_rule(document: YamlNode, origin: RuleOrigin) -> Rule:
    """Read one document of a rule file.

    Faults become findings of the rule; raises RuleError only if the rule cannot be interpreted.
    """
    collector = FindingCollector()
    mapping = lowercase_keys(as_mapping(document, "a rule"), KNOWN_KEYS, collector)
    return _RuleReader(document=mapping, values=mapping.by_key(), origin=origin, collector=collector).read()


@dataclass(slots=True)
class _RuleReader:
    """Reads one document and collects findings."""

    document: MapNode
    values: Mapping[Any, Sequence[YamlNode]]  # by key
    origin: RuleOrigin
    collector: FindingCollector

    def read(self) -> Rule:
        if len(self.values) < len(self.document.entries):
            self.collector.duplicates(self.document, "the rule", DUPLICATES_KEPT)
        if not KNOWN_KEYS.issuperset(self.values):
            report_unknown_keys(self.document, KNOWN_KEYS, self.collector)
        detection = read_detection(
            self._detection(), "detection", self.origin.placeholders, self.collector, reserved=_RESERVED
        )
        own = self.values["watcher"][-1] if "watcher" in self.values else None
        if isinstance(own, MapNode):
            self.collector.report(
                "correlation-unused",
                "`watcher` beside `detection` has no effect",
                own.location,
                fix="write it as a document of its own, and name this rule in its `rules`",
            )
        metadata = MetadataReader(self.document, self.values, self.origin, self.collector).fields()
        logsource = self._logsource()
        return Rule(
            **metadata,
            findings=tuple(self.collector.findings),
            logsource=logsource,
            selections=detection.selections,
            conditions=detection.conditions,
            aggregation=detection.aggregation,
            node=detection.node,
        )

    def _detection(self) -> MapNode:
        values = self.values.get("detection")
        if not values:
            raise RuleError(
                "the rule has no `detection`",
                location=self.document.location,
                fix="add selections and a condition",
                code="missing-detection",
            )
        mappings = tuple(as_mapping(value, "`detection`") for value in values)
        if len(mappings) == 1:
            return mappings[0]
        return structs.replace(mappings[0], entries=tuple(entry for mapping in mappings for entry in mapping.entries))

    def _logsource(self) -> LogSource:
        values = self.values.get("logsource")
        if not values:
            self.collector.report(
                "missing-logsource",
                "the rule has no `logsource`, so every event is searched",
                self.document.location,
                fix="add product and category or service",
            )
            return LogSource()
        return read_logsource(values, self.collector)
