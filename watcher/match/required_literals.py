"""The literals that every event contains which a condition tree matches: the prefilter searches for them.

An event without them is no match for certain; an event with them may be one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log2

from watcher.match.matchers import MAX_NUMBER_LENGTH, fold, fold_loosely
from watcher.match.regex_literals import literal_choices
from watcher.model import And, ConditionNode, DetectionItem, Not, Or, SigmaNumber, SigmaRegex, SigmaString, SigmaValue

Literal = tuple[str, str]
"""A field (empty: anywhere in the event's data) and a string in one of its values, folded as `fold_loosely` folds."""


_INTEGER = re.compile(r"[+-]?[0-9]+")
_COMMON_PENALTY = 12  # for a string that nearly every event contains
_COMMON = (
    r"c:\windows\system32\svchost.exe c:\windows\system32\cmd.exe c:\windows\system32\conhost.exe c:\windows\syswow64\ "
    r"c:\windows\system32\kernelbase.dll+ c:\windows\system32\ntdll.dll+ c:\windows\system32\lsass.exe \*\c$ \\*\ipc$ "
    r"c:\windows\system32\windowspowershell\v1.0\powershell.exe c:\program files\ c:\program files (x86)\ c:\users\ "
    r"c:\programdata\microsoft\windows\ \appdata\local\temp\ \appdata\roaming\microsoft\windows\ hkcu\software\ "
    r"hklm\system\currentcontrolset\services\ hklm\software\microsoft\windows\currentversion\ nt authority\system "
    "microsoft-windows-security-auditing microsoft-windows-sysmon security s-1-5-21- s-1-5-18 microsoft corporation "
    "microsoft® windows® operating system 0x3e7 0xffffffff 0x1000 0x1fffff 0x40 md5= sha1= sha256= imphash= "
    "-windowstyle -command /c -c -w -s -a system.management.automation class user process service file test net query "
    "for 127.0.0.1 0.0.0.0 .txt .zip .js .com .bat .ps1 .tmp tcp udp unknown true false "
)
"""Strings that events commonly contain; their parts are common too."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Literals, at least one of which every matching event contains."""

    literals: frozenset[Literal]


@dataclass(frozen=True, slots=True)
class EachRequired:
    """Parts, all of which every matching event meets; without parts every event meets it."""

    parts: tuple[LiteralTree, ...]


@dataclass(frozen=True, slots=True)
class OneRequired:
    """Parts, at least one of which every matching event meets."""

    parts: tuple[LiteralTree, ...]


LiteralTree = Requirement | EachRequired | OneRequired
_NOTHING = EachRequired(())


@dataclass(frozen=True, slots=True)
class Selectivity:
    """Estimates how rarely a requirement is met: long strings that few rules search are selective."""

    counts: Counter[str]  # literal → trees that contain it

    def of(self, requirement: Requirement) -> float:
        """Return the weight of a requirement: its most common literal decides."""
        return min(self._of(text) for _, text in requirement.literals) - len(requirement.literals) / 50

    def _of(self, text: str) -> float:
        return len(text) - 4 * log2(1 + self.counts[text]) - (_COMMON_PENALTY if text in _COMMON else 0)

    def best(self, requirements: Sequence[Requirement]) -> Requirement | None:
        """Return the requirement that is met most rarely."""
        if len(requirements) == 1:
            return requirements[0]
        return max(requirements, key=self.of, default=None)


def literal_tree(node: ConditionNode) -> LiteralTree:
    """Return what a condition tree requires of the literals in an event; a negated part requires nothing."""
    match node:
        case And(of=branches):
            return EachRequired(tuple(map(literal_tree, branches)))
        case Or(of=branches):
            return OneRequired(tuple(map(literal_tree, branches)))
        case DetectionItem(field=field, values=values, match_all=True):
            return EachRequired(tuple([_of_value(field, value) for value in values]))
        case DetectionItem(field=field, values=values):
            return _any_value(field, values)
        case Not():
            return _NOTHING


def selectivity(trees: Iterable[LiteralTree]) -> Selectivity:
    """Count in how many trees each literal occurs."""
    counts: Counter[str] = Counter()
    for tree in trees:
        counts.update({text for _, text in _all_literals(tree)})
    return Selectivity(counts)


def _all_literals(tree: LiteralTree) -> Iterator[Literal]:
    if isinstance(tree, Requirement):
        yield from tree.literals
        return
    for part in tree.parts:
        yield from _all_literals(part)


def requirements(tree: LiteralTree, literal_selectivity: Selectivity) -> tuple[Requirement, ...]:
    """Return requirements, all of which every matching event meets."""
    match tree:
        case Requirement():
            return (tree,)
        case EachRequired(parts=parts):
            return tuple([requirement for part in parts for requirement in requirements(part, literal_selectivity)])
        case OneRequired(parts=parts):
            literals: set[Literal] = set()
            for part in parts:
                best = literal_selectivity.best(requirements(part, literal_selectivity))
                if best is None:
                    return ()
                literals |= best.literals
            return (Requirement(frozenset(literals)),) if literals else ()


def _any_value(field: str | None, values: Sequence[SigmaValue]) -> LiteralTree:
    literals: list[Literal] = []
    for value in values:
        if isinstance(value, SigmaRegex):
            return OneRequired(tuple([_of_value(field, value) for value in values]))
        literal = _literal(field, value)
        if literal is None:
            return _NOTHING
        literals.append(literal)
    return Requirement(frozenset(literals)) if literals else _NOTHING


def _of_value(field: str | None, value: SigmaValue) -> LiteralTree:
    if isinstance(value, SigmaRegex):
        choices = [frozenset((field or "", fold_loosely(text)) for text in choice) for choice in literal_choices(value)]
        return EachRequired(tuple(map(Requirement, choices)))
    literal = _literal(field, value)
    return _NOTHING if literal is None else Requirement(frozenset((literal,)))


def _literal(field: str | None, value: SigmaValue) -> Literal | None:
    """Return the longest string that every matching value contains."""
    if isinstance(value, SigmaNumber):
        digits = canonical(str(value.value))
        return field or "", digits.lstrip("-")  # zeros may stand between the sign and the digits
    if not isinstance(value, SigmaString):
        return None
    longest = ""
    for part in value.parts:
        if isinstance(part, str) and len(part) > len(longest):
            longest = part
    folded = fold_loosely(longest)
    return (field or "", folded) if folded else None


def codes(node: ConditionNode) -> frozenset[str] | None:
    """Return the only event codes that a tree matches; None if it matches any."""
    match node:
        case And(of=branches):
            restricted = [of_branch for branch in branches if (of_branch := codes(branch)) is not None]
            return frozenset.intersection(*restricted) if restricted else None
        case Or(of=branches):
            by_branch = [codes(branch) for branch in branches]
            if not by_branch or any(of_branch is None for of_branch in by_branch):
                return None
            return frozenset(code for of_branch in by_branch if of_branch is not None for code in of_branch)
        case DetectionItem(field="EventID", values=values, match_all=False):
            exact = [_exact_value(value) for value in values]
            if not exact or any(code is None for code in exact):
                return None
            return frozenset(code for code in exact if code is not None)
    return None


def has_keywords(node: ConditionNode) -> bool:
    """Return whether a tree contains keywords, which are searched without a field."""
    match node:
        case And(of=branches) | Or(of=branches):
            return any(map(has_keywords, branches))
        case Not(of=branch):
            return has_keywords(branch)
        case DetectionItem(field=field):
            return field is None


def _exact_value(value: SigmaValue) -> str | None:
    if isinstance(value, SigmaNumber):
        return canonical(str(value.value))
    if isinstance(value, SigmaString) and len(value.parts) == 1 and isinstance(value.parts[0], str):
        return canonical(fold(value.parts[0]))
    return None


def canonical(text: str) -> str:
    """Return an integer in its shortest form, and any other string with its case folded."""
    short = text.removesuffix(".0")
    return str(int(short)) if len(short) <= MAX_NUMBER_LENGTH and _INTEGER.fullmatch(short) else fold(text)
