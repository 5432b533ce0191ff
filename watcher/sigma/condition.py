"""The condition line → condition tree.

Source: Sigma specification 2.1, "Condition": `not` binds tighter than `and`, `and` tighter than `or`;
`1 of`, `any of`, `all of` with a name pattern or `them`; words in any case.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from watcher.model import And, ConditionNode, Not, Or

_TOKEN = re.compile(r"\s*(?:(?P<bracket>[()])|(?P<word>[A-Za-z0-9_.*?-]+)|(?P<other>\S))")
_AGGREGATION = re.compile(r"[|<>]|\bnear\b", re.IGNORECASE)
_WORDS = ("and", "or", "not", "of", "them", "all", "any", "1")


class ConditionError(ValueError):
    """The condition line has no meaning; the sentence says where and what to write."""


def split_aggregation(condition: str) -> tuple[str, str | None]:
    """Part a condition from the aggregation that Sigma's old syntax puts behind a pipe, a comparison or `near`."""
    found = _AGGREGATION.search(condition)
    if found is None:
        return condition.strip(), None
    return condition[: found.start()].strip(), condition[found.start() :].lstrip("| ").strip()


def bare_patterns(condition: str) -> tuple[str, ...]:
    """Give the name patterns that stand without `1 of` or `all of`; they are read as `1 of`."""
    tokens = _tokens(condition)
    return tuple(
        token
        for before, token in zip(("", *tokens), tokens, strict=False)
        if ("*" in token or "?" in token) and before.lower() != "of"
    )


def in_other_case(name: str, selections: Iterable[str]) -> str | None:
    """Give the one selection that a name means but for its case, None where there is none or more than one."""
    alike = [one for one in selections if one.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def other_cases(condition: str, selections: Mapping[str, ConditionNode]) -> tuple[tuple[str, str], ...]:
    """Give the names of a condition that are written in another case than their selection, and how that is written."""
    words = dict.fromkeys(_tokens(condition))
    named = ((word, in_other_case(word, selections)) for word in words if word not in selections)
    return tuple((word, meant) for word, meant in named if meant is not None and word.lower() not in _WORDS)


def parse_condition(condition: str, selections: Mapping[str, ConditionNode]) -> ConditionNode:
    """Read a condition line over named selections; raises ConditionError."""
    return _ConditionParser(tokens=tuple(_tokens(condition)), selections=selections).read()


def _tokens(condition: str) -> Sequence[str]:
    found = []
    for token in _TOKEN.finditer(condition):
        if token["other"]:
            raise ConditionError(f"`{token['other']}` has no meaning in a condition")
        found.append(token["bracket"] or token["word"])
    return found


@dataclass(slots=True)
class _ConditionParser:
    """A recursive descent over the tokens of one line."""

    tokens: tuple[str, ...]
    selections: Mapping[str, ConditionNode]
    position: int = field(default=0)

    def read(self) -> ConditionNode:
        if not self.tokens:
            raise ConditionError("the condition is empty")
        node = self._or()
        if self.position < len(self.tokens):
            raise ConditionError(f"`{self.tokens[self.position]}` is left over after the end of the condition")
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
            return Not(self._not())
        return self._operand()

    def _operand(self) -> ConditionNode:
        word = self._next("a selection's name")
        if word == "(":
            node = self._or()
            if self._next("`)`") != ")":
                raise ConditionError("a bracket is not closed")
            return node
        if self._peek() == "of" and word.lower() in ("1", "any", "all"):
            self.position += 1
            return self._quantified(word.lower(), self._next("a name pattern or `them`"))
        if self._peek() == "of" and word not in self.selections:
            raise ConditionError(f"`{word} of` has no meaning; write `1 of`, `any of` or `all of`")
        return self._named(word)

    def _next(self, wanted: str) -> str:
        if self.position >= len(self.tokens):
            raise ConditionError(f"the condition ends where {wanted} should stand")
        self.position += 1
        return self.tokens[self.position - 1]

    def _named(self, name: str) -> ConditionNode:
        if name in self.selections:
            return self.selections[name]
        if name == ")" or name.lower() in _WORDS:
            raise ConditionError(f"`{name}` stands where a selection's name should stand")
        if "*" in name or "?" in name:
            return self._quantified("1", name)
        meant = in_other_case(name, self.selections)
        if meant is not None:
            return self.selections[meant]
        close = difflib.get_close_matches(name, self.selections, n=1)
        advice = f"; did you mean `{close[0]}`" if close else ""
        known = ", ".join(f"`{one}`" for one in self.selections) or "none"
        raise ConditionError(f"`{name}` is not defined in `detection` (there: {known}){advice}")

    def _quantified(self, quantifier: str, pattern: str) -> ConditionNode:
        # names that start with an underscore take part only where the pattern does too
        effective = tuple(
            node
            for name, node in self.selections.items()
            if (pattern.lower() == "them" or fnmatchcase(name, pattern))
            and (pattern.startswith("_") or not name.startswith("_"))
        )
        if not effective:
            raise ConditionError(f"`{quantifier} of {pattern}` names no selection")
        if len(effective) == 1:
            return effective[0]
        return And(effective) if quantifier == "all" else Or(effective)
