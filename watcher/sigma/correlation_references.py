"""Resolves the references of correlation rules, over all files and folders.

A reference is an id or a `name`; a title or a file name where it is unique. Correlations may refer to correlations.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from watcher.model import Location, Rule, RuleMetadata, Severity
from watcher.model.correlation_rules import CorrelationRule, ResolvedCorrelations, RuleReference
from watcher.model.correlations import Correlation, RuleCondition
from watcher.sigma.correlation_cycles import order_by_references
from watcher.sigma.correlation_expression import names_of, with_names
from watcher.sigma.finding_collector import FindingCollector

_MOST_SUGGESTED = 20  # unknown references whose nearest names are looked for, which takes time
_MOST_PLACES = 3  # of rules that share a name, in a finding


def resolve_correlations(
    rules: Sequence[Rule], base_rules: Sequence[Rule], correlations: Sequence[CorrelationRule]
) -> ResolvedCorrelations:
    """Resolve every reference; a correlation with a fault is left out, with a finding.

    `base_rules` are converted from aggregations.
    """
    if not correlations:
        return ResolvedCorrelations()
    referable = [*(rule for rule in rules if rule.aggregation is None), *correlations]
    resolver = _Resolver(
        index=_Index(referable, base_rules), converted=_by_origin(base_rules), collector=FindingCollector()
    )
    resolved = {rule.id: resolver.resolve(rule) for rule in correlations}
    complete = {rule_id: correlation for rule_id, correlation in resolved.items() if correlation is not None}
    by_id = {rule.id: rule for rule in correlations}
    order, faults = order_by_references(by_id, {rule_id: each.base_rules for rule_id, each in complete.items()})
    evaluated = tuple(by_id[rule_id] for rule_id in order)
    return ResolvedCorrelations(
        rules=evaluated,
        correlations={rule_id: complete[rule_id] for rule_id in order},
        base_rules=tuple(base_rules),
        findings=(
            *(finding for rule in correlations for finding in rule.findings),
            *resolver.collector.findings,
            *faults,
        ),
    )


def _by_origin(base_rules: Iterable[Rule]) -> Mapping[str, Sequence[str]]:
    """Return the ids of converted base rules by the id of their origin, in the order of its references."""
    ids: dict[str, list[str]] = defaultdict(list)
    for rule in base_rules:
        ids[rule.converted_from].append(rule.id)
    return ids


@dataclass(frozen=True)
class _Index:
    """The rules that can be referred to, by what refers to them."""

    rules: Sequence[RuleMetadata]
    base_rules: Sequence[RuleMetadata]  # converted from aggregations: only by their ids

    @cached_property
    def by_id(self) -> Mapping[str, Sequence[RuleMetadata]]:
        """The rules by id, in lower case."""
        return _grouped((*self.rules, *self.base_rules), lambda rule: (rule.id.lower(),))

    @cached_property
    def by_name(self) -> Mapping[str, Sequence[RuleMetadata]]:
        """The rules by `name`."""
        return _grouped(self.rules, lambda rule: (rule.name,) if rule.name else ())

    @cached_property
    def by_title(self) -> Mapping[str, Sequence[RuleMetadata]]:
        """The rules by title, in lower case."""
        return _grouped(self.rules, lambda rule: (rule.title.lower(),))

    @cached_property
    def by_file(self) -> Mapping[str, Sequence[RuleMetadata]]:
        """The rules by file name with and without folder and suffix, in lower case."""
        return _grouped(self.rules, _file_names)

    def nearest(self, text: str) -> tuple[str, ...]:
        """Return the names, titles and ids that are similar to a text."""
        names = {name.lower(): name for name in (*self.by_name, *(rule.title for rule in self.rules))}
        near = difflib.get_close_matches(text.lower(), names, n=3)
        return tuple(names[name] for name in near) or tuple(difflib.get_close_matches(text.lower(), self.by_id, n=1))


def _grouped(
    rules: Iterable[RuleMetadata], keys: Callable[[RuleMetadata], Iterable[str]]
) -> dict[str, list[RuleMetadata]]:
    groups: dict[str, list[RuleMetadata]] = {}
    for rule in rules:
        for key in keys(rule):
            groups.setdefault(key, []).append(rule)
    return groups


def _file_names(rule: RuleMetadata) -> Iterable[str]:
    """Return the name of a rule's file with and without suffix, and with as many of its folders as are named."""
    parts = rule.path.lower().split("/")
    paths = ("/".join(parts[number:]) for number in range(len(parts)))
    names = (name for path in paths for name in (path, path.rpartition(".")[0]))
    return dict.fromkeys(name for name in names if name and not name.endswith("/"))


def _path_of(text: str) -> str:
    """Return a path as it is looked up: `../windows/logon.yml` of another folder is `windows/logon.yml`."""
    return re.sub(r"^(?:\.{1,2}/)+", "", text.lower().replace("\\", "/"))


@dataclass(slots=True, kw_only=True)
class _Resolver:
    """Resolves correlation rules one by one and collects findings."""

    index: _Index
    converted: Mapping[str, Sequence[str]]
    collector: FindingCollector
    unknown: int = 0

    def resolve(self, rule: CorrelationRule) -> Correlation | None:
        """Return what is evaluated, or None where a reference has a fault."""
        section = rule.section
        ids: dict[str, str] = {}
        faults = 0
        for number, reference in enumerate(section.rules):
            rule_id = self.converted[rule.id][number] if rule.converted else self._lookup(reference, rule)
            faults += rule_id is None
            if rule_id is not None:
                self._repeated(reference, rule_id, ids)
                ids[reference.text] = rule_id
        boolean = None if faults or section.boolean is None else self._boolean(section.boolean, ids, rule)
        if faults or (section.boolean is not None and boolean is None):
            return None
        return Correlation(
            rule_id=rule.id,
            type=section.type,
            base_rules=tuple(dict.fromkeys(ids.values())),
            timespan=section.timespan,
            group_by=section.group_by,
            comparisons=section.comparisons,
            fields=section.fields,
            percentile=section.percentile,
            boolean=boolean,
            aliases=self._aliases(rule, ids),
            groups=section.groups,
            windows=section.windows,
            minimum=section.minimum,
        )

    def _repeated(self, reference: RuleReference, rule_id: str, ids: Mapping[str, str]) -> None:
        first = next((text for text, other in ids.items() if other == rule_id), None)
        if first is not None:
            other = "" if first == reference.text else f", also as `{first}`"
            self.collector.report(
                "correlation-repeated",
                f"the correlation names the rule `{reference.text}` twice{other}; it counts once",
                reference.location,
                fix="remove one of them",
            )

    # ---- what a reference means

    def _lookup(self, reference: RuleReference, rule: CorrelationRule) -> str | None:
        text = reference.text
        named = self._named(text, rule)
        if len(named) == 1:
            return named[0].id
        if not named:
            named = [other for other in self._loosely_named(text, rule) if other is not rule]
            if len(named) == 1:
                self._report_loose(reference, named[0])
                return named[0].id
        self._report_unknown(reference) if not named else self._report_ambiguous(reference, named)
        return None

    def _named(self, text: str, rule: CorrelationRule) -> Sequence[RuleMetadata]:
        """Return the rules of an id or a name; of several with a name, those nearest to the correlation."""
        by_id = self.index.by_id.get(text.lower(), [])
        if by_id:
            return by_id
        named = [other for other in self.index.by_name.get(text, []) if other is not rule]
        if not named:
            return self.index.by_name.get(text, [])
        same_folder = [other for other in named if other.folder == rule.folder]
        same_file = [other for other in same_folder if other.path == rule.path]
        return same_file or same_folder or named

    def _loosely_named(self, text: str, rule: CorrelationRule) -> Sequence[RuleMetadata]:
        """Return the rules of a title, a file name, or a name in other case."""
        lowered = text.lower()
        titled = [other for other in self.index.by_title.get(lowered, []) if other is not rule]
        spelled = [] if titled else [name for name in self.index.by_name if name.lower() == lowered]
        if spelled:
            return [other for name in spelled for other in self.index.by_name[name]]
        return titled or self.index.by_file.get(_path_of(text), [])

    def _report_loose(self, reference: RuleReference, rule: RuleMetadata) -> None:
        text = reference.text
        if rule.name.lower() == text.lower():
            message, fix = f"the name `{rule.name}` is spelled `{text}`", f"write `{rule.name}`"
        else:
            what = "title" if rule.title.lower() == text.lower() else "file name"
            message = f"`{text}` is the {what} of a rule, which may change"
            fix = f"write `{rule.name}`" if rule.name else f"write the id `{rule.id}`, or give the rule a `name`"
        self.collector.report("correlation-by-title", message, reference.location, fix=fix)

    def _report_unknown(self, reference: RuleReference) -> None:
        self.unknown += 1
        near = self.index.nearest(reference.text) if self.unknown <= _MOST_SUGGESTED else ()
        fix = f"did you mean {' or '.join(f'`{name}`' for name in near)}" if near else "write the id or name of a rule"
        self._error(f"no rule has the id or name `{reference.text}`", reference.location, fix)

    def _report_ambiguous(self, reference: RuleReference, rules: Sequence[RuleMetadata]) -> None:
        places = ", ".join(f"`{rule.path}`" for rule in rules[:_MOST_PLACES])
        more = f" and {len(rules) - _MOST_PLACES} more" if len(rules) > _MOST_PLACES else ""
        message = f"several rules are called `{reference.text}`: {places}{more}"
        self._error(message, reference.location, "write the id of a rule")

    def _error(self, message: str, location: Location, fix: str) -> None:
        self.collector.report("correlation-reference", message, location, fix=fix, severity=Severity.ERROR)

    # ---- names in conditions and aliases

    def _boolean(self, condition: RuleCondition, ids: Mapping[str, str], rule: CorrelationRule) -> RuleCondition | None:
        names = {name: self._among(name, ids, rule) for name in names_of(condition)}
        location = rule.location_of("condition")
        listed = ", ".join(f"`{reference.text}`" for reference in rule.section.rules)
        for name in (name for name, rule_id in names.items() if rule_id is None):
            self._error(f"the condition names `{name}`, which is not in `rules`", location, f"name one of {listed}")
        resolved = {name: rule_id for name, rule_id in names.items() if rule_id is not None}
        if len(resolved) < len(names):
            return None
        for reference in rule.section.rules:
            if ids[reference.text] not in resolved.values():
                message = f"the condition does not name `{reference.text}`, so that its hits take no part"
                self.collector.report("correlation-unused", message, reference.location, fix="name it, or remove it")
        return with_names(condition, resolved)

    def _among(self, name: str, ids: Mapping[str, str], rule: CorrelationRule) -> str | None:
        """Return the id of a name among the base rules, which may be written otherwise than in `rules`."""
        if name in ids or rule.converted:
            return ids.get(name)
        matches = {other.id for other in (*self._named(name, rule), *self._loosely_named(name, rule))}
        among = matches.intersection(ids.values())
        return among.pop() if len(among) == 1 else None

    def _aliases(self, rule: CorrelationRule, ids: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
        aliases: dict[str, Mapping[str, str]] = {}
        location = rule.location_of("aliases")
        for alias, fields in rule.section.aliases.items():
            resolved = {name: self._among(name, ids, rule) for name in fields}
            for name in (name for name, rule_id in resolved.items() if rule_id is None):
                message = f"the alias `{alias}` names `{name}`, which is not in `rules`"
                self.collector.report("correlation-unused", message, location, fix="write a name of `rules`")
            aliases[alias] = {rule_id: fields[name] for name, rule_id in resolved.items() if rule_id is not None}
            if alias not in (*rule.section.group_by, *rule.section.fields):
                message = f"neither `group-by` nor `field` uses the alias `{alias}`"
                self.collector.report("correlation-unused", message, location, fix="use it, or remove it")
        return aliases
