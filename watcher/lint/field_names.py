"""Lints of field names and of values that their fields never have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from watcher.lint.finding_codes import make_finding
from watcher.lint.known_fields import fields_of, spellings_of
from watcher.lint.rule_source import RuleSource, SourceLine
from watcher.model import Finding, Location
from watcher.settings import Source
from watcher.taxonomy.field_locations import is_path
from watcher.taxonomy.logsources import events_of

_HASHES: Mapping[str, int] = {"MD5": 32, "SHA1": 40, "SHA256": 64, "IMPHASH": 32}
_HEX = re.compile(r"[0-9A-Fa-f]*")
_LOCALISED = re.compile(r"AUTHORI|AUTORI")


def lint(rule: RuleSource, source: Source) -> Iterator[Finding]:
    """Yield the findings about every field of the selections."""
    logsource_events = events_of(rule.rule.logsource, source.logsources)
    allowed, spellings = fields_of(logsource_events), spellings_of(logsource_events)
    checked: set[str] = set()
    for line in rule.lines:
        if line.field and line.field not in checked and not is_path(line.field) and line.field not in source.fields:
            checked.add(line.field)
            yield from field_name_findings(line.field, line.location, allowed, spellings)
        if line.field in ("Hashes", "Hash"):
            yield from _hashes(line)
        if "user" in line.field.lower() and len(line.values) == 1 and _LOCALISED.search(line.values[0].text):
            yield make_finding(
                "localised-name",
                f"`{line.values[0].text}` is the account's name in some languages of Windows",
                line.values[0].location,
                "match the parts `AUTHORI` and `AUTORI`, or the account's SID",
            )


def field_name_findings(
    field: str, location: Location, allowed: frozenset[str] | None, spellings: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield the findings about one field name.

    `allowed` are the fields of the log source, None where they are not known; `spellings` are by lower case.
    """
    spelled = spellings.get(field.lower())
    if spelled is not None and spelled != field and (allowed is None or field not in allowed):
        yield make_finding(
            "field-case",
            f"the field's name is `{spelled}` in Windows, and names are case-sensitive",
            location,
            f"write `{spelled}`",
        )
    elif allowed is not None and field not in allowed:
        near = get_close_matches(field, allowed, n=1)
        yield make_finding(
            "unknown-field",
            f"events of the log source have no field `{field}`",
            location,
            f"did you mean `{near[0]}`" if near else "remove it, or map it under `fields` of the source in settings",
        )
    if " " in field:
        yield make_finding(
            "field-space",
            f"the field name `{field}` contains a space",
            location,
            "write it without the space: both names are found",
        )


def _hashes(line: SourceLine) -> Iterator[Finding]:
    for node in line.values:
        if {"re", "exists"} & set(line.modifiers) or node.value is None:
            continue
        name, sign, digits = node.text.strip("*").partition("=")
        length = _HASHES.get(name.strip(",").upper())
        if not sign or length is None:
            message, fix = f"`{node.text}` has no hash algorithm", "add e.g. `SHA256=` before it"
        elif len(digits) != length or not _HEX.fullmatch(digits):
            message, fix = f"a hash of {name.upper()} has {length} hexadecimal digits", "copy it again"
        else:
            continue
        yield make_finding("hash-form", message, node.location, fix)
