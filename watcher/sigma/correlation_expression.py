"""Boolean conditions of temporal correlations: `a and (b or not c)` over names or ids of base rules.

`not` binds tighter than `and`, `and` tighter than `or`, in any case. Names with other characters are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from watcher.model.correlations import AllOf, AnyOf, NoneOf, RuleCondition, RuleName
from watcher.sigma.condition_size import MAX_LEVELS, MAX_WORDS

_TOKEN = re.compile(
    r"""\s*(?:(?P<bracket>[()])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s()"']+)|(?P<other>\S))"""
)
_OPERATORS = ("and", "or", "not")
_QUANTIFIERS = ("of", "them")


class ExpressionError(ValueError):
    """A boolean condition is invalid; the message says where."""


def parse_expression(text: str) -> RuleCondition:
    """Parse a boolean condition; its names are as written. Raises ExpressionError."""
    tokens = _tokens(text)
    if not tokens:
        raise ExpressionError("the condition is empty")
    if len(tokens) > MAX_WORDS:
        raise ExpressionError(f"the condition has more than {MAX_WORDS} words")
    return _ExpressionParser(tokens=tokens).parse()


def names_of(condition: RuleCondition) -> tuple[str, ...]:
    """Return the names of a condition in their order, each once."""
    match condition:
        case RuleName(rule_id=name):
            return (name,)
        case NoneOf(part=part):
            return names_of(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return tuple(dict.fromkeys(name for part in parts for name in names_of(part)))


def holds(condition: RuleCondition, matched: Collection[str]) -> bool:
    """Whether a condition holds where the rules of some names, and no others, have hits."""
    match condition:
        case RuleName(rule_id=name):
            return name in matched
        case NoneOf(part=part):
            return not holds(part, matched)
        case AllOf(parts=parts):
            return all(holds(part, matched) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, matched) for part in parts)


def with_names(condition: RuleCondition, names: Mapping[str, str]) -> RuleCondition:
    """Return a condition with other names."""
    match condition:
        case RuleName(rule_id=name):
            return RuleName(names[name])
        case NoneOf(part=part):
            return NoneOf(with_names(part, names))
        case AllOf(parts=parts):
            return AllOf(tuple(with_names(part, names) for part in parts))
        case AnyOf(parts=parts):
            return AnyOf(tuple(with_names(part, names) for part in parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    text: str
    operator: str = ""  # a bracket, or `and`, `or`, `not` without quotes


def _tokens(text: str) -> tuple[_Token, ...]:
    tokens = []
    for match in _TOKEN.finditer(text):
        if match["other"]:
            raise ExpressionError("a quote is not closed")
        if match["bracket"]:
            tokens.append(_Token(text=match["bracket"], operator=match["bracket"]))
        elif match["word"] is not None:
            word = match["word"].lower()
            tokens.append(_Token(text=match["word"], operator=word if word in _OPERATORS else ""))
        else:
            tokens.append(_Token(text=match["double"] if match["double"] is not None else match["single"]))
    return tuple(tokens)


@dataclass(slots=True, kw_only=True)
class _ExpressionParser:
    """A recursive descent parser over the tokens of a condition."""

    tokens: tuple[_Token, ...]
    position: int = field(default=0)
    levels: int = field(default=0)  # of parentheses and `not` that are open

    def parse(self) -> RuleCondition:
        condition = self._or()
        if self.position < len(self.tokens):
            raise ExpressionError(self._unexpected(self.tokens[self.position].text))
        return condition

    def _or(self) -> RuleCondition:
        parts = self._joined("or", self._and)
        return parts[0] if len(parts) == 1 else AnyOf(parts)

    def _and(self) -> RuleCondition:
        parts = self._joined("and", self._not)
        return parts[0] if len(parts) == 1 else AllOf(parts)

    def _joined(self, operator: str, read: Callable[[], RuleCondition]) -> tuple[RuleCondition, ...]:
        parts = [read()]
        while self._peek() == operator:
            self.position += 1
            parts.append(read())
        return tuple(parts)

    def _not(self) -> RuleCondition:
        if self._peek() != "not":
            return self._operand()
        self.position += 1
        self._open()
        condition = NoneOf(self._not())
        self.levels -= 1
        return condition

    def _operand(self) -> RuleCondition:
        if self.position == len(self.tokens):
            raise ExpressionError("the condition ends where the name of a rule is expected")
        token = self.tokens[self.position]
        self.position += 1
        if token.operator == "(":
            self._open()
            condition = self._or()
            self.levels -= 1
            if self._peek() != ")":
                raise ExpressionError("a parenthesis is not closed")
            self.position += 1
            return condition
        if token.operator or not token.text:
            raise ExpressionError(f"`{token.text}` appears where the name of a rule is expected")
        return RuleName(token.text)

    def _open(self) -> None:
        self.levels += 1
        if self.levels > MAX_LEVELS:
            raise ExpressionError(f"the condition has more than {MAX_LEVELS} levels of parentheses and `not`")

    def _peek(self) -> str:
        return self.tokens[self.position].operator if self.position < len(self.tokens) else ""

    def _unexpected(self, word: str) -> str:
        if word.lower() in _QUANTIFIERS:
            return f"`{word}` is for selections of a rule; name each rule of the correlation"
        return f"`{word}` appears where `and` or `or` is expected"
