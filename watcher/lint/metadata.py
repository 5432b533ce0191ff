"""Lints of metadata: title, status, dates, references and the file name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import PurePath

from watcher.lint.finding_codes import make_finding
from watcher.lint.rule_source import MetadataSource
from watcher.model import Finding, LogSource, Rule
from watcher.model.correlation_rules import CorrelationRule
from watcher.sigma.metadata_reader import KNOWN_KEYS

_MAX_TITLE = 110
_MIN_DESCRIPTION = 16
_SMALL_WORDS = frozenset(
    "a an and as at but by for from in into new nor of off on or over out per than the through to up upon via vs with "
    "within without".split()
)
_TEST_PERIOD = timedelta(days=60)
_TESTED = ("stable", "test")
_RELATIONS = ("correlation", "derived", "merged", "obsolete", "obsoletes", "renamed", "similar")
_LINK = re.compile(r"https?://\S+")
_BRANCH = re.compile(r"https?://(?:www\.)?github\.com/[^/]+/[^/]+/(?:blob|tree)/(?![0-9a-f]{40}\b)([^/]+)/")
_FILE_NAME = re.compile(r"[a-z0-9_]{6,86}\.ya?ml")
_CORRELATION_KEYS = frozenset(("correlation", "generate", "watcher"))
_EMPTY_WORDS = frozenset(("none", "pentest", "penetration"))
_MISSPELLED: Mapping[str, str] = {
    "unkown": "Unknown",
    "unknow": "Unknown",
    "ligitimate": "Legitimate",
    "legitim": "Legitimate",
    "legitimeate": "Legitimate",
    "legimate": "Legitimate",
    "administative": "Administrative",
}
_PREFIXES: Mapping[str, str] = {  # file names of the Sigma project
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
_SYSTEMS: Mapping[str, str] = {"windows": "win_", "linux": "lnx_", "macos": "macos_"}
_SERVICES: Mapping[str, str] = {"powershell": "posh_", "powershell-classic": "posh_pc_", "sysmon": "sysmon_"}


def lint(rule: MetadataSource, today: date) -> Iterator[Finding]:
    """Yield the findings about everything but log source and detection."""
    yield from _title(rule)
    yield from _description(rule)
    yield from _status(rule, today)
    yield from _dates(rule)
    yield from _references(rule)
    yield from _false_positives(rule)
    yield from _keys(rule)
    yield from _file(rule)


def _title(rule: MetadataSource) -> Iterator[Finding]:
    location = rule.key("title")
    title = next((text for text, _ in rule.scalars("title")), rule.rule.title)  # a converted base rule has another
    if len(title) > _MAX_TITLE:
        message = f"the title has {len(title)} characters"
        yield make_finding(
            "title-length", message, location, f"use at most {_MAX_TITLE}, and move the rest to the description"
        )
    if title.startswith(("Detect ", "Detects ")):
        yield make_finding("title-start", "the title starts with `Detect`", location, "name what it detects")
    if title.endswith("."):
        yield make_finding("title-end", "the title ends with a full stop", location, "remove it")
    words = [word.strip("()[].,:;!?'\"") for word in title.split()]
    small = [word for word in words if word.isalpha() and word.islower() and word not in _SMALL_WORDS]
    if small:
        quoted = ", ".join(f"`{word}`" for word in small[:3])
        yield make_finding(
            "title-case",
            f"{quoted} of the title starts with a lower-case letter",
            location,
            "write titles in title case",
        )


def _description(rule: MetadataSource) -> Iterator[Finding]:
    text, location = rule.rule.description.strip(), rule.key("description")
    if not text:
        yield make_finding(
            "missing-description",
            "the rule has no description",
            location,
            "describe what it detects and why that matters",
        )
    elif len(text) < _MIN_DESCRIPTION:
        yield make_finding(
            "description-length",
            f"the description `{text}` is very short",
            location,
            "describe what it detects and why",
        )
    if _LINK.search(text):
        yield make_finding("description-link", "the description contains a link", location, "move it to `references`")
    if not rule.rule.author.strip():
        yield make_finding("missing-author", "the rule has no author", rule.key("author"), "name whom to ask about it")


def _status(rule: MetadataSource, today: date) -> Iterator[Finding]:
    status, location = rule.rule.status, rule.key("status")
    if status is None:
        yield make_finding(
            "missing-status", "the rule has no status", location, "write `status: experimental` for a new one"
        )
    elif status in ("deprecated", "unsupported"):
        yield make_finding(
            "status-not-watched", f"rules of status `{status}` are not run unless enabled in settings", location
        )
    created = rule.rule.date
    if status in _TESTED and created is not None and timedelta(0) <= today - created < _TEST_PERIOD:
        days = (today - created).days
        fix = "write `experimental` until it has run for a while"
        yield make_finding(
            "status-too-new", f"the rule is {days} days old and has the status `{status}`", location, fix
        )


def _dates(rule: MetadataSource) -> Iterator[Finding]:
    created, modified = rule.rule.date, rule.rule.modified
    if created is None and modified is None and rule.mapping.get("date") is None:
        yield make_finding("missing-date", "the rule has no date", rule.key("date"), "add `date: YYYY-MM-DD`")
    if modified is None:
        return
    location = rule.key("modified")
    if created is None:
        yield make_finding("modified-without-date", "the rule has `modified` but no `date`", location, "add `date`")
    elif modified < created:
        yield make_finding(
            "modified-before-date", f"the rule was modified before {created}, its date", location, "correct one of them"
        )
    elif modified == created:
        yield make_finding("modified-same-day", "`modified` is the day of `date`", location, "remove it")


def _references(rule: MetadataSource) -> Iterator[Finding]:
    seen: set[str] = set()
    for text, location in rule.scalars("references"):
        if text in seen:
            yield make_finding("duplicate-reference", f"the reference `{text}` appears twice", location, "remove one")
        seen.add(text)
        branch = _BRANCH.match(text)
        if branch is not None:
            fix = "use GitHub's permalink (key `y`), which names the commit"
            yield make_finding(
                "link-branch", f"the link names the branch `{branch[1]}`, whose contents change", location, fix
            )
        if "://attack.mitre.org/" in text:
            yield make_finding(
                "link-mitre", "the link points to ATT&CK", location, "write a tag such as `attack.t1059.001`"
            )


def _false_positives(rule: MetadataSource) -> Iterator[Finding]:
    for text, location in rule.scalars("falsepositives"):
        if text[:1].islower():
            yield make_finding(
                "falsepositive-capital",
                f"`{text}` starts with a lower-case letter",
                location,
                "start it with a capital letter",
            )
        for word in re.findall(r"\w+", text.lower()):
            if word in _EMPTY_WORDS:
                message = f"`{text}` does not describe a false positive"
                yield make_finding(
                    "falsepositive-word", message, location, "write `Unknown`, or describe benign activity that matches"
                )
            if word in _MISSPELLED:
                yield make_finding(
                    "falsepositive-typo", f"`{word}` is misspelled", location, f"write `{_MISSPELLED[word]}`"
                )


def _keys(rule: MetadataSource) -> Iterator[Finding]:
    if rule.mapping.get("fields") is not None:
        yield make_finding("fields-key", "`fields` is deprecated", rule.key("fields"), "remove it")
    reported = {finding.location for finding in rule.rule.findings if finding.code == "unknown-key"}
    known_keys = KNOWN_KEYS | _CORRELATION_KEYS if isinstance(rule.rule, CorrelationRule) else KNOWN_KEYS
    for entry in rule.mapping.entries:
        location = rule.at(entry.key_location)
        if not (isinstance(entry.key, str) and entry.key in known_keys) and location not in reported:
            yield make_finding(
                "custom-key", f"`{entry.key}` is not a Sigma key", location, "move custom keys to `custom`"
            )
    for related in rule.rule.related:
        if related.type not in _RELATIONS:
            fix = f"write one of {', '.join(_RELATIONS)}"
            yield make_finding("related-type", f"`{related.type}` is not a relation type", rule.key("related"), fix)


def _prefixes(source: LogSource) -> set[str]:
    """Return how names of Sigma's files start for a log source; empty where it has no scheme."""
    system = _SYSTEMS.get(source.product or "windows")
    if system is None:
        return set()
    if source.category:
        return {_PREFIXES[name].replace("win_", system) for name in source.category if name in _PREFIXES}
    return {_SERVICES.get(name, system) if system == "win_" else system for name in source.service}


def _file(rule: MetadataSource) -> Iterator[Finding]:
    name = PurePath(rule.rule.location.file).name
    if not _FILE_NAME.fullmatch(name) or "_" not in name:
        fix = "use a name such as `proc_creation_win_what_it_detects.yml`"
        yield make_finding(
            "file-name", f"`{name}` does not follow the naming scheme of Sigma's rules", rule.rule.location, fix
        )
    prefixes = _prefixes(rule.rule.logsource) if isinstance(rule.rule, Rule) else set()
    if prefixes and not name.startswith(tuple(prefixes)):
        expected = " or ".join(f"`{prefix}`" for prefix in sorted(prefixes))
        yield make_finding(
            "file-prefix", f"names of Sigma's rule files for this log source start with {expected}", rule.rule.location
        )
