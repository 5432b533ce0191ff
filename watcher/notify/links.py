"""Where a reader can go on: Discover, ATT&CK, and a rule's references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cache
from hashlib import sha256
from urllib.parse import quote, urlsplit

from watcher.attack.attack_table import Attack, Technique, shipped_table
from watcher.model import Hit
from watcher.notify.escaping import bounded_text
from watcher.settings import Settings
from watcher.timestamps import format_milliseconds

_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_TACTIC = re.compile(r"TA\d{4}")
_PLAIN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")
_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]", re.IGNORECASE)  # no file of Windows may have the name
_AROUND = timedelta(minutes=5)
_NEAR = timedelta(minutes=15)
_FAR = timedelta(hours=12)
_LONGEST_SEARCHED = 200  # characters of a host or user
_HOST_FIELDS = ("host.name", "winlog.computer_name")
_USER_FIELDS = ("user.name", "winlog.event_data.SubjectUserName", "winlog.event_data.TargetUserName")

# Source: ATT&CK for Enterprise v19, which split Defense Evasion into Stealth (it kept the number) and
# Defense Impairment; rules of either time are about.
_TACTICS = {
    "reconnaissance": "TA0043",
    "resource-development": "TA0042",
    "initial-access": "TA0001",
    "execution": "TA0002",
    "persistence": "TA0003",
    "privilege-escalation": "TA0004",
    "defense-evasion": "TA0005",
    "stealth": "TA0005",
    "defense-impairment": "TA0112",
    "credential-access": "TA0006",
    "discovery": "TA0007",
    "lateral-movement": "TA0008",
    "collection": "TA0009",
    "command-and-control": "TA0011",
    "exfiltration": "TA0010",
    "impact": "TA0040",
}


@dataclass(frozen=True, slots=True)
class MessageLink:
    """A text and where it leads; the URL is empty where it leads nowhere, or nowhere safe."""

    text: str
    url: str = ""
    name: str = ""  # the id or short name of a technique or tactic


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What settings say about messages: the addresses that they link to, and the time zone of their readers."""

    discover_url: str | None = None  # Kibana or Dashboards, e.g. `https://kibana.example/app/discover`
    data_view: str | None = None  # the id of the data view or index pattern that Discover opens
    catalogue_url: str | None = None  # the site of `watcher catalogue`
    time_zone: tzinfo | None = None  # None: UTC


def message_settings(settings: Settings) -> Links:
    """Return what settings say about messages."""
    return Links(
        discover_url=settings.discover_url,
        data_view=settings.data_view,
        catalogue_url=settings.catalogue_url,
        time_zone=settings.time_zone,
    )


def technique_link(name: str) -> MessageLink:
    """Link a technique, e.g. `T1505.004`, with its name."""
    match = _TECHNIQUE.fullmatch(name)
    technique = _attack().technique(name) if match else None
    shown = bounded_text(name, 40)
    url = f"https://attack.mitre.org/techniques/{name.replace('.', '/')}/" if match else ""
    return MessageLink(f"{shown} {_technique_name(technique)}" if technique else shown, url, shown)


def tactic_link(name: str) -> MessageLink:
    """Link a tactic by its name, e.g. `persistence`, or by its number, e.g. `ta0003`."""
    number = _TACTICS.get(name.lower(), name.upper())
    match = _TACTIC.fullmatch(number)
    tactic = _attack().tactic(name.lower())
    shown = bounded_text(name, 40)
    return MessageLink(
        tactic.name if tactic else shown, f"https://attack.mitre.org/tactics/{number}/" if match else "", shown
    )


@cache
def _attack() -> Attack:
    return shipped_table()


def _technique_name(technique: Technique) -> str:
    parent = _attack().techniques.get(technique.parent or "")
    return f"{parent.name}: {technique.name}" if parent else technique.name


def reference_link(text: str) -> MessageLink:
    """Link a rule's reference where it is a web address, and nothing else: no `javascript:`, no `file:`."""
    return MessageLink(bounded_text(text, 500), text if _is_web(text) else "")


def _is_web(text: str) -> bool:
    if len(text) > 2_000 or any(character.isspace() or not character.isprintable() for character in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def rule_page_name(rule_id: str) -> str:
    """Return the name of a rule's page in the catalogue, without the suffix."""
    is_plain = _PLAIN_ID.fullmatch(rule_id) and not _DEVICE.fullmatch(rule_id)
    return (rule_id if is_plain else sha256(rule_id.encode("utf-8", "replace")).hexdigest()[:32]).lower()


def message_links(links: Links, hit: Hit) -> tuple[MessageLink, ...]:
    """Return where the reader of a message goes on: the event, its host and user, the rule's page, its runbook."""
    summary = hit.summary
    candidates = (
        ("Open in Discover", discover_link(links, hit)),
        ("Host ± 15 min", _search(links, hit, _HOST_FIELDS, summary.host, _NEAR)),
        ("User ± 12 h", _search(links, hit, _USER_FIELDS, summary.user, _FAR)),
        ("Rule", _rule_page(links, hit)),
        ("Runbook", _runbook(hit)),
    )
    return tuple(MessageLink(text, url) for text, url in candidates if url)


def discover_link(links: Links, hit: Hit) -> str:
    """Link the event in Discover of Kibana or Dashboards; empty without its address."""
    return _discover(links, hit.time, f'_id: "{_escaped(hit.event_id)}"', _AROUND) if links.discover_url else ""


def _search(links: Links, hit: Hit, fields: tuple[str, ...], value: str, around: timedelta) -> str:
    """Link the events that have a value in one of some fields."""
    if not links.discover_url or not value or len(value) > _LONGEST_SEARCHED:
        return ""
    query = " or ".join(f'{field}: "{_escaped(value)}"' for field in fields)
    return _discover(links, hit.time, query, around)


def _discover(links: Links, time: datetime, kuery: str, around: timedelta) -> str:
    view = links.data_view
    query = f"(language:kuery,query:{_rison(kuery)})"
    span = f"(from:{_rison(format_milliseconds(time - around))},to:{_rison(format_milliseconds(time + around))})"
    base = str(links.discover_url).split("#")[0].rstrip("/")
    if "/data-explorer/" in base:  # Dashboards 2.10 and later keeps the query apart; it migrates the older form too
        app = f"&_a={_quoted(f'(metadata:(indexPattern:{_rison(view)},view:discover))')}" if view else ""
        return f"{base}#?_g={_quoted(f'(time:{span})')}{app}&_q={_quoted(f'(filters:!(),query:{query})')}"
    # Kibana reads `dataSource` from 8.15 on, older versions and Dashboards `index`
    source = f"dataSource:(dataViewId:{_rison(view)},type:dataView),index:{_rison(view)}," if view else ""
    return f"{base}#/?_g={_quoted(f'(time:{span})')}&_a={_quoted(f'({source}query:{query})')}"


def _rule_page(links: Links, hit: Hit) -> str:
    return f"{links.catalogue_url.rstrip('/')}/rules/{rule_page_name(hit.rule.id)}.html" if links.catalogue_url else ""


def _runbook(hit: Hit) -> str:
    runbook = str(hit.rule.custom.get("runbook") or "")
    return runbook if _is_web(runbook) else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _rison(text: str) -> str:
    return "'" + text.replace("!", "!!").replace("'", "!'") + "'"


def _quoted(state: str) -> str:
    # brackets and quotes too: mail programs end a link at them
    return quote(state, safe=":,", errors="replace")
