"""What every event must hold that a condition tree matches: texts, one of which stands in some field.

Clues are what the prefilter looks for; they are certain, and say nothing about events that lack them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log2

from watcher.match import regex_literals as factors
from watcher.match.matchers import MAX_NUMBER_LENGTH, fold
from watcher.model import And, ConditionNode, DetectionItem, Not, Or, SigmaNumber, SigmaRegex, SigmaString, SigmaValue

Literal = tuple[str, str]
"""A field (empty: anywhere in the event's data) and a folded text in one of its values."""


_WHOLE = re.compile(r"[+-]?[0-9]+")
_USUAL = 12  # what a text loses that stands in nearly every event
_ALWAYS = (
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
"""Texts that events are full of, and what is a part of them."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Pieces, at least one of which every matching event holds."""

    pieces: frozenset[Literal]


@dataclass(frozen=True, slots=True)
class Selectivity:
    """Guesses how rarely a clue is given: long texts that few rules look for are rare."""

    seen: Counter[str]

    def of(self, requirement: Requirement) -> float:
        """Weigh a clue: the commonest of its pieces decides."""
        return min(self._of(text) for _, text in requirement.pieces) - len(requirement.pieces) / 50

    def _of(self, text: str) -> float:
        return len(text) - 4 * log2(1 + self.seen[text]) - (_USUAL if text in _ALWAYS else 0)

    def best(self, requirements: Iterable[Requirement]) -> Requirement | None:
        """Give the rarest of some clues."""
        return max(requirements, key=self.of, default=None)


def selectivity(nodes: Iterable[ConditionNode]) -> Selectivity:
    """Count in how many condition trees each text stands."""
    seen: Counter[str] = Counter()
    for node in nodes:
        seen.update({text for _, text in _all_literals(node)})
    return Selectivity(seen)


def _all_literals(node: ConditionNode) -> Iterator[Literal]:
    match node:
        case And(of=branches) | Or(of=branches):
            for branch in branches:
                yield from _all_literals(branch)
        case Not(of=branch):
            yield from _all_literals(branch)
        case DetectionItem():
            yield from (
                literal
                for test in node.values
                for requirement in _of_test(node.field, test)
                for literal in requirement.pieces
            )


def requirements(node: ConditionNode, rare: Selectivity) -> tuple[Requirement, ...]:
    """Give clues, all of which every matching event gives."""
    match node:
        case And(of=branches):
            return tuple(requirement for branch in branches for requirement in requirements(branch, rare))
        case Or(of=branches):
            best = [rare.best(requirements(branch, rare)) for branch in branches]
            if not best or any(requirement is None for requirement in best):
                return ()
            return (
                Requirement(
                    frozenset(
                        literal for requirement in best if requirement is not None for literal in requirement.pieces
                    )
                ),
            )
        case DetectionItem():
            return tuple(_of_item(node, rare))
        case Not():
            return ()


def _of_item(item: DetectionItem, rare: Selectivity) -> Iterator[Requirement]:
    found = [_of_test(item.field, test) for test in item.values]
    if item.match_all:
        yield from (requirement for requirements in found for requirement in requirements)
    elif found and all(found):
        best = [rare.best(requirements) for requirements in found]
        yield Requirement(
            frozenset(literal for requirement in best if requirement is not None for literal in requirement.pieces)
        )


def _of_test(field: str | None, test: SigmaValue) -> tuple[Requirement, ...]:
    if isinstance(test, SigmaRegex):
        choices = (frozenset((field or "", fold(text)) for text in choice) for choice in factors.literal_choices(test))
        return tuple(map(Requirement, choices))
    literal = _literal(field, test)
    return () if literal is None else (Requirement(frozenset((literal,))),)


def _literal(field: str | None, test: SigmaValue) -> Literal | None:
    """Give the longest text that every value has which passes the test."""
    if isinstance(test, SigmaNumber):
        whole = canonical(str(test.value))
        return field or "", whole.lstrip("-")  # zeros may stand between the sign and the digits
    if not isinstance(test, SigmaString):
        return None
    literals = [fold(part) for part in test.parts if isinstance(part, str)]
    longest = max(literals, key=len, default="")
    return (field or "", longest) if longest else None


def codes(node: ConditionNode) -> frozenset[str] | None:
    """Give the event codes outside which the tree matches nothing, None where any will do."""
    match node:
        case And(of=branches):
            known = [found for branch in branches if (found := codes(branch)) is not None]
            return frozenset.intersection(*known) if known else None
        case Or(of=branches):
            every = [codes(branch) for branch in branches]
            if not every or any(found is None for found in every):
                return None
            return frozenset(code for found in every if found is not None for code in found)
        case DetectionItem(field="EventID", values=tests, match_all=False):
            pieces = [_whole(test) for test in tests]
            if not pieces or any(literal is None for literal in pieces):
                return None
            return frozenset(literal for literal in pieces if literal is not None)
    return None


def has_keywords(node: ConditionNode) -> bool:
    """Tell whether a tree searches for texts without saying in which field."""
    match node:
        case And(of=branches) | Or(of=branches):
            return any(map(has_keywords, branches))
        case Not(of=branch):
            return has_keywords(branch)
        case DetectionItem(field=field):
            return field is None


def _whole(test: SigmaValue) -> str | None:
    if isinstance(test, SigmaNumber):
        return canonical(str(test.value))
    if isinstance(test, SigmaString) and len(test.parts) == 1 and isinstance(test.parts[0], str):
        return canonical(fold(test.parts[0]))
    return None


def canonical(text: str) -> str:
    """Write a whole number as it is commonly written; leave any other text as it is."""
    short = text.removesuffix(".0")
    return str(int(short)) if len(short) <= MAX_NUMBER_LENGTH and _WHOLE.fullmatch(short) else fold(text)
