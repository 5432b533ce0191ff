"""Reader of correlation rules: one YAML document → CorrelationRule, with a finding for every fault.

Source: Sigma specification 2.1, "Correlation Rules", with the approved boolean conditions of temporal types. Types that
it does not have are read below the key `watcher`.
"""

from __future__ import annotations

from watcher.errors import RuleError
from watcher.model.correlation_rules import CorrelationRule, CorrelationSection
from watcher.sigma.correlation_dialects import modern_section
from watcher.sigma.extension_reader import ExtensionReader, has_section
from watcher.sigma.finding_collector import FindingCollector, as_mapping, lowercase_keys
from watcher.sigma.metadata_reader import KNOWN_KEYS, MetadataReader, RuleOrigin, metadata_of, report_unknown_keys
from watcher.sigma.section_reader import SectionReader
from watcher.yaml_nodes.nodes import MapNode, YamlNode

_KEYS = KNOWN_KEYS | {"generate", "watcher"}


def read_correlation(document: YamlNode, origin: RuleOrigin) -> CorrelationRule:
    """Read one document; raises RuleError where the correlation cannot be interpreted."""
    collector = FindingCollector()
    mapping = lowercase_keys(as_mapping(document, "a correlation rule"), _KEYS, collector)
    collector.duplicates(mapping, "the rule", "the last value is used; write the key once")
    if mapping.get("detection") is not None:
        raise RuleError(
            "the document has `correlation` and `detection`",
            location=mapping.location,
            fix="write two documents, separated by `---`, and name the first one in `rules` of the second",
            code="correlation-rules",
        )
    section = _section(mapping, collector)
    if isinstance(mapping.get("correlation"), MapNode) or has_section(mapping):
        report_unknown_keys(mapping, _KEYS, collector)
    metadata = MetadataReader(mapping, mapping.by_key(), origin, collector).read()
    return CorrelationRule(**{**metadata_of(metadata), "findings": tuple(collector.findings)}, section=section)


def _section(mapping: MapNode, collector: FindingCollector) -> CorrelationSection:
    """Read the mapping `correlation`, or `watcher`; raises RuleError where it cannot be interpreted."""
    own = mapping.get("watcher")
    if not isinstance(own, MapNode):
        return SectionReader(section=modern_section(mapping, collector), top_level=mapping, collector=collector).read()
    if mapping.get("correlation") is not None:
        raise RuleError(
            "the document has `correlation` and `watcher`",
            location=own.location,
            fix="write two documents, separated by `---`",
            code="correlation-type",
        )
    return ExtensionReader(section=own, top_level=mapping, collector=collector).read()
