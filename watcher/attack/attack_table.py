"""ATT&CK's tactics and techniques: the table shipped with watcher, or one built from MITRE's data.

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
    """A tactic of ATT&CK."""

    id: str  # `TA0003`
    short: str  # `persistence`
    name: str
    retired: bool = False  # of a former version; rules may still name it

    @property
    def url(self) -> str:
        """The address of its description at MITRE."""
        return f"{SITE}/tactics/{self.id}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """A technique of ATT&CK."""

    id: str  # `T1505.004`
    name: str
    tactics: tuple[str, ...]  # their short names

    @property
    def parent(self) -> str | None:
        """The id of the technique, for a sub-technique."""
        return self.id.partition(".")[0] if "." in self.id else None

    @property
    def url(self) -> str:
        """The address of its description at MITRE."""
        return f"{SITE}/techniques/{self.id.replace('.', '/')}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One version of the matrix."""

    version: str
    as_of: str  # the day of MITRE's release
    tactics: tuple[Tactic, ...]  # in the order of the matrix
    techniques: Mapping[str, Technique]  # by id, in order
    retired: Mapping[str, Tactic] = field(default_factory=dict)  # by short name
    moved: Mapping[str, str] = field(default_factory=dict)  # former id → current id

    def tactic(self, short: str) -> Tactic | None:
        """Return a tactic by its short name, including former ones."""
        return next((tactic for tactic in self.tactics if tactic.short == short), self.retired.get(short))

    def technique(self, name: str) -> Technique | None:
        """Return a technique by its current or former id."""
        return self.techniques.get(self.current(name))

    def current(self, name: str) -> str:
        """Return the current id of a technique."""
        return name if name in self.techniques else self.moved.get(name, name)

    def under(self, tactic: str) -> Iterator[tuple[Technique, tuple[Technique, ...]]]:
        """Yield the techniques of a tactic by name, each with its sub-techniques."""
        parts: dict[str, list[Technique]] = {}
        for technique in self.techniques.values():
            if technique.parent and tactic in technique.tactics:
                parts.setdefault(technique.parent, []).append(technique)
        top = (item for item in self.techniques.values() if item.parent is None and tactic in item.tactics)
        for technique in sorted(top, key=lambda item: item.name.lower()):
            yield technique, tuple(sorted(parts.get(technique.id, ()), key=lambda part: part.id))


def shipped_table() -> Attack:
    """Read the table shipped with watcher."""
    return _table(json.loads(files(__package__).joinpath("attack.json").read_text(encoding="utf-8")))


def read_table(path: Path) -> Attack:
    """Read a table, or MITRE's STIX bundle itself; raises InputError where the file is neither."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return from_stix(document) if "objects" in document else _table(document)
    except OSError as fault:
        raise _invalid(path, f"cannot be read: {fault.strerror}") from fault
    except (ValueError, KeyError, TypeError, StopIteration) as fault:
        raise _invalid(path, "is neither a table of `watcher attack` nor MITRE's STIX bundle") from fault


def _invalid(path: Path, problem: str) -> InputError:
    return InputError(
        f"the ATT&CK data {problem}",
        location=Location(file=str(path), line=1),
        fix="use `enterprise-attack.json` of MITRE's repository attack-stix-data",
    )


def _table(document: Mapping[str, Any]) -> Attack:
    techniques = (
        Technique(id=name, name=entry["name"], tactics=tuple(entry["tactics"]))
        for name, entry in document["techniques"].items()
    )
    return Attack(
        version=str(document["version"]),
        as_of=str(document["as_of"]),
        tactics=tuple(Tactic(**entry) for entry in document["tactics"]),
        techniques={technique.id: technique for technique in techniques},
        retired={entry["short"]: Tactic(**entry, retired=True) for entry in document["retired"]},
        moved=dict(document["moved"]),
    )


def write_table(attack: Attack) -> str:
    """Return a table as JSON, one line per entry, so that versions can be compared."""
    tactics = [_line({"id": tactic.id, "short": tactic.short, "name": tactic.name}) for tactic in attack.tactics]
    retired = [_line({"id": item.id, "short": item.short, "name": item.name}) for item in attack.retired.values()]
    techniques = [
        f'"{technique.id}": {_line({"name": technique.name, "tactics": list(technique.tactics)})}'
        for technique in attack.techniques.values()
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


# --------------------------------------------------------------------------- STIX


_RETIRED = (Tactic(id="TA0005", short="defense-evasion", name="Defense Evasion", retired=True),)
"""Until version 18; version 19 replaced it with Stealth and Defense Impairment."""


def from_stix(bundle: Mapping[str, Any]) -> Attack:
    """Build a table from MITRE's STIX bundle of the enterprise matrix."""
    of: dict[str, list[Mapping[str, Any]]] = {}
    for element in bundle["objects"]:
        of.setdefault(element["type"], []).append(element)
    release = of["x-mitre-collection"][0]
    tactics = {item["id"]: _tactic(item) for item in of["x-mitre-tactic"]}
    order = [name for matrix in of["x-mitre-matrix"] for name in matrix["tactic_refs"] if name in tactics]
    live = {item["id"]: _technique(item) for item in of["attack-pattern"] if _is_live(item)}
    ids = {item["id"]: _id(item) for item in of["attack-pattern"]}
    shorts = {tactic.short for tactic in tactics.values()}
    return Attack(
        version=str(release["x_mitre_version"]),
        as_of=str(release["modified"])[:10],
        tactics=tuple(tactics[name] for name in order),
        techniques={item.id: item for item in sorted(live.values(), key=lambda technique: technique.id)},
        retired={item.short: item for item in _RETIRED if item.short not in shorts},
        moved=dict(_moved(of.get("relationship", ()), ids, {item.id for item in live.values()})),
    )


def _moved(relationships: Any, ids: Mapping[str, str], live: set[str]) -> Iterator[tuple[str, str]]:
    """Yield former and current ids, also across several versions."""
    steps = {
        ids[relationship["source_ref"]]: ids[relationship["target_ref"]]
        for relationship in relationships
        if relationship.get("relationship_type") == "revoked-by"
        and {relationship["source_ref"], relationship["target_ref"]} <= ids.keys()
    }
    for old in sorted(steps):
        new, seen = steps[old], {old}
        while new not in live and new in steps and new not in seen:
            seen.add(new)
            new = steps[new]
        if new in live and old not in live:
            yield old, new


def _is_live(stix: Mapping[str, Any]) -> bool:
    return not stix.get("revoked") and not stix.get("x_mitre_deprecated")


def _id(stix: Mapping[str, Any]) -> str:
    return next(str(ref["external_id"]) for ref in stix["external_references"] if ref["source_name"] == "mitre-attack")


def _tactic(stix: Mapping[str, Any]) -> Tactic:
    return Tactic(id=_id(stix), short=str(stix["x_mitre_shortname"]), name=str(stix["name"]))


def _technique(stix: Mapping[str, Any]) -> Technique:
    phases = (phase for phase in stix["kill_chain_phases"] if phase["kill_chain_name"] == "mitre-attack")
    return Technique(id=_id(stix), name=str(stix["name"]), tactics=tuple(str(phase["phase_name"]) for phase in phases))
