"""The plans of a source's rules, each made anew only when something that it rests on has changed."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.model import QueryPlan, Rule
from watcher.ports import FieldType, IndexMapping, Server
from watcher.settings import Source
from watcher.translate.plan import Translator, paths_of, rule_paths, translate_rule

_Ground = tuple[Server, tuple[str, ...], tuple[str, ...], int]
_Basis = tuple[_Ground, tuple[tuple[FieldType, ...], ...]]


class PlanCache:
    """Plans by rule: a mapping that grows by a field of one rule leaves all other plans as they are."""

    __slots__ = ("_paths", "_planned", "_plans", "paths", "rules", "source", "translator")

    def __init__(self, source: Source, rules: Sequence[Rule]) -> None:
        self.source = source
        self.rules = tuple(rules)
        self.paths = paths_of(self.rules, source)
        self.translator: Translator | None = None
        self._planned: Translator | None = None  # what the plans rest on
        self._paths = tuple(tuple(sorted(rule_paths(rule, source))) for rule in self.rules)
        self._plans: list[tuple[_Basis, QueryPlan] | None] = [None] * len(self.rules)

    def with_rules(self, rules: Sequence[Rule]) -> PlanCache:
        """Give the book of other rules; the plans of those that stay are taken over."""
        known = {rule.id: (rule, kept) for rule, kept in zip(self.rules, self._plans, strict=True)}
        book = PlanCache(self.source, rules)
        for number, rule in enumerate(book.rules):
            old, kept = known.get(rule.id, (None, None))
            book._plans[number] = kept if old == rule else None
        return book

    def plans(self, mapping: IndexMapping) -> tuple[QueryPlan, ...]:
        """Give a plan for each rule, in order, without what selectors set."""
        translator = self.on(mapping)
        if self._planned is not translator:
            self._planned = translator
            ground = (mapping.server, mapping.unindexed, mapping.without_source, mapping.max_clauses)
            for number, paths in enumerate(self._paths):
                self._renew(number, (ground, tuple(mapping.fields.get(path, ()) for path in paths)), translator)
        return tuple(kept[1] for kept in self._plans if kept is not None)

    def on(self, mapping: IndexMapping) -> Translator:
        """Give the translator for a mapping, the same for as long as the mapping is."""
        if self.translator is None or self.translator.mapping != mapping:
            self.translator = Translator(self.source, mapping)
        return self.translator

    def _renew(self, number: int, basis: _Basis, translator: Translator) -> None:
        kept = self._plans[number]
        if kept is None or kept[0] != basis:
            self._plans[number] = (basis, translate_rule(self.rules[number], translator))
