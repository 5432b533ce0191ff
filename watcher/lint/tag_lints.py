"""Lints of tags: namespaces, form, and ATT&CK names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import MetadataSource
from watcher.model import Finding, Location

_FORM = re.compile(r"[a-z0-9_-]+\.[a-z0-9._-]+")
_PATTERNS: Mapping[str, tuple[str, str]] = {
    "attack": (r"t\d{4}(\.\d{3})?|(ta|ds|dc|g|s|m|c)\d{4}|[a-z]+([-_][a-z]+)*", "attack.t1059.001 or attack.execution"),
    "car": (r"(19|20)\d{2}-\d{2}-\d{3}", "car.2016-04-005"),
    "cve": (r"(19|20)\d{2}[-.]\d{4,}", "cve.2021-44228"),
    "d3fend": (r"d3[a-z]*-[a-z0-9]+(-[a-z0-9]+)*|d3f[-.]\w+|[a-z]+([-_][a-z]+)*", "d3fend.d3-psa"),
    "detection": (r"dfir|emerging-threats|threat-hunting", "detection.threat-hunting"),
    "stp": (r"[1-5][auk]?", "stp.4u"),
    "tlp": (r"red|amber|amber-strict|green|white|clear", "tlp.clear"),
}
_FOLDERS = ("dfir", "emerging-threats", "threat-hunting")


class AttackTechnique(Protocol):
    """A technique of ATT&CK."""

    @property
    def tactics(self) -> Sequence[str]:
        """The short names of its tactics, e.g. `persistence`."""
        ...


class AttackMatrix(Protocol):
    """A version of ATT&CK."""

    def technique(self, name: str) -> AttackTechnique | None:
        """Return a technique by its id, e.g. `T1505.004`."""
        ...

    def tactic(self, short: str) -> object | None:
        """Return a tactic by its short name, e.g. `persistence`."""
        ...


def lint(rule: MetadataSource, matrix: AttackMatrix | None) -> Iterator[Finding]:
    """Yield the findings about every tag; tags of ATT&CK are checked if a matrix is given."""
    tags = [(text.strip(), location) for text, location in rule.scalars("tags")]
    for tag, location in tags:
        yield from _form(tag, location)
    counted = Counter(tag.lower() for tag, _ in tags)
    for tag, location in {tag.lower(): location for tag, location in tags}.items():
        if counted[tag] > 1:
            yield make_finding("tag-twice", f"the tag `{tag}` appears {counted[tag]} times", location, "keep one")
    yield from _exclusive(rule, [tag.lower() for tag, _ in tags])
    if matrix is not None:
        yield from _attack(tags, matrix)


def _form(tag: str, location: Location) -> Iterator[Finding]:
    namespace, dot, name = tag.partition(".")
    if not dot:
        return  # reported by the reader
    if not _FORM.fullmatch(tag):
        fix = "use lower-case letters, digits, `-`, `_` and `.`"
        yield make_finding("tag-form", f"the tag `{tag}` contains a character that is not allowed", location, fix)
    elif namespace not in _PATTERNS:
        namespaces = ", ".join(_PATTERNS)
        yield make_finding(
            "tag-namespace", f"`{namespace}` is not a tag namespace of Sigma", location, f"Sigma has {namespaces}"
        )
    elif not re.fullmatch(_PATTERNS[namespace][0], name):
        yield make_finding(
            "tag-pattern",
            f"`{tag}` is not a valid tag of `{namespace}`",
            location,
            f"write e.g. `{_PATTERNS[namespace][1]}`",
        )


def _exclusive(rule: MetadataSource, tags: Sequence[str]) -> Iterator[Finding]:
    location = rule.key("tags")
    detection = [tag.partition(".")[2] for tag in tags if tag.startswith("detection.")]
    if len(set(detection)) > 1:
        yield make_finding("tag-detection", "the rule has several tags of `detection`", location, "keep one")
    expected = next((name for name in _FOLDERS if f"rules-{name}/" in rule.rule.location.file), None)
    if expected is not None and expected not in detection:
        fix = f"add `detection.{expected}`"
        yield make_finding(
            "tag-detection", f"the rule is in the folder for {expected} and lacks the tag", location, fix
        )
    tlp = {tag.partition(".")[2] for tag in tags if tag.startswith("tlp.")}
    if len(tlp) > 1:
        yield make_finding("tag-tlp", f"the rule is marked {' and '.join(sorted(tlp))}", location, "keep one")
    elif tlp - {"clear", "white"}:
        yield make_finding(
            "tag-tlp", f"the rule is marked `tlp.{tlp.pop()}`", location, "check with whom the rule may be shared"
        )


def _attack(tags: Sequence[tuple[str, Location]], matrix: AttackMatrix) -> Iterator[Finding]:
    named = {
        tag.lower().removeprefix("attack."): location for tag, location in tags if tag.lower().startswith("attack.")
    }
    tactics = {name.replace("_", "-") for name in named}
    for name, location in named.items():
        if re.fullmatch(r"t\d{4}(\.\d{3})?", name):
            technique = matrix.technique(name.upper())
            if technique is None:
                yield make_finding(
                    "tag-attack",
                    f"ATT&CK has no technique {name.upper()}",
                    location,
                    "check whether its id has changed",
                )
            elif not tactics.intersection(technique.tactics):
                tags_to_add = " or ".join(f"`attack.{tactic}`" for tactic in technique.tactics)
                yield make_finding(
                    "tag-tactic-missing", f"the tactic of {name.upper()} is not tagged", location, f"add {tags_to_add}"
                )
        elif re.fullmatch(r"[a-z_-]+", name) and matrix.tactic(name.replace("_", "-")) is None:
            yield make_finding(
                "tag-attack",
                f"ATT&CK has no tactic `{name}`",
                location,
                "write it as in ATT&CK, with `-` between words",
            )
