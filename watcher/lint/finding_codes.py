"""The finding codes, with severity and description; a code never changes its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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

_READING = (
    ("action", _W, "A rule is merged by `action`, which Sigma no longer supports, or the action is invalid.", ""),
    ("aggregation", _W, "The condition has an aggregation, so the rule is read but not run.", ""),
    ("bare-pattern", _W, "A name pattern has no `1 of` or `all of` before it.", ""),
    ("condition", _E, "The condition is invalid, e.g. it names an undefined selection.", "dangling_condition"),
    (
        "correlation",
        _W,
        "The document is a correlation rule, which is not run.",
        "sigmahq_correlation_rules_minimum sigmahq_correlation_group_by_existence sigmahq_correlation_filename_prefix",
    ),
    ("duplicate-id", _E, "Several rules have the same id, so none of them is run.", "identifier_uniqueness"),
    ("duplicate-key", _W, "Duplicate key; all occurrences are kept and combined with AND.", ""),
    ("empty-file", _W, "The file contains no rule.", ""),
    ("empty-folder", _W, "The folder contains no rule, or does not exist.", ""),
    ("empty-keyword", _W, "A keyword is empty.", ""),
    ("empty-list", _W, "A list of values is empty, which is read as `null`.", ""),
    ("empty-selection", _W, "A selection is empty.", ""),
    ("filter-keeps", _W, "A filter has no `not`, so rules match only events that the filter matches.", ""),
    ("filter-logsource", _W, "A filter names a rule with another log source, so it is not applied.", ""),
    ("filter-rules", _E, "A filter does not name its rules.", ""),
    ("filter-unknown-rule", _W, "A filter applies to no existing rule.", ""),
    ("filtered", _I, "A filter narrows the rule.", ""),
    ("invalid-date", _W, "A date is invalid.", ""),
    ("invalid-id", _W, "The id is not a UUID; it is used unchanged.", ""),
    ("logsource-list", _W, "A log source has a list where Sigma allows a single value.", ""),
    ("missing-condition", _E, "`detection` has no condition.", ""),
    ("missing-detection", _E, "The rule has no `detection`.", ""),
    (
        "missing-id",
        _I,
        "The rule has no id; the id derived from its path changes when the file moves.",
        "identifier_existence",
    ),
    ("missing-logsource", _W, "The rule has no log source, so every event is searched.", ""),
    ("missing-selection", _E, "`detection` has no selection.", ""),
    ("missing-title", _W, "The rule has no title.", ""),
    ("modifier", _E, "A modifier is unknown or does not fit its value.", ""),
    ("not-a-map", _E, "A mapping of keys and values is required.", ""),
    ("related", _W, "An entry of `related` has no id.", ""),
    ("tag-no-namespace", _W, "A tag has no namespace.", ""),
    ("tags-no-list", _W, "`tags` is a string; expected a list.", ""),
    ("unknown-key", _W, "A key is not a Sigma key, but similar to one.", "custom_attributes"),
    (
        "unknown-level",
        _W,
        "The level is missing or unknown; `medium` is used.",
        "sigmahq_level_existence",
    ),
    ("unknown-status", _W, "The status is unknown.", ""),
    ("unreadable", _E, "A file or folder cannot be read.", ""),
    ("wrong-type", _W, "A mapping is used where a string or a list of strings is expected.", ""),
    ("wrong-value", _E, "A mapping or a list is used where a value is expected.", ""),
    ("yaml-alias", _E, "A YAML alias refers to an undefined anchor, or to itself.", ""),
    ("yaml-character", _E, "A character is not allowed in a YAML file.", ""),
    ("yaml-indent", _E, "The indentation matches no line above it.", ""),
    ("yaml-number", _W, "YAML reads a value as another number than is written.", ""),
    ("yaml-quote", _E, "A value needs quotes, or a quote is not closed.", ""),
    ("yaml-size", _E, "The document is too large or too deep.", ""),
    ("yaml-syntax", _E, "The text is not valid YAML.", ""),
    ("yaml-tab", _W, "A tab is used where YAML requires spaces; it is read if unambiguous.", ""),
    ("yaml-tag", _E, "A YAML tag is not supported.", ""),
)

_LOGIC = (
    ("timeframe", _W, "`timeframe` has no effect in a rule for single events.", ""),
    ("unused-selection", _W, "No condition uses the selection.", "dangling_detection"),
    ("filter-not-negated", _W, "A selection named `filter…` is used without `not`.", ""),
    (
        "contradiction",
        _W,
        "Two values are required of one field at once, so the rule hardly ever matches.",
        "",
    ),
    (
        "all-of-them",
        _I,
        "`all of them` changes its meaning with every selection that is added.",
        "all_of_them_condition",
    ),
    (
        "them-single",
        _I,
        "`of them` matches a single selection.",
        "them_condition_with_single_detection sigmahq_ofthem_condition",
    ),
    ("pattern-single", _I, "A name pattern matches a single selection.", "sigmahq_ofselection_condition"),
    (
        "pattern-no-asterisk",
        _I,
        "`1 of` or `all of` is followed by a name without `*`.",
        "sigmahq_missing_asterisk_condition",
    ),
)

_LOGSOURCE = (
    (
        "unknown-logsource",
        _W,
        "The log source is unknown, so it does not narrow the events.",
        "sigmahq_logsource_unknown",
    ),
    ("no-channel", _I, "The log source names neither category nor service, so every event is searched.", ""),
    ("logsource-key", _W, "A key of the log source is unknown.", "fieldname_logsource"),
    ("event-outside-logsource", _W, "The rule requires an event id that its log source does not have.", ""),
    ("redundant-eventid", _I, "The log source already implies the event ids.", "sigmahq_category_event_id"),
    (
        "redundant-field",
        _I,
        "The log source already implies the channel or provider.",
        "sigmahq_category_windows_provider_name sigmahq_redundant_field",
    ),
    (
        "specific-logsource",
        _I,
        "The rule names Sysmon and an event id, where a category covers every provider.",
        "specific_instead_of_generic_logsource",
    ),
    (
        "sysmon-without-eventid",
        _W,
        "The rule names Sysmon without an event id, so every event of Sysmon is searched.",
        "sigmahq_sysmon_missing_eventid",
    ),
)

_FIELDS = (
    (
        "field-case",
        _W,
        "A field name has another case than in Windows, so it never matches.",
        "sigmahq_fieldname_cast",
    ),
    ("unknown-field", _I, "Events of the log source have no such field.", "sigmahq_invalid_fieldname"),
    ("field-space", _I, "A field name contains a space.", "sigmahq_space_field_name"),
    (
        "localised-name",
        _I,
        "An account name is that of one language of Windows.",
        "sigmahq_field_user",
    ),
    (
        "hash-form",
        _W,
        "A hash lacks its algorithm, or has the wrong length for it.",
        "sigmahq_invalid_hash_kv",
    ),
)

_VALUES = (
    (
        "control-character",
        _W,
        "A value contains a control character, often a backslash that YAML read as an escape sequence.",
        "control_character",
    ),
    ("double-wildcard", _I, "Two adjacent `*`.", "double_wildcard"),
    ("duplicate-value", _I, "A value appears twice in a list.", "sigmahq_field_duplicate_value"),
    ("covered-value", _I, "A value is covered by another value of its list.", ""),
    ("number-as-text", _I, "A number is in quotes.", "number_as_string"),
    (
        "wildcard-for-modifier",
        _I,
        "A wildcard is used where a modifier is equivalent.",
        "wildcards_instead_of_modifiers",
    ),
    ("redundant-wildcard", _I, "A wildcard is redundant with the modifier.", ""),
    ("escaped-wildcard", _I, "A wildcard is escaped, so it is literal.", "escaped_wildcard"),
    ("short-value", _I, "A single character, which nearly every value contains.", ""),
    (
        "program-without-backslash",
        _I,
        "A program name lacks the backslash before it, so longer names match too.",
        "",
    ),
    (
        "dash-without-windash",
        _I,
        "An option is matched with only one of the characters that Windows accepts as a dash.",
        "",
    ),
)

_MODIFIERS = (
    (
        "all-without-contains",
        _W,
        "`all` with exact values: a value cannot equal several values at once.",
        "invalid_modifier_combinations",
    ),
    ("all-single-value", _I, "`all` with a single value.", "sigmahq_invalid_all_modifier"),
    (
        "base64offset-without-contains",
        _W,
        "`base64offset` without `contains` compares part of a string with the entire value.",
        "invalid_modifier_combinations",
    ),
    ("modifier-twice", _W, "A modifier appears twice.", "invalid_modifier_combinations"),
    (
        "windash-all",
        _I,
        "`windash` with `all` is misinterpreted by tools that expand every dash.",
        "invalid_modifier_combinations",
    ),
    ("regex-for-modifier", _I, "A regular expression is equivalent to `contains`, `startswith` or `endswith`.", ""),
    (
        "regex-lookaround",
        _I,
        "An expression has lookaround, which search engines do not support; events are confirmed in memory.",
        "sigmahq_unsupported_regex_group_construct",
    ),
    (
        "slow-pattern",
        _W,
        "An expression needs backtracking, so an event on which it takes too long stays undecided.",
        "",
    ),
    ("regex-backtracking", _W, "An expression has nested repetitions, which take very long on some values.", ""),
)

_ABOUT = (
    ("missing-author", _I, "The rule has no author.", "sigmahq_author_existence"),
    ("missing-date", _I, "The rule has no date.", "sigmahq_date_existence"),
    ("missing-description", _I, "The rule has no description.", "sigmahq_description_existence"),
    ("missing-status", _I, "The rule has no status.", "sigmahq_status_existence"),
    ("status-not-watched", _I, "Rules of this status are not run unless enabled in settings.", "sigmahq_status"),
    (
        "status-too-new",
        _I,
        "Status is `stable` or `test`, but the rule is less than 60 days old.",
        "sigmahq_status_to_high",
    ),
    ("description-length", _I, "The description is very short.", "sigmahq_description_length"),
    (
        "description-link",
        _I,
        "The description contains a link, which belongs in `references`.",
        "sigmahq_link_in_description",
    ),
    ("title-length", _I, "The title is too long for a mail subject.", "sigmahq_title_length"),
    ("title-start", _I, "The title starts with `Detect`.", "sigmahq_title_start"),
    ("title-end", _I, "The title ends with a full stop.", "sigmahq_title_end"),
    ("title-case", _I, "A word of the title starts with a lower-case letter.", "sigmahq_title_case"),
    ("modified-before-date", _I, "The rule was modified before it was written.", "sigmahq_modified_date_order"),
    (
        "modified-without-date",
        _I,
        "The rule has `modified` but no `date`.",
        "sigmahq_modified_without_date",
    ),
    ("modified-same-day", _I, "`modified` equals `date`.", "sigmahq_redundant_modified"),
    ("fields-key", _I, "`fields` is deprecated.", "sigmahq_fields_existence"),
    ("custom-key", _I, "A key is not a Sigma key.", "sigmahq_unknown_field"),
    ("duplicate-reference", _I, "A reference appears twice.", "duplicate_references"),
    ("link-branch", _I, "A link to GitHub names a branch, whose contents change.", "sigmahq_github_link"),
    ("link-mitre", _I, "A link points to ATT&CK; tags are meant for that.", "sigmahq_mitre_link"),
    (
        "falsepositive-capital",
        _I,
        "A false positive starts with a lower-case letter.",
        "sigmahq_falsepositives_capital",
    ),
    (
        "falsepositive-word",
        _I,
        "`None` and `pentest` are not useful false positives.",
        "sigmahq_falsepositives_banned_word",
    ),
    ("falsepositive-typo", _I, "A word of a false positive is misspelled.", "sigmahq_falsepositives_typo_word"),
    (
        "file-name",
        _I,
        "The file name is not 10 to 90 lower-case letters, digits and `_`.",
        "filename_length sigmahq_filename_convention",
    ),
    (
        "file-prefix",
        _I,
        "The file name lacks the prefix of Sigma's rules for the log source.",
        "sigmahq_filename_prefix",
    ),
    ("related-type", _W, "A relation type is unknown.", ""),
)

_TAGS = (
    ("tag-form", _W, "A tag contains a character that is not allowed.", "tag_format"),
    ("tag-namespace", _I, "The namespace of a tag is unknown.", "namespace_tag"),
    (
        "tag-pattern",
        _W,
        "A tag does not have the form of its namespace.",
        "cvetag cartag stptag d3_fendtag detection_tag tlptag tlpv1_tag tlpv2_tag",
    ),
    ("tag-attack", _W, "ATT&CK has no such tactic or technique.", "attacktag"),
    (
        "tag-tactic-missing",
        _I,
        "A technique is tagged without any of its tactics.",
        "sigmahq_tags_techniques_without_tactics",
    ),
    ("tag-twice", _I, "A tag appears twice.", "duplicate_tag"),
    (
        "tag-detection",
        _I,
        "Several `detection` tags, or none that fits the rule's folder.",
        "sigmahq_tags_unique_detection sigmahq_tags_detection",
    ),
    (
        "tag-tlp",
        _I,
        "Several TLP levels, or one that restricts sharing.",
        "sigmahq_tags_unique_tlp sigmahq_tags_tlp",
    ),
)

_TOGETHER = (
    ("duplicate-title", _W, "Several rules have the same title, so alerts cannot be distinguished.", "duplicate_title"),
    ("duplicate-file", _I, "Several files have the same name.", "duplicate_filename"),
    ("same-logic", _W, "Two rules have the same logic, so every event is alerted twice.", ""),
    ("test-file", _E, "A rule test file cannot be read, or has no rule.", ""),
    ("unused-allowance", _I, "An allowance of settings that no finding matches.", ""),
)

_LIVE = (
    ("inert", _W, "The rule cannot match on this cluster: neither an index nor sampled events have its fields.", ""),
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
        (_READING, _LOGIC, _LOGSOURCE, _FIELDS, _VALUES, _MODIFIERS, _ABOUT, _TAGS, _TOGETHER, _LIVE),
        strict=True,
    )
    for code in _codes(topic, rows)
}
"""Every code by its name."""


def make_finding(code: str, message: str, location: Location, fix: str = "") -> Finding:
    """Create a finding with the severity of its code."""
    return Finding(code=code, severity=CODES[code].severity, location=location, message=message, fix=fix)
