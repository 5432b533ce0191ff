"""The names of ATT&CK's tactics and techniques: a small table that ships with watcher, or one made from MITRE's data.

ATT&CK is a registered trademark of The MITRE Corporation; the table bears its copyright designation and licence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from watcher.errors import InputError
from watcher.model import Location

DOMAIN = "enterprise-attack"
SITE = "https://attack.mitre.org"
NOTICE = (
    "© 2026 The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE "
    "Corporation. MITRE hereby grants you a non-exclusive, royalty-free license to use ATT&CK® for research, "
    "development, and commercial purposes. Any copy you make for such purposes is authorized provided that you "
    "reproduce MITRE's copyright designation and this license in any such copy."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tactic:
    """Why an attacker does something."""

    id: str  # `TA0003`
    short: str  # `persistence`
    name: str
    retired: bool = False  # a former version's; rules may still name it

    @property
    def url(self) -> str:
        """Where MITRE describes it."""
        return f"{SITE}/tactics/{self.id}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """How an attacker does something."""

    id: str  # `T1505.004`
    name: str
    tactics: tuple[str, ...]  # their short names

    @property
    def parent(self) -> str | None:
        """The technique that this one is a part of."""
        return self.id.partition(".")[0] if "." in self.id else None

    @property
    def url(self) -> str:
        """Where MITRE describes it."""
        return f"{SITE}/techniques/{self.id.replace('.', '/')}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One version of the matrix."""

    version: str
    as_of: str  # the day of MITRE's release
    tactics: tuple[Tactic, ...]  # in the matrix' order
    techniques: Mapping[str, Technique]  # by id, in order
    retired: Mapping[str, Tactic] = field(default_factory=dict)  # by short name
    moved: Mapping[str, str] = field(default_factory=dict)  # former id → today's

    def tactic(self, short: str) -> Tactic | None:
        """Find a tactic by its short name, a former one too."""
        return next((one for one in self.tactics if one.short == short), self.retired.get(short))

    def technique(self, name: str) -> Technique | None:
        """Find a technique by its id, one that was given another id too."""
        return self.techniques.get(self.current(name))

    def current(self, name: str) -> str:
        """Give today's id of a technique."""
        return name if name in self.techniques else self.moved.get(name, name)

    def under(self, tactic: str) -> Iterator[tuple[Technique, tuple[Technique, ...]]]:
        """Give the techniques of a tactic by name, each with its parts."""
        parts: dict[str, list[Technique]] = {}
        for one in self.techniques.values():
            if one.parent and tactic in one.tactics:
                parts.setdefault(one.parent, []).append(one)
        whole = (one for one in self.techniques.values() if one.parent is None and tactic in one.tactics)
        for one in sorted(whole, key=lambda technique: technique.name.lower()):
            yield one, tuple(sorted(parts.get(one.id, ()), key=lambda part: part.id))


def shipped_table() -> Attack:
    """Read the table that ships with watcher."""
    return _table(json.loads(files(__package__).joinpath("attack.json").read_text(encoding="utf-8")))


def read_table(path: Path) -> Attack:
    """Read a table, or MITRE's STIX bundle itself; raises InputError where the file is neither."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return from_stix(document) if "objects" in document else _table(document)
    except OSError as fault:
        raise _wrong(path, f"cannot be read: {fault.strerror}") from fault
    except (ValueError, KeyError, TypeError, StopIteration) as fault:
        raise _wrong(path, "is neither a table of `watcher attack` nor MITRE's STIX bundle") from fault


def _wrong(path: Path, what: str) -> InputError:
    return InputError(
        f"the ATT&CK data {what}",
        location=Location(file=str(path), line=1),
        fix="take `enterprise-attack.json` of MITRE's repository attack-stix-data",
    )


def _table(document: Mapping[str, Any]) -> Attack:
    techniques = (
        Technique(id=name, name=told["name"], tactics=tuple(told["tactics"]))
        for name, told in document["techniques"].items()
    )
    return Attack(
        version=str(document["version"]),
        as_of=str(document["as_of"]),
        tactics=tuple(Tactic(**told) for told in document["tactics"]),
        techniques={one.id: one for one in techniques},
        retired={told["short"]: Tactic(**told, retired=True) for told in document["retired"]},
        moved=dict(document["moved"]),
    )


def write_table(attack: Attack) -> str:
    """Write a table as JSON, a line an entry, so that two versions can be compared."""
    tactics = [_line({"id": one.id, "short": one.short, "name": one.name}) for one in attack.tactics]
    retired = [_line({"id": one.id, "short": one.short, "name": one.name}) for one in attack.retired.values()]
    techniques = [
        f'"{one.id}": {_line({"name": one.name, "tactics": list(one.tactics)})}' for one in attack.techniques.values()
    ]
    moved = [f'"{old}": "{new}"' for old, new in sorted(attack.moved.items())]
    parts = (
        f'"notice": {_line(NOTICE)}',
        f'"domain": "{DOMAIN}"',
        f'"version": {_line(attack.version)}',
        f'"as_of": {_line(attack.as_of)}',
        f'"tactics": [\n{_lines(tactics)}\n]',
        f'"retired": [\n{_lines(retired)}\n]',
        f'"techniques": {{\n{_lines(techniques)}\n}}',
        f'"moved": {{\n{_lines(moved)}\n}}',
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(lines: list[str]) -> str:
    return ",\n".join(f"  {line}" for line in lines)


# --------------------------------------------------------------------------- MITRE's own data


_RETIRED = (Tactic(id="TA0005", short="defense-evasion", name="Defense Evasion", retired=True),)
"""Until version 18; version 19 made Stealth and Defense Impairment of it."""


def from_stix(bundle: Mapping[str, Any]) -> Attack:
    """Make a table out of MITRE's STIX bundle of the enterprise matrix."""
    of: dict[str, list[Mapping[str, Any]]] = {}
    for one in bundle["objects"]:
        of.setdefault(one["type"], []).append(one)
    release = of["x-mitre-collection"][0]
    tactics = {one["id"]: _tactic(one) for one in of["x-mitre-tactic"]}
    order = [name for matrix in of["x-mitre-matrix"] for name in matrix["tactic_refs"] if name in tactics]
    live = {one["id"]: _technique(one) for one in of["attack-pattern"] if _is_live(one)}
    ids = {one["id"]: _id(one) for one in of["attack-pattern"]}
    shorts = {one.short for one in tactics.values()}
    return Attack(
        version=str(release["x_mitre_version"]),
        as_of=str(release["modified"])[:10],
        tactics=tuple(tactics[name] for name in order),
        techniques={one.id: one for one in sorted(live.values(), key=lambda technique: technique.id)},
        retired={one.short: one for one in _RETIRED if one.short not in shorts},
        moved=dict(_moved(of.get("relationship", ()), ids, {one.id for one in live.values()})),
    )


def _moved(relationships: Any, ids: Mapping[str, str], live: set[str]) -> Iterator[tuple[str, str]]:
    """Follow who took whose place, over several versions too."""
    steps = {
        ids[one["source_ref"]]: ids[one["target_ref"]]
        for one in relationships
        if one.get("relationship_type") == "revoked-by" and {one["source_ref"], one["target_ref"]} <= ids.keys()
    }
    for old in sorted(steps):
        new, seen = steps[old], {old}
        while new not in live and new in steps and new not in seen:
            seen.add(new)
            new = steps[new]
        if new in live and old not in live:
            yield old, new


def _is_live(one: Mapping[str, Any]) -> bool:
    return not one.get("revoked") and not one.get("x_mitre_deprecated")


def _id(one: Mapping[str, Any]) -> str:
    return next(str(ref["external_id"]) for ref in one["external_references"] if ref["source_name"] == "mitre-attack")


def _tactic(one: Mapping[str, Any]) -> Tactic:
    return Tactic(id=_id(one), short=str(one["x_mitre_shortname"]), name=str(one["name"]))


def _technique(one: Mapping[str, Any]) -> Technique:
    phases = (phase for phase in one["kill_chain_phases"] if phase["kill_chain_name"] == "mitre-attack")
    return Technique(id=_id(one), name=str(one["name"]), tactics=tuple(str(phase["phase_name"]) for phase in phases))
