"""Former and foreign forms of correlation rules → the mapping that the specification describes.

Source: Sigma specification 2.1, "Correlation Rules", and its drafts since 2022: `action: correlation` with all keys at
the top level, `field` and `percentile` beside `condition`, `ordered: true`.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import structs

from watcher.errors import RuleError
from watcher.model import Location, Severity
from watcher.model.correlations import EXTENSION_TYPES, CorrelationType
from watcher.sigma.finding_collector import FindingCollector
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, YamlNode

SECTION_KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_FORMER_KEYS = ("ordered", "field", "percentile")
_OTHER_KEYS = {
    "groupby": "group-by",
    "group": "group-by",
    "by": "group-by",
    "timeframe": "timespan",
    "time-frame": "timespan",
    "time-span": "timespan",
    "window": "timespan",
    "rule": "rules",
    "alias": "aliases",
    "fields": "field",
}
_TYPES = {
    "ordered-temporal": "temporal_ordered",
    "temporal-extended": "temporal",
    "temporal-ordered-extended": "temporal_ordered",
    "count": "event_count",
    "eventcount": "event_count",
    "valuecount": "value_count",
    "value-average": "value_avg",
    "temporalordered": "temporal_ordered",
}
_OTHER_EXTENSIONS = {"new_term": "new_value", "new_terms": "new_value", "flatline": "absence", "missing": "absence"}


def is_correlation(document: YamlNode) -> bool:
    """Whether a document is a correlation rule, and not a rule with a remark under the key `correlation`."""
    if not isinstance(document, MapNode):
        return False
    if isinstance(document.get("correlation"), MapNode):
        return True
    own = isinstance(document.get("watcher"), MapNode)
    return document.get("detection") is None and (own or has_correlation_action(document) or _is_flat(document))


def has_correlation_action(document: YamlNode) -> bool:
    """Whether a document has `action: correlation`, the form of early drafts."""
    action = document.get("action") if isinstance(document, MapNode) else None
    return isinstance(action, ScalarNode) and action.text.strip().lower() == "correlation"


def _is_flat(document: MapNode) -> bool:
    """Whether `correlation:` is empty, and its keys are beside it, as in examples of the drafts."""
    section = document.get("correlation")
    return isinstance(section, ScalarNode) and section.value is None and document.get("type") is not None


def modern_section(document: MapNode, collector: FindingCollector) -> MapNode:
    """Return the mapping `correlation` in the form of the specification; each change is a finding."""
    section = document.get("correlation")
    if isinstance(section, MapNode):
        if has_correlation_action(document):
            dialect(collector, "`action: correlation` is no longer used", document.location, "remove `action`")
    else:
        section = _from_top_level(document, collector)
    section = renamed_keys(section, (*SECTION_KEYS, *_FORMER_KEYS), collector)
    return _without_former_keys(section, collector)


def dialect(collector: FindingCollector, message: str, location: Location, fix: str) -> None:
    """Report a form that is read, and that the specification does not have."""
    collector.report("correlation-dialect", message, location, fix=fix, severity=Severity.WARNING)


def _from_top_level(document: MapNode, collector: FindingCollector) -> MapNode:
    dialect(
        collector,
        "the keys of the correlation are at the top level, as in early drafts of Sigma",
        document.location,
        "write them below `correlation:`, without `action`",
    )
    keys = {*SECTION_KEYS, *_FORMER_KEYS, *_OTHER_KEYS}
    entries = tuple(entry for entry in document.entries if _spelling(entry) in keys and _spelling(entry) != "fields")
    return structs.replace(document, entries=entries)


def _spelling(entry: MappingEntry) -> str:
    return entry.key_text.strip().lower().replace("_", "-").replace(" ", "-")


def renamed_keys(section: MapNode, keys: Collection[str], collector: FindingCollector) -> MapNode:
    """Return the mapping with keys as they are documented, unless that key is present too."""
    present = {entry.key_text for entry in section.entries}
    entries = []
    for entry in section.entries:
        name = _OTHER_KEYS.get(_spelling(entry), _spelling(entry))
        if entry.key_text != name and name in keys:
            if name in present:
                message = f"`{entry.key_text}` and `{name}` mean the same; `{name}` is used"
                dialect(collector, message, entry.key_location, f"remove `{entry.key_text}`")
                continue
            dialect(collector, f"`{entry.key_text}` is read as `{name}`", entry.key_location, f"write `{name}`")
        else:
            name = entry.key_text
        entries.append(structs.replace(entry, key=name, key_text=name))
    return structs.replace(section, entries=tuple(entries))


def _without_former_keys(section: MapNode, collector: FindingCollector) -> MapNode:
    entries = [entry for entry in section.entries if entry.key not in _FORMER_KEYS]
    ordered = section.get("ordered")
    if ordered is not None:
        entries = [_ordered(entry, ordered, collector) if entry.key == "type" else entry for entry in entries]
    moved = [entry for entry in section.entries if entry.key in ("field", "percentile")]
    if moved:
        condition = _with_moved(section, moved, collector)
        entries = [entry for entry in entries if entry.key != "condition"] + [condition]
    return structs.replace(section, entries=tuple(entries))


def _ordered(entry: MappingEntry, ordered: YamlNode, collector: FindingCollector) -> MappingEntry:
    """Return the entry `type` with what `ordered` says in it."""
    text = ordered.text.strip().lower() if isinstance(ordered, ScalarNode) else ""
    kind = correlation_type(entry.value)
    if text not in ("true", "yes", "false", "no"):
        raise RuleError(
            "`ordered` must be true or false",
            location=ordered.location,
            fix="write `type: temporal_ordered` instead",
            code="correlation-type",
        )
    if text in ("true", "yes") and kind == "temporal" and isinstance(entry.value, ScalarNode):
        message = "`type: temporal` with `ordered: true` is read as `temporal_ordered`"
        dialect(collector, message, ordered.location, "write `type: temporal_ordered`, and remove `ordered`")
        return structs.replace(
            entry, value=structs.replace(entry.value, value="temporal_ordered", text="temporal_ordered")
        )
    if text in ("false", "no") and kind == "temporal_ordered":
        raise RuleError(
            "`type: temporal_ordered` contradicts `ordered: false`",
            location=ordered.location,
            fix="remove `ordered`, or write `type: temporal`",
            code="correlation-type",
        )
    dialect(collector, "`ordered` is not a key of correlations and has no effect", ordered.location, "remove it")
    return entry


def correlation_type(node: YamlNode) -> str:
    """Return a type as the specification spells it, or the text of an unknown one."""
    text = node.text.strip() if isinstance(node, ScalarNode) else ""
    spelled = text.lower().replace("_", "-").replace(" ", "-")
    return _TYPES.get(spelled, spelled.replace("-", "_"))


def extension_of(node: YamlNode) -> CorrelationType | None:
    """Return the type of watcher that a text means, also in the words of ElastAlert2; None for any other."""
    name = correlation_type(node)
    name = _OTHER_EXTENSIONS.get(name, name)
    return next((kind for kind in EXTENSION_TYPES if kind == name), None)


def _with_moved(section: MapNode, moved: list[MappingEntry], collector: FindingCollector) -> MappingEntry:
    """Return the entry `condition` with the keys that stand beside it."""
    condition = section.get("condition")
    inner: tuple[MappingEntry, ...] = ()
    if isinstance(condition, MapNode):
        inner = condition.entries
    elif isinstance(condition, ListNode):
        inner = tuple(entry for item in condition.items if isinstance(item, MapNode) for entry in item.entries)
    elif isinstance(condition, ScalarNode) and condition.value is not None:
        inner = (structs.replace(moved[0], key="", key_text="", value=condition),)  # a comparison in one string
    for entry in moved:
        message = f"`{entry.key}` beside `condition` is read as a part of it"
        dialect(collector, message, entry.key_location, f"write `{entry.key}` below `condition:`")
    present = {entry.key_text for entry in inner}
    value = MapNode(
        entries=(*inner, *(entry for entry in moved if entry.key not in present)),
        location=condition.location if condition is not None else moved[0].key_location,
    )
    return MappingEntry(key="condition", key_text="condition", key_location=value.location, value=value)
