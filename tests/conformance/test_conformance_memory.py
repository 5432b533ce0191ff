"""Each case in memory: the rule is read, and each of its events is asked."""

from __future__ import annotations

import pytest
from case_files import Case, all_cases
from suite import faults_of

CASES = [
    case for case in all_cases() if case.mapping is None or (not case.mapping.adds_values and not case.known_fault)
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_product_agrees_with_the_case(case: Case) -> None:
    faults = faults_of(case)
    if case.known_fault is None:
        assert faults == [], case.why
    else:
        assert faults != [], f"a known fault is mended ({case.known_fault}); remove `known_fault`"
