"""The functions of `import watcher` that need no cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watcher.errors import InputError
from watcher.match.event_explanation import Explanation
from watcher.match.ruleset import Ruleset
from watcher.model import Event, Finding, QueryPlan, Rule
from watcher.ports import IndexMapping
from watcher.settings import Settings, Source
from watcher.translate.plan import Translator, paths_of
from watcher.translate.plan import translate_rule as plan_of_rule
from watcher.usecases.explain_event import explain_with_source
from watcher.usecases.loading import load_rules as read_rules
from watcher.usecases.match_events import MatchedEvent, compile_rules
from watcher.usecases.match_events import match_file as match_events_of_file
from watcher.usecases.written_mapping import read_written_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Rules that were read from files, compiled and ready to match events."""

    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]  # about files that are faulty, and rules that are odd
    _ruleset: Ruleset = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that match an event, a document as Winlogbeat ships it."""
        return self._ruleset.matching(event)


def load_rules(path: str | Path, *, source: Source | None = None) -> Rules:
    """Read the rules of a file or a folder.

    Faulty files are left out and reported in `findings`, and so are rules that count events. `source` gives field
    mappings and log sources of your own. Raises InputError where there is no such file or folder.
    """
    if not Path(path).exists():
        raise InputError(f"`{path}` does not exist", fix="name a rule file, or a folder of rules")
    loaded = read_rules(Settings(), (Path(path),))
    rules = tuple(rule for rule in loaded.rules if rule.aggregation is None)
    findings = (*loaded.findings, *(finding for rule in loaded.rules for finding in rule.findings))
    return Rules(rules=rules, findings=findings, _ruleset=compile_rules(rules, source or Source()))


def match_file(rules: Rules, path: str | Path) -> Iterator[MatchedEvent]:
    """Yield every event of a file that some rule matches, with the rules.

    The file holds JSON lines, JSON, either packed with gzip, or a Windows event log (EVTX). Raises InputError where
    the file, or an event of it, cannot be read.
    """
    for chunk in match_events_of_file(rules._ruleset, Path(path)):  # noqa: SLF001 - our own type
        for item in chunk.items:
            if isinstance(item, InputError):
                raise item
            if item.rules:
                yield item


def explain(rule: Rule, event: Event, *, source: Source | None = None) -> Explanation:
    """Return why a rule matches an event or not: the condition tree with the outcome of each part."""
    return explain_with_source(rule, event, source or Source())


def translate_rule(rule: Rule, mapping: Mapping[str, Any] | IndexMapping, *, source: Source | None = None) -> QueryPlan:
    """Return the query of a rule for a mapping.

    `mapping` is an index template, the `mappings` of an index, or what `App.read_mapping` returns. The query returns
    at least the events that the rule matches, and no others where `exact` is true.
    """
    chosen = source or Source()
    if not isinstance(mapping, IndexMapping):
        mapping = read_written_mapping(mapping, paths_of((rule,), chosen))
    return plan_of_rule(rule, Translator(chosen, mapping))
