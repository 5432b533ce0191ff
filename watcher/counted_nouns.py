"""Counts with their nouns, as people write them: `1 alert`, `2,000 alerts`."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun; the plural is that with an `s` where none is given."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
