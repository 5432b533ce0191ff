"""Names that are close to a misspelled one, for messages: "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 200  # characters that are compared: what is longer is no name
_MOST = 20_000  # names that are compared


def near_names(text: str, names: Iterable[str], most: int = 1) -> tuple[str, ...]:
    """Return the names that are closest to a text, compared without their case; none where no name is close."""
    by_folded: dict[str, str] = {}
    for name in names:
        by_folded.setdefault(name.casefold(), name)
        if len(by_folded) >= _MOST:
            break
    folded = text[:_LONGEST].casefold()
    return tuple(by_folded[name] for name in get_close_matches(folded, by_folded, n=most))


def near_name_fix(text: str, names: Iterable[str], otherwise: str) -> str:
    """Return the question whether the closest name was meant, or another advice where none is close."""
    near = near_names(text, names)
    return f"did you mean `{near[0]}`?" if near else otherwise
