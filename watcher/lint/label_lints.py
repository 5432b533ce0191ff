"""Lints of label matchers, wherever settings and silences have them: labels that no alert has, and unknown levels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from watcher.lint.finding_codes import make_finding
from watcher.model import Finding, Level, Location, RuleMetadata
from watcher.near_names import near_names
from watcher.routes import LabelMatcher, Labels
from watcher.routes.label_matchers import LEVEL, MatchOperator, quoted
from watcher.routes.labels import ALERT_LABELS, RULE_LABELS
from watcher.settings import Settings
from watcher.settings.effective import rule_settings

_TECHNIQUE = re.compile(r"(?i)\bt[0-9]{4}\b")
_ADVICE = "use a label of docs/routing.md, or a field of `group_by`"


def labels_of_alerts(rules: Iterable[RuleMetadata], settings: Settings) -> tuple[str, ...]:
    """Return the labels that alerts of some rules have: the fixed ones, and the fields of their group keys."""
    fields = dict.fromkeys(ALERT_LABELS)
    for rule in rules:
        fields.update(dict.fromkeys(rule_settings(rule, settings).group_by or ()))
    return tuple(fields)


def unknown_labels(labels: Iterable[str], existing: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each label that no alert has, with what to write instead."""
    for label in dict.fromkeys(labels):
        if label not in existing:
            near = near_names(label, existing)
            yield label, f"did you mean `{near[0]}`" if near else _ADVICE


def near_values(matchers: Iterable[LabelMatcher], labels: Sequence[Labels], otherwise: str) -> str:
    """Return which values of labels of rules were perhaps meant, where no rule has the given ones."""
    advice = []
    for matcher in matchers:
        if matcher.label not in RULE_LABELS or matcher.operator is not MatchOperator.EQUAL:
            continue
        existing = tuple(dict.fromkeys(value for own in labels for value in own.get(matcher.label, ())))
        folded = {value.casefold() for value in existing}
        for value in matcher.values:
            # the number of a technique that is close to another one means something else
            is_name = value.casefold() not in folded and not _TECHNIQUE.search(value)
            near = near_names(value, existing) if is_name else ()
            advice += [f"did you mean {matcher.label} {quoted(name)}" for name in near]
    return "; ".join(advice) or otherwise


def lint(
    subject: str, matchers: Iterable[LabelMatcher], existing: Sequence[str], location: Location
) -> Iterator[Finding]:
    """Yield the findings about the matchers of a subject, e.g. "the route `low`"."""
    matchers = tuple(matchers)
    for label, advice in unknown_labels((matcher.label for matcher in matchers), existing):
        yield make_finding("unknown-label", f"no alert has the label `{label}` of {subject}", location, advice)
    for matcher in matchers:
        if matcher.label != LEVEL or matcher.operator.is_pattern:
            continue
        for level in matcher.values:
            if level.lower() not in tuple(Level):
                advice = f"use {', '.join(f'`{each}`' for each in Level)}"
                yield make_finding("label-level", f"`{level}` of {subject} is no level", location, advice)
