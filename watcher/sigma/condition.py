"""Parser for condition lines.

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
    """The condition line is invalid; the message says where, and what to write."""


def split_aggregation(condition: str) -> tuple[str, str | None]:
    """Split a condition into expression and aggregation: what follows a pipe, a comparison or `near`."""
    match = _AGGREGATION.search(condition)
    if match is None:
        return condition.strip(), None
    return condition[: match.start()].strip(), condition[match.start() :].lstrip("| ").strip()


def unquantified_patterns(condition: str) -> tuple[str, ...]:
    """Return the name patterns without `1 of` or `all of` before them; they mean `1 of`."""
    tokens = _tokens(condition)
    return tuple(
        token
        for previous, token in zip(("", *tokens), tokens, strict=False)
        if ("*" in token or "?" in token) and previous.lower() != "of"
    )


def selection_in_other_case(name: str, selections: Iterable[str]) -> str | None:
    """Return the only selection that equals a name when case is ignored, else None."""
    matches = [selection for selection in selections if selection.lower() == name.lower()]
    return matches[0] if len(matches) == 1 else None


def names_in_other_case(condition: str, selections: Mapping[str, ConditionNode]) -> tuple[tuple[str, str], ...]:
    """Return the names of a condition whose case differs from their selection, each with the selection's name."""
    words = dict.fromkeys(_tokens(condition))
    named = ((word, selection_in_other_case(word, selections)) for word in words if word not in selections)
    return tuple((word, meant) for word, meant in named if meant is not None and word.lower() not in _WORDS)


def parse_condition(condition: str, selections: Mapping[str, ConditionNode]) -> ConditionNode:
    """Parse a condition line over named selections; raises ConditionError."""
    return _ConditionParser(tokens=tuple(_tokens(condition)), selections=selections).parse()


def _tokens(condition: str) -> Sequence[str]:
    tokens = []
    for token in _TOKEN.finditer(condition):
        if token["other"]:
            raise ConditionError(f"`{token['other']}` is not allowed in a condition")
        tokens.append(token["bracket"] or token["word"])
    return tokens


@dataclass(slots=True)
class _ConditionParser:
    """A recursive descent parser over the tokens of one line."""

    tokens: tuple[str, ...]
    selections: Mapping[str, ConditionNode]
    position: int = field(default=0)

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
            return Not(self._not())
        return self._operand()

    def _operand(self) -> ConditionNode:
        word = self._next("a selection's name")
        if word == "(":
            node = self._or()
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
        # names that start with an underscore are matched only by patterns that start with one
        nodes = tuple(
            node
            for name, node in self.selections.items()
            if (pattern.lower() == "them" or fnmatchcase(name, pattern))
            and (pattern.startswith("_") or not name.startswith("_"))
        )
        if not nodes:
            raise ConditionError(f"`{quantifier} of {pattern}` matches no selection")
        if len(nodes) == 1:
            return nodes[0]
        return And(nodes) if quantifier == "all" else Or(nodes)
