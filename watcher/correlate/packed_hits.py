"""Base hits as bytes: a process keeps millions of them."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from struct import Struct
from typing import overload

from watcher.correlate.counted_values import Groups, GroupValues, groups_of
from watcher.model.correlation_hits import BaseHit
from watcher.model.correlations import Correlation

PackedHit = bytes
"""The number of the rule, the time, and the rest of a base hit."""

_HEAD = Struct("<Iq")
_NUMBER_LENGTH = 4  # bytes of the number of the rule, at the start
_DIGEST = 32  # hexadecimal digits


class HitPacker:
    """Packs base hits for the states that share it; what repeats in them is kept once."""

    def __init__(self) -> None:
        self._names: list[str] = []  # of rules, indices and fields
        self._numbers: dict[str, int] = {}
        self._packed: dict[int, tuple[BaseHit, PackedHit]] = {}  # by the identity of the object
        self._groups: dict[tuple[int, tuple[str, ...]], tuple[BaseHit, Groups]] = {}
        self._shared: dict[GroupValues, GroupValues] = {}  # equal groups of base hits that are added together

    def pack(self, hit: BaseHit) -> PackedHit:
        """Return a base hit as bytes; states that add it together share them."""
        entry = self._packed.get(id(hit))
        if entry is None:
            entry = self._packed[id(hit)] = (hit, self._bytes(hit))  # the hit stays, and with it its identity
        return entry[1]

    def groups(self, correlation: Correlation, hit: BaseHit, fields: tuple[str, ...]) -> Groups:
        """Return the groups of a base hit; correlations that group by the same fields of its rule share them."""
        entry = self._groups.get((id(hit), fields))
        if entry is None:
            groups = groups_of(correlation, hit)
            shared = {self._shared.setdefault(key, key): spelling for key, spelling in groups.spellings.items()}
            entry = self._groups[id(hit), fields] = (hit, Groups(shared, groups.cut))
        return entry[1]

    def finish(self) -> None:
        """Forget which base hits were added together."""
        self._packed.clear()
        self._groups.clear()
        self._shared.clear()

    def unpack(self, packed: PackedHit) -> BaseHit:
        """Return the base hit of its bytes."""
        number, time = _HEAD.unpack_from(packed)
        hit_id, index, event_id, *values = marshal.loads(packed[_HEAD.size :])  # noqa: S302 - this process wrote it
        return BaseHit(
            rule_id=self._names[number],
            hit_id=hit_id.hex() if isinstance(hit_id, bytes) else hit_id,
            time=time,
            values={self._names[name]: texts for name, texts in zip(values[::2], values[1::2], strict=True)},
            index=self._names[index],
            event_id=event_id,
        )

    def rule_of(self, packed: PackedHit) -> str:
        """Return the id of the rule of a packed base hit."""
        number: int = _HEAD.unpack_from(packed)[0]
        return self._names[number]

    def _bytes(self, hit: BaseHit) -> PackedHit:
        values = [part for name, texts in hit.values.items() for part in (self._number(name), tuple(texts))]
        rest = (_short(hit.hit_id), self._number(hit.index), hit.event_id, *values)
        return _HEAD.pack(self._number(hit.rule_id), hit.time) + marshal.dumps(rest, 2)

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
        return number


class PackedHits(Sequence[BaseHit]):
    """A list of base hits that are packed."""

    __slots__ = ("_packer", "packed")

    def __init__(self, packer: HitPacker, packed: MutableSequence[PackedHit]) -> None:
        self._packer = packer
        self.packed = packed

    def __len__(self) -> int:
        return len(self.packed)

    @overload
    def __getitem__(self, index: int) -> BaseHit: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[BaseHit]: ...

    def __getitem__(self, index: int | slice) -> BaseHit | Sequence[BaseHit]:
        if isinstance(index, slice):
            return [self._packer.unpack(packed) for packed in self.packed[index]]
        return self._packer.unpack(self.packed[index])

    def __iter__(self) -> Iterator[BaseHit]:
        return map(self._packer.unpack, self.packed)


def time_of(packed: PackedHit) -> int:
    """Return the time of a packed base hit."""
    time: int = _HEAD.unpack_from(packed)[1]
    return time


def count_rules(packed: Iterable[PackedHit]) -> int:
    """Return of how many rules some packed base hits are."""
    return len({hit[:_NUMBER_LENGTH] for hit in packed})


def _short(hit_id: str) -> str | bytes:
    """Return a digest as bytes, and any other id as it is."""
    if len(hit_id) == _DIGEST:
        try:
            binary = bytes.fromhex(hit_id)
        except ValueError:
            return hit_id
        return binary if binary.hex() == hit_id else hit_id
    return hit_id
