"""Where a reader can go on: Discover, ATT&CK, and a rule's references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlsplit

from watcher.model import Hit
from watcher.notify.escaping import bounded_text
from watcher.timestamps import format_milliseconds

_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_TACTIC = re.compile(r"TA\d{4}")
_AROUND = timedelta(minutes=5)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The addresses of settings that messages link to."""

    discover_url: str | None = None  # Kibana or Dashboards, e.g. `https://kibana.example/app/discover`


def technique_link(name: str) -> MessageLink:
    """Link a technique, e.g. `T1505.004`."""
    match = _TECHNIQUE.fullmatch(name)
    return MessageLink(
        bounded_text(name, 40), f"https://attack.mitre.org/techniques/{name.replace('.', '/')}/" if match else ""
    )


def tactic_link(name: str) -> MessageLink:
    """Link a tactic by its name, e.g. `persistence`, or by its number, e.g. `ta0003`."""
    number = _TACTICS.get(name.lower(), name.upper())
    match = _TACTIC.fullmatch(number)
    return MessageLink(bounded_text(name, 40), f"https://attack.mitre.org/tactics/{number}/" if match else "")


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


def discover_link(base_url: str | None, hit: Hit) -> str | None:
    """Link the event in Discover of Kibana or Dashboards; None without a base URL."""
    if not base_url:
        return None
    event_id = hit.event_id.replace("\\", "\\\\").replace('"', '\\"')
    kuery = f'_id: "{event_id}"'
    query = f"(language:kuery,query:{_rison(kuery)})"
    span = (
        f"(from:{_rison(format_milliseconds(hit.time - _AROUND))},to:{_rison(format_milliseconds(hit.time + _AROUND))})"
    )
    base = base_url.split("#")[0].rstrip("/")
    if "/data-explorer/" in base:  # Dashboards 2.10 and later keeps the query apart; it migrates the older form too
        return f"{base}#?_g={_quoted(f'(time:{span})')}&_q={_quoted(f'(filters:!(),query:{query})')}"
    return f"{base}#/?_g={_quoted(f'(time:{span})')}&_a={_quoted(f'(query:{query})')}"


def _rison(text: str) -> str:
    return "'" + text.replace("!", "!!").replace("'", "!'") + "'"


def _quoted(state: str) -> str:
    # brackets and quotes too: mail programs end a link at them
    return quote(state, safe=":,")
