"""What every event must hold that a condition tree matches: texts, one of which stands in some field.

Clues are what the prefilter looks for; they are certain, and say nothing about events that lack them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log2

from watcher.match.value import fold
from watcher.model import All, AnyOf, Item, Node, Not, Number, Test, Text

Piece = tuple[str, str]
"""A field (empty: anywhere in the event's data) and a folded text in one of its values."""


@dataclass(frozen=True, slots=True)
class Clue:
    """Pieces, at least one of which every matching event holds."""

    pieces: frozenset[Piece]


@dataclass(frozen=True, slots=True)
class Rarity:
    """Guesses how rarely a clue is given: long texts that few rules look for are rare."""

    seen: Counter[str]

    def of(self, clue: Clue) -> float:
        """Weigh a clue: the commonest of its pieces decides."""
        return min(len(text) - 4 * log2(1 + self.seen[text]) for _, text in clue.pieces) - len(clue.pieces) / 50

    def best(self, clues: Iterable[Clue]) -> Clue | None:
        """Give the rarest of some clues."""
        return max(clues, key=self.of, default=None)


def rarity(nodes: Iterable[Node]) -> Rarity:
    """Count in how many condition trees each text stands."""
    seen: Counter[str] = Counter()
    for node in nodes:
        seen.update({text for _, text in _all_pieces(node)})
    return Rarity(seen)


def _all_pieces(node: Node) -> Iterator[Piece]:
    match node:
        case All(of=branches) | AnyOf(of=branches):
            for branch in branches:
                yield from _all_pieces(branch)
        case Not(of=branch):
            yield from _all_pieces(branch)
        case Item():
            for test in node.tests:
                piece = _piece(node.field, test)
                if piece is not None:
                    yield piece


def clues(node: Node, rare: Rarity) -> tuple[Clue, ...]:
    """Give clues, all of which every matching event gives."""
    match node:
        case All(of=branches):
            return tuple(clue for branch in branches for clue in clues(branch, rare))
        case AnyOf(of=branches):
            best = [rare.best(clues(branch, rare)) for branch in branches]
            if not best or any(clue is None for clue in best):
                return ()
            return (Clue(frozenset(piece for clue in best if clue is not None for piece in clue.pieces)),)
        case Item():
            return tuple(_of_item(node))
        case Not():
            return ()


def _of_item(item: Item) -> Iterator[Clue]:
    pieces = [_piece(item.field, test) for test in item.tests]
    if item.every:
        yield from (Clue(frozenset((piece,))) for piece in pieces if piece is not None)
    elif pieces and all(piece is not None for piece in pieces):
        yield Clue(frozenset(piece for piece in pieces if piece is not None))


def _piece(field: str | None, test: Test) -> Piece | None:
    """Give the longest text that every value has which passes the test."""
    if isinstance(test, Number):
        value = test.value
        return field or "", str(int(value) if isinstance(value, float) and value.is_integer() else value)
    if not isinstance(test, Text):
        return None
    literals = [fold(part) for part in test.parts if isinstance(part, str)]
    longest = max(literals, key=len, default="")
    return (field or "", longest) if longest else None


def codes(node: Node) -> frozenset[str] | None:
    """Give the event codes outside which the tree matches nothing, None where any will do."""
    match node:
        case All(of=branches):
            known = [found for branch in branches if (found := codes(branch)) is not None]
            return frozenset.intersection(*known) if known else None
        case AnyOf(of=branches):
            every = [codes(branch) for branch in branches]
            if not every or any(found is None for found in every):
                return None
            return frozenset(code for found in every if found is not None for code in found)
        case Item(field="EventID", tests=tests, every=False):
            pieces = [_whole(test) for test in tests]
            if not pieces or any(piece is None for piece in pieces):
                return None
            return frozenset(piece for piece in pieces if piece is not None)
    return None


def _whole(test: Test) -> str | None:
    if isinstance(test, Number):
        return str(test.value)
    if isinstance(test, Text) and len(test.parts) == 1 and isinstance(test.parts[0], str):
        return fold(test.parts[0])
    return None
