"""The finding codes, with severity and description; a code never changes its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watcher.lint.correlation_codes import CORRELATIONS
from watcher.lint.detection_codes import FIELDS, LOGIC, LOGSOURCE, MODIFIERS, VALUES
from watcher.lint.metadata_codes import ABOUT, TAGS
from watcher.lint.reader_codes import READING
from watcher.model import Finding, Location, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCode:
    """One kind of finding."""

    name: str
    severity: Severity  # the default; the readers report some as errors
    description: str  # one sentence
    validators: tuple[str, ...] = ()  # the pySigma validators with the same purpose
    topic: str


def _codes(topic: str, rows: Iterable[tuple[str, Severity, str, str]]) -> Iterable[FindingCode]:
    for name, severity, description, validators in rows:
        yield FindingCode(
            name=name, severity=severity, description=description, validators=tuple(validators.split()), topic=topic
        )


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO  # letters keep the table compact

_TOGETHER = (
    ("duplicate-title", _W, "Several rules have the same title, so alerts cannot be distinguished.", "duplicate_title"),
    ("duplicate-file", _I, "Several files have the same name.", "duplicate_filename"),
    ("same-logic", _W, "Two rules have the same logic, so every event is alerted twice.", ""),
    ("test-file", _E, "A rule test file cannot be read, or has no rule.", ""),
    ("group-by-field", _W, "A field of `group_by` is in no event of a rule's log source.", ""),
    ("clear-text", _W, "Credentials are sent without encryption to another machine.", ""),
    ("unverified-server", _W, "The certificate of a server is not verified.", ""),
    ("readable-secret", _W, "Every user of the machine can read the file of a secret.", ""),
    ("short-secret", _W, "A secret is too short to be filtered from the log, messages and errors.", ""),
    ("unused-selector", _W, "A selector of settings that no rule matches.", ""),
    ("unused-route", _W, "A route of settings whose labels no rule has.", ""),
    ("unused-inhibition", _W, "An inhibition of settings whose labels no rule has.", ""),
    ("unknown-label", _W, "A matcher of settings, or of a silence, names a label that no alert has.", ""),
    ("label-level", _W, "A matcher of settings names a level that Sigma does not have.", ""),
    ("unreachable-route", _W, "A route of settings that no alert reaches.", ""),
    ("calendar-over", _W, "A calendar of settings that never holds again.", ""),
    ("silence-unknown-rule", _W, "A silence or maintenance window means no alert of any rule.", ""),
    ("unused-allowance", _I, "An allowance of settings that no finding matches.", ""),
)

_LIVE = (
    ("inert", _W, "The rule cannot match on this cluster: neither an index nor sampled events have its fields.", ""),
    ("group-by-empty", _W, "Events have no field of `group_by`, so their hits become one alert for all computers.", ""),
    ("silent-logsource", _I, "No event of the log source exists.", ""),
    ("unindexed-field", _W, "A field is in events but not indexed.", ""),
    ("rebuilt-field", _I, "A field is rebuilt from values that Winlogbeat's modules split.", ""),
    ("lossy-field", _I, "Winlogbeat's modules destroy a value of a field.", ""),
    ("slow-rule", _W, "A rule took long to evaluate on one event.", ""),
    ("key-case", _W, "A key has another case than in the specification.", ""),
    ("other-case", _W, "A selection is named in another case than defined.", ""),
    ("computed-field", _W, "A field is computed by the cluster and in no event.", ""),
    ("cut-off-values", _I, "Long values are in events but not indexed.", ""),
    ("no-source", _W, "An index does not keep the complete `_source`.", ""),
    (
        "query-cost",
        _I,
        "The query is expensive: it compares all values of a field, or returns all events of the log source.",
        "",
    ),
)

TOPICS: Mapping[str, str] = {
    "reading": "Reading",
    "correlations": "Correlations",
    "logic": "Condition and selections",
    "logsource": "Log source",
    "fields": "Fields",
    "values": "Values",
    "modifiers": "Modifiers and regular expressions",
    "about": "Metadata",
    "tags": "Tags",
    "together": "Several rules, tests and settings",
    "live": "Cluster (`--live`)",
}
"""The headings of the page that documents the codes."""

CODES: Mapping[str, FindingCode] = {
    code.name: code
    for topic, rows in zip(
        TOPICS,
        (READING, CORRELATIONS, LOGIC, LOGSOURCE, FIELDS, VALUES, MODIFIERS, ABOUT, TAGS, _TOGETHER, _LIVE),
        strict=True,
    )
    for code in _codes(topic, rows)
}
"""Every code by its name."""


def make_finding(code: str, message: str, location: Location, fix: str = "") -> Finding:
    """Create a finding with the severity of its code."""
    return Finding(code=code, severity=CODES[code].severity, location=location, message=message, fix=fix)
