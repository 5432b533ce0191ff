"""The engine and both references agree; the shorter one is short enough to be believed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from random import randrange

import pytest
from correlate.correlation_comparison import of_engine, rounded
from support import brute_force as truth
from support.correlation_reference import reference
from support.random_correlations import scenario

from watcher.correlate import correlate
from watcher.model.correlations import EXTENSION_TYPES

FIRST_SEED = 20_261_129
MOST_LINES, MOST_LINES_OF_BOOLEAN = 40, 20


def compare(seed: int) -> int:
    """Compare the engine and both references; return the number of matches."""
    case = scenario(seed)
    (correlation,) = case.correlations
    if correlation.type in EXTENSION_TYPES:  # they are not in Sigma, nor in its table
        return 0
    expected = truth.brute_force(correlation, case.base_hits, case.end)
    assert {tuple(match) for match in reference(correlation, case.base_hits, end=case.end).completed} == expected, seed
    engine = of_engine(correlate(case.correlations, case.base_hits, end=case.end).matches)
    numbers = (None if number is None else rounded(Fraction(number)) for *_, number in expected)
    assert engine == sorted(
        (correlation.rule_id, *match[:3], number) for match, number in zip(expected, numbers, strict=True)
    ), seed
    return len(expected)


def test_random_correlations_agree_with_the_brute_force() -> None:
    assert sum(compare(FIRST_SEED + number) for number in range(1_000)) > 1_000


@pytest.mark.slow
def test_many_random_correlations_agree_with_the_brute_force() -> None:
    first = randrange(10**12)  # noqa: S311 - a seed that failures name
    print(f"first seed: {first}")  # noqa: T201 - repeats the run
    assert sum(compare(first + number) for number in range(100_000)) > 100_000


def test_the_brute_force_is_short() -> None:
    text = Path(truth.__file__).read_text(encoding="utf-8")
    rules, boolean = text[text.index("\ndef ") :].split("# ---- boolean conditions")
    for part, most in ((rules, MOST_LINES), (boolean, MOST_LINES_OF_BOOLEAN)):
        assert (
            sum(bool(line.strip()) and not line.strip().startswith(("#", '"""')) for line in part.splitlines()) <= most
        )
