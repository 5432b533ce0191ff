"""Reader of the types that Sigma does not have: the mapping `watcher` of a correlation rule.

Other tools see a document without `detection` and `correlation`, which is no rule to them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from watcher.errors import RuleError
from watcher.model import Location
from watcher.model.correlation_rules import CorrelationSection
from watcher.model.correlations import EXTENSION_TYPES, ComparisonOperator, CorrelationType, NumericComparison
from watcher.sigma.correlation_condition import read_count_condition
from watcher.sigma.correlation_dialects import correlation_type, dialect, extension_of, renamed_keys
from watcher.sigma.correlation_values import read_timespan, read_whole_number
from watcher.sigma.section_reader import SectionReader
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode

_COMMON_KEYS = ("type", "rules", "group-by", "timespan", "aliases", "generate")
_OWN_KEYS = {
    CorrelationType.NEW_VALUE: ("field",),
    CorrelationType.ABSENCE: ("groups",),
    CorrelationType.SPIKE: ("windows", "minimum", "condition"),
}
_KEYS = (*_COMMON_KEYS, *(key for keys in _OWN_KEYS.values() for key in keys))
_MOST_WINDOWS = 1_000
_MOST_GROUPS = 10_000
_ABOVE = (ComparisonOperator.GT, ComparisonOperator.GTE)


class ExtensionReader(SectionReader):
    """Reads the mapping `watcher`."""

    def read(self) -> CorrelationSection:
        """Return the section; raises RuleError where it cannot be interpreted."""
        section = renamed_keys(self.section, _KEYS, self.collector)
        return ExtensionReader(section=section, top_level=self.top_level, collector=self.collector).read_renamed()

    def read_renamed(self) -> CorrelationSection:
        """Return the section, whose keys have the documented spelling."""
        self.collector.duplicates(self.section, "`watcher`", "the last value is used; write the key once")
        kind = self._type()
        self._report_keys(kind)
        group_by = self._group_by() if kind is not CorrelationType.NEW_VALUE or self._has("group-by") else ()
        return CorrelationSection(
            type=kind,
            rules=self._rules(kind, None),
            timespan=read_timespan(self._required("timespan", "e.g. `timespan: 1h`"), "timespan", self.collector),
            group_by=group_by,
            comparisons=self._comparisons() if kind is CorrelationType.SPIKE else (),
            fields=self._fields() if kind is CorrelationType.NEW_VALUE else (),
            groups=self._groups(group_by) if kind is CorrelationType.ABSENCE else (),
            windows=self._number("windows", 1, _MOST_WINDOWS) if kind is CorrelationType.SPIKE else 0,
            minimum=self._number("minimum", 1, 10**9) if kind is CorrelationType.SPIKE else 0,
            aliases=self._aliases(),
            generate=self._generate(),
            locations={entry.key_text: entry.key_location for entry in self.section.entries},
        )

    def _has(self, key: str) -> bool:
        node = self.section.get(key)
        return node is not None and not (isinstance(node, ScalarNode) and node.value is None)

    def _type(self) -> CorrelationType:
        node = self._required("type", f"one of {', '.join(EXTENSION_TYPES)}")
        text = node.text if isinstance(node, ScalarNode) else ""
        kind = extension_of(node)
        if kind is None:
            near = difflib.get_close_matches(correlation_type(node), EXTENSION_TYPES, n=1)
            fix = f"did you mean `{near[0]}`" if near else f"write one of {', '.join(EXTENSION_TYPES)}"
            if correlation_type(node) in tuple(CorrelationType):
                fix = "write this type below `correlation:`, as Sigma has it"
            message = f"`{text}` is not a type below `watcher`"
            raise RuleError(message, location=node.location, fix=fix, code="correlation-type")
        if text != kind:
            dialect(self.collector, f"`type: {text}` is read as `{kind}`", node.location, f"write `type: {kind}`")
        return kind

    def _report_keys(self, kind: CorrelationType) -> None:
        keys = (*_COMMON_KEYS, *_OWN_KEYS[kind])
        for entry in self.section.entries:
            if entry.key in keys:
                continue
            if entry.key in _KEYS:
                message = f"`{entry.key_text}` has no effect in a correlation of type `{kind}`"
                self.collector.report("correlation-unused", message, entry.key_location, fix="remove it")
                continue
            near = difflib.get_close_matches(entry.key_text.lower(), keys, n=1)
            fix = f"write `{near[0]}`" if near else f"it has no effect; the keys are {', '.join(keys)}"
            message = f"`{entry.key_text}` is not a key of `{kind}`"
            self.collector.report("unknown-key", message, entry.key_location, fix=fix)

    # ---- new_value

    def _fields(self) -> tuple[str, ...]:
        node = self._required("field", "e.g. `field: TargetUserName`")
        items = node.items if isinstance(node, ListNode) else (node,)
        names = [item.text.strip() if isinstance(item, ScalarNode) and item.value is not None else "" for item in items]
        if not names or not all(names):
            message = "`field` must be the name of a field, or a list of names"
            raise RuleError(message, location=node.location, fix="name the field", code="correlation-condition")
        return tuple(dict.fromkeys(names))

    # ---- absence

    def _groups(self, group_by: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        if not self._has("groups"):
            return ()
        node = self._required("groups", "a list")
        items = node.items if isinstance(node, ListNode) else (node,)
        if not group_by:
            fix = "add `group-by` with the field of these values, e.g. `group-by: [Computer]`"
            raise RuleError("`groups` needs `group-by`", location=node.location, fix=fix, code="correlation-groups")
        if len(items) > _MOST_GROUPS:
            message = f"`groups` has {len(items):,} entries; at most {_MOST_GROUPS:,} are watched"
            fix = "write several rules"
            raise RuleError(message, location=node.location, fix=fix, code="correlation-groups")
        groups: dict[tuple[str, ...], tuple[str, ...]] = {}
        for item in items:
            group = tuple(self._group_values(item, len(group_by)))
            folded = tuple(value.casefold() for value in group)
            if folded in groups:
                message = f"`groups` has `{', '.join(group)}` twice"
                self.collector.report("correlation-repeated", message, item.location, fix="remove one of them")
            groups.setdefault(folded, group)
        return tuple(groups.values())

    def _group_values(self, item: YamlNode, count: int) -> Iterator[str]:
        values = item.items if isinstance(item, ListNode) else (item,)
        texts = [
            value.text.strip() if isinstance(value, ScalarNode) and value.value is not None else "" for value in values
        ]
        if len(texts) != count or not all(texts):
            what = "a value" if count == 1 else f"a list of {count} values, in the order of `group-by`"
            message = f"an entry of `groups` must be {what}"
            fix = "write e.g. `groups: [dc01, dc02]`" if count == 1 else "write e.g. `groups: [[dc01, Security]]`"
            raise RuleError(message, location=item.location, fix=fix, code="correlation-groups")
        yield from texts

    # ---- spike

    def _number(self, key: str, least: int, most: int) -> int:
        example = {"windows": "`windows: 12`", "minimum": "`minimum: 20`"}[key]
        return read_whole_number(self._required(key, f"e.g. {example}"), key, least, most)

    def _comparisons(self) -> tuple[NumericComparison, ...]:
        node = self._required("condition", "e.g. `condition: {gte: 3}` for three times the usual count")
        count = read_count_condition(node, self.collector)
        location = self._location("condition")
        if count.fields or count.percentile is not None:
            message = "the condition of a spike compares counts; it has neither `field` nor `percentile`"
            self.collector.report("correlation-unused", message, location, fix="remove it")
        if any(entry.operator not in _ABOVE or entry.value <= 0 for entry in count.comparisons):
            raise _spike_fault(location)
        return count.comparisons


def has_section(document: YamlNode) -> bool:
    """Whether a document has its correlation below `watcher`."""
    return isinstance(document, MapNode) and isinstance(document.get("watcher"), MapNode)


def _spike_fault(location: Location) -> RuleError:
    return RuleError(
        "the condition of a spike must be `gt` or `gte` with a number above 0: how many times the usual count",
        location=location,
        fix="write e.g. `condition: {gte: 3}`; for silence write `type: absence`",
        code="correlation-condition",
    )
