"""Names of ATT&CK that mean the same in different versions: a rule of any version matches either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from watcher.attack.attack_table import shipped_table

_NAMESPACE = "attack."
_TACTICS: Mapping[str, tuple[str, ...]] = {  # until version 18 a tactic of two
    "defense-evasion": ("stealth", "defense-impairment"),
    "stealth": ("defense-evasion",),
    "defense-impairment": ("defense-evasion",),
}


def tag_aliases(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags in lower case, with what other versions of ATT&CK call the same technique or tactic."""
    return tuple(dict.fromkeys(name for tag in tags for name in _names_of_tag(tag.lower())))


def technique_aliases(technique: str) -> tuple[str, ...]:
    """Return a technique's id, with its current or former ids: `T1685` and `T1562.001`."""
    name = technique.upper()
    moved = shipped_table().moved if name in _moving_ids() else {}
    current = (moved[name],) if name in moved else ()
    return (name, *current, *(former for former, target in moved.items() if target == name))


def tactic_aliases(tactic: str) -> tuple[str, ...]:
    """Return a tactic's name, with its successors or predecessor: `stealth` and `defense-evasion`."""
    name = tactic.lower().replace("_", "-")
    return (name, *_TACTICS.get(name, ()))


@cache
def _names_of_tag(tag: str) -> tuple[str, ...]:
    if not tag.startswith(_NAMESPACE):
        return (tag,)
    name = tag.removeprefix(_NAMESPACE)
    is_technique = name[:1] == "t" and name[1:2].isdigit()
    aliases = technique_aliases(name) if is_technique else tactic_aliases(name)
    return tuple(dict.fromkeys((tag, *(f"{_NAMESPACE}{alias.lower()}" for alias in aliases))))


@cache
def _moving_ids() -> frozenset[str]:
    moved = shipped_table().moved
    return frozenset((*moved, *moved.values()))
