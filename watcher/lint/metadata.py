"""What describes a rule: title, status, dates, references and the name of its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import PurePath

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import RuleSource
from watcher.model import Finding
from watcher.sigma.rule_reader import KNOWN_KEYS

_LONGEST_TITLE = 110
_SHORTEST_DESCRIPTION = 16
_SMALL_WORDS = frozenset(
    "a an and as at but by for from in into new nor of off on or over out per than the through to up upon via vs with "
    "within without".split()
)
_TRIED_AFTER = timedelta(days=60)
_TRIED = ("stable", "test")
_RELATIONS = ("correlation", "derived", "merged", "obsolete", "obsoletes", "renamed", "similar")
_LINK = re.compile(r"https?://\S+")
_BRANCH = re.compile(r"https?://(?:www\.)?github\.com/[^/]+/[^/]+/(?:blob|tree)/(?![0-9a-f]{40}\b)([^/]+)/")
_FILE_NAME = re.compile(r"[a-z0-9_]{6,86}\.ya?ml")
_EMPTY_WORDS = frozenset(("none", "pentest", "penetration"))
_MISSPELT: Mapping[str, str] = {
    "unkown": "Unknown",
    "unknow": "Unknown",
    "ligitimate": "Legitimate",
    "legitim": "Legitimate",
    "legitimeate": "Legitimate",
    "legimate": "Legitimate",
    "administative": "Administrative",
}
_PREFIXES: Mapping[str, str] = {  # as the files of the Sigma project are called
    "create_remote_thread": "create_remote_thread_win_",
    "create_stream_hash": "create_stream_hash_",
    "dns_query": "dns_query_win_",
    "driver_load": "driver_load_win_",
    "file_access": "file_access_win_",
    "file_change": "file_change_win_",
    "file_delete": "file_delete_win_",
    "file_event": "file_event_win_",
    "file_executable_detected": "file_executable_detected_win_",
    "file_rename": "file_rename_win_",
    "image_load": "image_load_",
    "network_connection": "net_connection_win_",
    "pipe_created": "pipe_created_",
    "process_access": "proc_access_win_",
    "process_creation": "proc_creation_win_",
    "process_tampering": "proc_tampering_",
    "ps_classic_provider_start": "posh_pc_",
    "ps_classic_start": "posh_pc_",
    "ps_module": "posh_pm_",
    "ps_script": "posh_ps_",
    "raw_access_thread": "raw_access_thread_",
    "registry_add": "registry_add_",
    "registry_delete": "registry_delete_",
    "registry_event": "registry_event_",
    "registry_set": "registry_set_",
    "wmi_event": "sysmon_wmi_",
}
_SERVICES: Mapping[str, str] = {"powershell": "posh_", "powershell-classic": "posh_pc_", "sysmon": "sysmon_"}


def lint(rule: RuleSource, today: date) -> Iterator[Finding]:
    """Look at everything but the detection."""
    yield from _title(rule)
    yield from _description(rule)
    yield from _status(rule, today)
    yield from _dates(rule)
    yield from _references(rule)
    yield from _false_positives(rule)
    yield from _keys(rule)
    yield from _file(rule)


def _title(rule: RuleSource) -> Iterator[Finding]:
    title, location = rule.rule.title, rule.key("title")
    if len(title) > _LONGEST_TITLE:
        message = f"the title has {len(title)} characters"
        yield make_finding(
            "title-length", message, location, f"say it in {_LONGEST_TITLE}; the rest belongs into the description"
        )
    if title.startswith(("Detect ", "Detects ")):
        yield make_finding("title-start", "the title says that the rule detects", location, "name what it detects")
    if title.endswith("."):
        yield make_finding("title-end", "the title ends with a full stop", location, "remove it")
    words = [word.strip("()[].,:;!?'\"") for word in title.split()]
    small = [word for word in words if word.isalpha() and word.islower() and word not in _SMALL_WORDS]
    if small:
        told = ", ".join(f"`{word}`" for word in small[:3])
        yield make_finding(
            "title-case", f"{told} of the title starts with a small letter", location, "write titles in title case"
        )


def _description(rule: RuleSource) -> Iterator[Finding]:
    text, location = rule.rule.description.strip(), rule.key("description")
    if not text:
        yield make_finding(
            "missing-description", "the rule has no description", location, "say what it finds and why that matters"
        )
    elif len(text) < _SHORTEST_DESCRIPTION:
        yield make_finding(
            "description-length", f"the description `{text}` says little", location, "say what it finds and why"
        )
    if _LINK.search(text):
        yield make_finding("description-link", "a link stands in the description", location, "move it to `references`")
    if not rule.rule.author.strip():
        yield make_finding("missing-author", "the rule has no author", rule.key("author"), "say who to ask about it")


def _status(rule: RuleSource, today: date) -> Iterator[Finding]:
    status, location = rule.rule.status, rule.key("status")
    if status is None:
        yield make_finding(
            "missing-status", "the rule has no status", location, "write `status: experimental` for a new one"
        )
    elif status in ("deprecated", "unsupported"):
        yield make_finding(
            "status-not-watched", f"rules of status `{status}` are not watched unless settings say so", location
        )
    written = rule.rule.date
    if status in _TRIED and written is not None and timedelta(0) <= today - written < _TRIED_AFTER:
        days = (today - written).days
        fix = "write `experimental` until it has run for a while"
        yield make_finding("status-too-new", f"the rule is {days} days old and called `{status}`", location, fix)


def _dates(rule: RuleSource) -> Iterator[Finding]:
    written, modified = rule.rule.date, rule.rule.modified
    if written is None and modified is None and rule.map.get("date") is None:
        yield make_finding(
            "missing-date", "the rule has no date", rule.key("date"), "say when it was written: YYYY-MM-DD"
        )
    if modified is None:
        return
    location = rule.key("modified")
    if written is None:
        yield make_finding("modified-without-date", "the rule says only when it was modified", location, "add `date`")
    elif modified < written:
        yield make_finding(
            "modified-before-date", f"the rule was modified before {written}, its date", location, "correct one of them"
        )
    elif modified == written:
        yield make_finding("modified-same-day", "`modified` is the day of `date`", location, "remove it")


def _references(rule: RuleSource) -> Iterator[Finding]:
    seen: set[str] = set()
    for text, location in rule.scalars("references"):
        if text in seen:
            yield make_finding("duplicate-reference", f"the reference `{text}` stands twice", location, "remove one")
        seen.add(text)
        branch = _BRANCH.match(text)
        if branch is not None:
            fix = "take the link that GitHub gives for `y`: it names the commit"
            yield make_finding(
                "link-branch", f"the link names the branch `{branch[1]}`, whose contents change", location, fix
            )
        if "://attack.mitre.org/" in text:
            yield make_finding(
                "link-mitre", "the link leads to ATT&CK", location, "write a tag such as `attack.t1059.001`"
            )


def _false_positives(rule: RuleSource) -> Iterator[Finding]:
    for text, location in rule.scalars("falsepositives"):
        if text[:1].islower():
            yield make_finding(
                "falsepositive-capital", f"`{text}` starts with a small letter", location, "write a capital one"
            )
        for word in re.findall(r"\w+", text.lower()):
            if word in _EMPTY_WORDS:
                message = f"`{text}` names no false positive"
                yield make_finding("falsepositive-word", message, location, "write `Unknown`, or what may look alike")
            if word in _MISSPELT:
                yield make_finding(
                    "falsepositive-typo", f"`{word}` is misspelt", location, f"write `{_MISSPELT[word]}`"
                )


def _keys(rule: RuleSource) -> Iterator[Finding]:
    if rule.map.get("fields") is not None:
        yield make_finding("fields-key", "`fields` is deprecated", rule.key("fields"), "remove it")
    said = {finding.location for finding in rule.rule.findings if finding.code == "unknown-key"}
    for entry in rule.map.entries:
        location = rule.at(entry.key_location)
        if not (isinstance(entry.key, str) and entry.key in KNOWN_KEYS) and location not in said:
            yield make_finding(
                "custom-key", f"`{entry.key}` is no key of Sigma", location, "put keys of your own under `custom`"
            )
    for one in rule.rule.related:
        if one.type not in _RELATIONS:
            fix = f"write one of {', '.join(_RELATIONS)}"
            yield make_finding("related-type", f"`{one.type}` is no kind of relation", rule.key("related"), fix)


def _file(rule: RuleSource) -> Iterator[Finding]:
    name = PurePath(rule.rule.location.file).name
    if not _FILE_NAME.fullmatch(name) or "_" not in name:
        fix = "call it like `proc_creation_win_what_it_finds.yml`"
        yield make_finding("file-name", f"`{name}` is not what Sigma's own rules are called", rule.rule.location, fix)
    prefixes = {_PREFIXES[one] for one in rule.rule.logsource.category if one in _PREFIXES}
    if not rule.rule.logsource.category and rule.rule.logsource.service:
        prefixes = {_SERVICES.get(one, "win_") for one in rule.rule.logsource.service}
    if prefixes and not name.startswith(tuple(prefixes)):
        wanted = " or ".join(f"`{one}`" for one in sorted(prefixes))
        yield make_finding(
            "file-prefix", f"files of Sigma's rules on this log source start with {wanted}", rule.rule.location
        )
