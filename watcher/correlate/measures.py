"""Running measures of a window: base hits enter and leave, the number is always ready."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import ceil
from typing import Any, Protocol

from watcher.correlate.comparisons import EXACT, all_hold, all_hold_of_average
from watcher.model.correlations import Correlation, CorrelationType, NumericComparison

_ROUNDED = Context(prec=28)


class Measure(Protocol):
    """A number over the counted values of a window."""

    def enter(self, counted: Iterable[Any]) -> None:
        """Add the counted values of a base hit."""

    def leave(self, counted: Iterable[Any]) -> None:
        """Remove the counted values of a base hit."""

    def number(self) -> Decimal:
        """Return the number; an average may be rounded."""

    def satisfies(self, comparisons: Iterable[NumericComparison]) -> bool:
        """Return whether the exact number satisfies all comparisons."""


class _ExactNumber:
    """A measure whose number has no endless digits."""

    def number(self) -> Decimal:
        """Return the number."""
        raise NotImplementedError

    def satisfies(self, comparisons: Iterable[NumericComparison]) -> bool:
        """Return whether the number satisfies all comparisons."""
        return all_hold(comparisons, self.number())


class DistinctValues(_ExactNumber):
    """The number of different values."""

    def __init__(self) -> None:
        self._values: Counter[Any] = Counter()

    def enter(self, counted: Iterable[Any]) -> None:
        """Add the counted values of a base hit."""
        self._values.update(counted)

    def leave(self, counted: Iterable[Any]) -> None:
        """Remove the counted values of a base hit."""
        for value in counted:
            self._values[value] -= 1
            if not self._values[value]:
                del self._values[value]

    def number(self) -> Decimal:
        """Return the number."""
        return Decimal(len(self._values))


class ValueSum(_ExactNumber):
    """The sum of the values."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.count = 0

    def enter(self, counted: Iterable[Any]) -> None:
        """Add the counted values of a base hit."""
        for value in counted:
            self.total = EXACT.add(self.total, value)
            self.count += 1

    def leave(self, counted: Iterable[Any]) -> None:
        """Remove the counted values of a base hit."""
        for value in counted:
            self.total = EXACT.subtract(self.total, value)
            self.count -= 1

    def number(self) -> Decimal:
        """Return the number."""
        return self.total


class Average(ValueSum):
    """The average of the values: compared exactly, shown with 28 digits."""

    def number(self) -> Decimal:
        """Return the average with 28 digits."""
        return _ROUNDED.divide(self.total, Decimal(self.count))

    def satisfies(self, comparisons: Iterable[NumericComparison]) -> bool:
        """Return whether the exact average satisfies all comparisons."""
        return all_hold_of_average(comparisons, self.total, self.count)


class Ranked(_ExactNumber):
    """A number at a rank of the sorted values."""

    def __init__(self, choose: Callable[[Sequence[Decimal]], Decimal]) -> None:
        self._sorted: list[Decimal] = []
        self._choose = choose

    def enter(self, counted: Iterable[Any]) -> None:
        """Add the counted values of a base hit."""
        for value in counted:
            insort(self._sorted, value)

    def leave(self, counted: Iterable[Any]) -> None:
        """Remove the counted values of a base hit."""
        for value in counted:
            del self._sorted[bisect_left(self._sorted, value)]

    def number(self) -> Decimal:
        """Return the number."""
        return self._choose(self._sorted)


def measure_of(correlation: Correlation) -> Measure:
    """Return an empty measure of a correlation that counts values."""
    match correlation.type:
        case CorrelationType.VALUE_SUM:
            return ValueSum()
        case CorrelationType.VALUE_AVG:
            return Average()
        case CorrelationType.VALUE_MEDIAN:
            return Ranked(_median)
        case CorrelationType.VALUE_PERCENTILE:
            return Ranked(_nearest_rank(correlation))
    return DistinctValues()


def _median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle value, or the mean of the two in the middle."""
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return low if low == high else EXACT.multiply(EXACT.add(low, high), Decimal("0.5"))


def _nearest_rank(correlation: Correlation) -> Callable[[Sequence[Decimal]], Decimal]:
    if correlation.percentile is None:
        raise ValueError(f"{correlation.rule_id}: `value_percentile` needs `percentile`")
    share = Fraction(correlation.percentile) / 100

    def choose(values: Sequence[Decimal]) -> Decimal:
        return values[max(ceil(share * len(values)), 1) - 1]

    return choose
