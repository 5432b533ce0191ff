"""Parser for condition lines.

Source: Sigma specification 2.1, "Condition": `not` binds tighter than `and`, `and` tighter than `or`;
`1 of`, `any of`, `all of` with a name pattern or `them`; words in any case.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from watcher.model import And, ConditionNode, Not, Or
from watcher.sigma.condition_size import MAX_LEVELS

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<word>[A-Za-z0-9_.*?-]+)|(?P<other>\S))")
_AGGREGATION = re.compile(r"[|<>]|\bnear\b", re.IGNORECASE)
_WORDS = ("and", "or", "not", "of", "them", "all", "any", "1")
_LONGEST_CACHED = 200  # characters: rules repeat their conditions, nearly half of them a single word


class ConditionError(ValueError):
    """The condition line is invalid; the message says where, and what to write."""


def split_aggregation(condition: str) -> tuple[str, str | None]:
    """Split a condition into expression and aggregation: what follows a pipe, a comparison or `near`."""
    match = _AGGREGATION.search(condition)
    if match is None:
        return condition.strip(), None
    return condition[: match.start()].strip(), condition[match.start() :].lstrip("| ").strip()


def unquantified_patterns(condition: str) -> tuple[str, ...]:
    """Return the name patterns without `1 of` or `all of` before them; they mean `1 of`."""
    return _words(condition).unquantified


def selection_in_other_case(name: str, selections: Iterable[str]) -> str | None:
    """Return the only selection that equals a name when case is ignored, else None."""
    matches = [selection for selection in selections if selection.lower() == name.lower()]
    return matches[0] if len(matches) == 1 else None


def count_words(condition: str) -> int:
    """Return the number of words and parentheses of a condition, valid or not."""
    return sum(1 for _ in _TOKEN.finditer(condition))


def names_in_other_case(condition: str, selections: Mapping[str, ConditionNode]) -> tuple[tuple[str, str], ...]:
    """Return the names of a condition whose case differs from their selection, each with the selection's name."""
    words = [word for word in _words(condition).names if word not in selections]
    named = [(word, selection_in_other_case(word, selections)) for word in words]
    return tuple([(word, meant) for word, meant in named if meant is not None])


def unmatched_patterns(condition: str, selections: Iterable[str]) -> tuple[str, ...]:
    """Return the quantified name patterns that match no selection."""
    names = tuple(selections)
    return tuple([pattern for pattern in _words(condition).quantified if not _fitting(names, pattern)])


def parse_condition(condition: str, selections: Mapping[str, ConditionNode]) -> ConditionNode:
    """Parse a condition line over named selections.

    A name pattern that matches no selection matches no event. Raises ConditionError, also where that alone decides
    what the condition matches.
    """
    parser = _ConditionParser(tokens=_words(condition).tokens, selections=selections)
    node = parser.parse()
    if not parser.unmatched:
        return node
    node = _without_constants(node)
    if node in (_NEVER, _ALWAYS):
        matched = "no event" if node == _NEVER else "every event"
        raise ConditionError(f"`{parser.unmatched[0]}` matches no selection, so that the condition matches {matched}")
    return node


_NEVER = Or(())
_ALWAYS = Not(_NEVER)


def _without_constants(node: ConditionNode) -> ConditionNode:
    """Return a tree without branches that match every or no event, or one of the constants."""
    match node:
        case Not(of=branch):
            inner = _without_constants(branch)
            return _NEVER if inner == _ALWAYS else Not(inner)
        case And(of=nodes):
            return _joined(nodes, And, neutral=_ALWAYS, deciding=_NEVER)
        case Or(of=nodes) if nodes:
            return _joined(nodes, Or, neutral=_NEVER, deciding=_ALWAYS)
        case _:
            return node


def _joined(
    nodes: Iterable[ConditionNode], join: type[And | Or], *, neutral: ConditionNode, deciding: ConditionNode
) -> ConditionNode:
    branches = tuple(branch for branch in map(_without_constants, nodes) if branch != neutral)
    if not branches:
        return neutral
    if deciding in branches:
        return deciding
    return branches[0] if len(branches) == 1 else join(branches)


def _fitting(names: Iterable[str], pattern: str) -> list[str]:
    """Return the names that a pattern or `them` means; an underscore at their start must be in the pattern."""
    if pattern.lower() != "them":
        start = pattern[:-1]
        if pattern.endswith("*") and "*" not in start and "?" not in start:  # nearly all patterns
            names = [name for name in names if name.startswith(start)]
        else:
            names = [name for name in names if fnmatchcase(name, pattern)]
    return [name for name in names if pattern.startswith("_") or not name.startswith("_")]


class _Words(NamedTuple):
    """The words of a condition, whatever selections it is about."""

    tokens: tuple[str, ...]  # words and parentheses
    names: tuple[str, ...]  # words that are no operators, each once
    quantified: tuple[str, ...]  # name patterns after `of`, each once
    unquantified: tuple[str, ...]  # other name patterns


def _words(condition: str) -> _Words:
    """Return the words of a condition; raises ConditionError at a character that no condition has."""
    return _cached_words(condition) if len(condition) <= _LONGEST_CACHED else _split(condition)


def _split(condition: str) -> _Words:
    tokens: list[str] = []
    for token in _TOKEN.finditer(condition):
        if token["other"]:
            raise ConditionError(f"`{token['other']}` is not allowed in a condition")
        tokens.append(token["bracket"] or token["word"])
    pairs = tuple(pairwise(("", *tokens)))
    return _Words(
        tokens=tuple(tokens),
        names=tuple(dict.fromkeys(word for word in tokens if word.lower() not in _WORDS)),
        quantified=tuple(dict.fromkeys(word for previous, word in pairs if previous.lower() == "of")),
        unquantified=tuple(
            word for previous, word in pairs if ("*" in word or "?" in word) and previous.lower() != "of"
        ),
    )


_cached_words = lru_cache(maxsize=1024)(_split)


@dataclass(slots=True)
class _ConditionParser:
    """A recursive descent parser over the tokens of one line."""

    tokens: tuple[str, ...]
    selections: Mapping[str, ConditionNode]
    position: int = field(default=0)
    levels: int = field(default=0)  # of parentheses and `not` that are open
    unmatched: list[str] = field(default_factory=list)  # name patterns that match no selection

    def parse(self) -> ConditionNode:
        if not self.tokens:
            raise ConditionError("the condition is empty")
        node = self._or()
        if self.position < len(self.tokens):
            raise ConditionError(f"`{self.tokens[self.position]}` follows the end of the condition")
        return node

    def _peek(self) -> str:
        return self.tokens[self.position].lower() if self.position < len(self.tokens) else ""

    def _or(self) -> ConditionNode:
        branches = [self._and()]
        while self._peek() == "or":
            self.position += 1
            branches.append(self._and())
        return branches[0] if len(branches) == 1 else Or(tuple(branches))

    def _and(self) -> ConditionNode:
        branches = [self._not()]
        while self._peek() == "and":
            self.position += 1
            branches.append(self._not())
        return branches[0] if len(branches) == 1 else And(tuple(branches))

    def _not(self) -> ConditionNode:
        if self._peek() == "not" and "not" not in self.selections:
            self.position += 1
            self._open()
            node = Not(self._not())
            self.levels -= 1
            return node
        return self._operand()

    def _open(self) -> None:
        self.levels += 1
        if self.levels > MAX_LEVELS:
            raise ConditionError(f"the condition has more than {MAX_LEVELS} levels of parentheses and `not`")

    def _operand(self) -> ConditionNode:
        word = self._next("a selection's name")
        if word == "(":
            self._open()
            node = self._or()
            self.levels -= 1
            if self._next("`)`") != ")":
                raise ConditionError("a parenthesis is not closed")
            return node
        if self._peek() == "of" and word.lower() in ("1", "any", "all"):
            self.position += 1
            return self._quantified(word.lower(), self._next("a name pattern or `them`"))
        if self._peek() == "of" and word not in self.selections:
            raise ConditionError(f"`{word} of` is not a quantifier; write `1 of`, `any of` or `all of`")
        return self._named(word)

    def _next(self, wanted: str) -> str:
        if self.position >= len(self.tokens):
            raise ConditionError(f"the condition ends where {wanted} is expected")
        self.position += 1
        return self.tokens[self.position - 1]

    def _named(self, name: str) -> ConditionNode:
        if name in self.selections:
            return self.selections[name]
        if name == ")" or name.lower() in _WORDS:
            raise ConditionError(f"`{name}` appears where a selection's name is expected")
        if "*" in name or "?" in name:
            return self._quantified("1", name)
        meant = selection_in_other_case(name, self.selections)
        if meant is not None:
            return self.selections[meant]
        close = difflib.get_close_matches(name, self.selections, n=1)
        advice = f"; did you mean `{close[0]}`" if close else ""
        defined = ", ".join(f"`{selection}`" for selection in self.selections) or "none"
        raise ConditionError(f"`{name}` is not defined in `detection` (defined: {defined}){advice}")

    def _quantified(self, quantifier: str, pattern: str) -> ConditionNode:
        nodes = tuple([self.selections[name] for name in _fitting(self.selections, pattern)])
        if not nodes:
            self.unmatched.append(pattern)
            return _NEVER
        if len(nodes) == 1:
            return nodes[0]
        return And(nodes) if quantifier == "all" else Or(nodes)
