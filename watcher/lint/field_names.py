"""Fields that no event has, and values that fields never hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from watcher.lint.finding_codes import make_finding
from watcher.lint.known_fields import fields_of, spellings_of
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.model import Finding
from watcher.settings import Source
from watcher.taxonomy.field_locations import is_path
from watcher.taxonomy.logsources import events_of

_HASHES: Mapping[str, int] = {"MD5": 32, "SHA1": 40, "SHA256": 64, "IMPHASH": 32}
_HEX = re.compile(r"[0-9A-Fa-f]*")
_LOCALISED = re.compile(r"AUTHORI|AUTORI")


def lint(rule: RuleSource, source: Source) -> Iterator[Finding]:
    """Look at every field of the selections."""
    where = events_of(rule.rule.logsource, source.logsources)
    known, spellings = fields_of(where), spellings_of(where)
    said: set[str] = set()
    for line in rule.lines:
        if line.field and line.field not in said and not is_path(line.field) and line.field not in source.fields:
            said.add(line.field)
            yield from _named(line, known, spellings)
        if line.field in ("Hashes", "Hash"):
            yield from _hashes(line)
        if "user" in line.field.lower() and len(line.values) == 1 and _LOCALISED.search(line.values[0].text):
            yield make_finding(
                "localised-name",
                f"`{line.values[0].text}` is how some languages of Windows call the account",
                line.values[0].location,
                "look for a part that all share, such as `AUTHORI` and `AUTORI`, or for the account's SID",
            )


def _named(line: SourceLine, known: frozenset[str] | None, spellings: Mapping[str, str]) -> Iterator[Finding]:
    spelled = spellings.get(line.field.lower())
    if spelled is not None and spelled != line.field and (known is None or line.field not in known):
        yield make_finding(
            "field-case",
            f"Windows writes the field `{spelled}`, and names are compared with their case",
            line.location,
            f"write `{spelled}`",
        )
    elif known is not None and line.field not in known:
        near = get_close_matches(line.field, known, n=1)
        yield make_finding(
            "unknown-field",
            f"events of the log source have no field `{line.field}`",
            line.location,
            f"did you mean `{near[0]}`" if near else "remove it, or map it under `fields` of the source in settings",
        )
    if " " in line.field:
        yield make_finding(
            "field-space",
            f"the name of the field `{line.field}` holds a space",
            line.location,
            "write it without: both are found",
        )


def _hashes(line: SourceLine) -> Iterator[Finding]:
    for node in line.values:
        if {"re", "exists"} & set(line.modifiers) or node.value is None:
            continue
        name, sign, digits = node.text.strip("*").partition("=")
        wanted = _HASHES.get(name.strip(",").upper())
        if not sign or wanted is None:
            message, fix = f"`{node.text}` names no kind of hash", "write for example `SHA256=` before it"
        elif len(digits) != wanted or not _HEX.fullmatch(digits):
            message, fix = f"a hash by {name.upper()} has {wanted} hexadecimal digits", "copy it again"
        else:
            continue
        yield make_finding("hash-form", message, node.location, fix)
