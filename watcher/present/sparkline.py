"""Numbers as a row of small bars."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """Draw values as bars up to the highest; zero is a dot."""
    most = max(values, default=0)
    return "".join("·" if not value else _BARS[(value * len(_BARS) - 1) // most] for value in values)
