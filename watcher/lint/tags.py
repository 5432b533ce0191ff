"""Tags: their namespaces and how each of them is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from watcher.lint.codes import found
from watcher.lint.written import Written
from watcher.model import Finding, Place

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


class Technique(Protocol):
    """How an attacker does something."""

    @property
    def tactics(self) -> Sequence[str]:
        """Their short names, e.g. `persistence`."""
        ...


class Matrix(Protocol):
    """A version of ATT&CK."""

    def technique(self, name: str) -> Technique | None:
        """Find a technique by its id, e.g. `T1505.004`."""
        ...

    def tactic(self, short: str) -> object | None:
        """Find a tactic by its short name, e.g. `persistence`."""
        ...


def lint(rule: Written, matrix: Matrix | None) -> Iterator[Finding]:
    """Look at every tag; those of ATT&CK are looked up where its matrix is at hand."""
    tags = [(text.strip(), place) for text, place in rule.scalars("tags")]
    for tag, place in tags:
        yield from _form(tag, place)
    counted = Counter(tag.lower() for tag, _ in tags)
    for tag, place in {tag.lower(): place for tag, place in tags}.items():
        if counted[tag] > 1:
            yield found("tag-twice", f"the tag `{tag}` stands {counted[tag]} times", place, "keep one")
    yield from _once(rule, [tag.lower() for tag, _ in tags])
    if matrix is not None:
        yield from _attack(tags, matrix)


def _form(tag: str, place: Place) -> Iterator[Finding]:
    namespace, dot, name = tag.partition(".")
    if not dot:
        return  # told on reading
    if not _FORM.fullmatch(tag):
        fix = "use small letters, digits, `-`, `_` and `.`"
        yield found("tag-form", f"the tag `{tag}` holds what no tag may", place, fix)
    elif namespace not in _PATTERNS:
        known = ", ".join(_PATTERNS)
        yield found("tag-namespace", f"`{namespace}` is no namespace of Sigma", place, f"Sigma knows {known}")
    elif not re.fullmatch(_PATTERNS[namespace][0], name):
        yield found(
            "tag-pattern",
            f"`{tag}` is not how a tag of `{namespace}` looks",
            place,
            f"write for example `{_PATTERNS[namespace][1]}`",
        )


def _once(rule: Written, tags: Sequence[str]) -> Iterator[Finding]:
    place = rule.key("tags")
    detection = [tag.partition(".")[2] for tag in tags if tag.startswith("detection.")]
    if len(set(detection)) > 1:
        yield found("tag-detection", "the rule has several tags of `detection`", place, "keep one")
    wanted = next((one for one in _FOLDERS if f"rules-{one}/" in rule.rule.place.file), None)
    if wanted is not None and wanted not in detection:
        fix = f"add `detection.{wanted}`"
        yield found("tag-detection", f"the rule lies among those for {wanted} and is not tagged so", place, fix)
    tlp = {tag.partition(".")[2] for tag in tags if tag.startswith("tlp.")}
    if len(tlp) > 1:
        yield found("tag-tlp", f"the rule is marked {' and '.join(sorted(tlp))}", place, "keep one")
    elif tlp - {"clear", "white"}:
        yield found("tag-tlp", f"the rule is marked `tlp.{tlp.pop()}`", place, "see whom it may be shared with")


def _attack(tags: Sequence[tuple[str, Place]], matrix: Matrix) -> Iterator[Finding]:
    named = {tag.lower().removeprefix("attack."): place for tag, place in tags if tag.lower().startswith("attack.")}
    tactics = {name.replace("_", "-") for name in named}
    for name, place in named.items():
        if re.fullmatch(r"t\d{4}(\.\d{3})?", name):
            technique = matrix.technique(name.upper())
            if technique is None:
                yield found(
                    "tag-attack",
                    f"ATT&CK has no technique {name.upper()}",
                    place,
                    "look it up: it may have got another id",
                )
            elif not tactics.intersection(technique.tactics):
                told = " or ".join(f"`attack.{one}`" for one in technique.tactics)
                yield found("tag-tactic-missing", f"the tactic of {name.upper()} is not tagged", place, f"add {told}")
        elif re.fullmatch(r"[a-z_-]+", name) and matrix.tactic(name.replace("_", "-")) is None:
            yield found(
                "tag-attack", f"ATT&CK has no tactic `{name}`", place, "write it as in ATT&CK, with `-` between words"
            )
