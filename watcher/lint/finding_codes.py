"""Every code that a finding may have, how much it matters, and what it says: a code never changes its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watcher.model import Finding, Location, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCode:
    """One kind of finding."""

    name: str
    severity: Severity  # as a rule; reading a file knows some faults as errors that are else warnings
    about: str  # one sentence
    like: tuple[str, ...] = ()  # pySigma's validators that look for the same
    topic: str


def _codes(topic: str, rows: Iterable[tuple[str, Severity, str, str]]) -> Iterable[FindingCode]:
    for name, severity, about, like in rows:
        yield FindingCode(name=name, severity=severity, about=about, like=tuple(like.split()), topic=topic)


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO  # the table below reads best with letters

_READING = (
    ("action", _W, "A rule is put together by `action`, which Sigma no longer has; or its word has no meaning.", ""),
    ("aggregation", _W, "The condition counts events, so the rule is read but not run.", ""),
    ("bare-pattern", _W, "A pattern of names stands without `1 of` or `all of`.", ""),
    ("condition", _E, "The condition has no meaning, e.g. it names what is not there.", "dangling_condition"),
    (
        "correlation",
        _W,
        "The document is a correlation, which is not run.",
        "sigmahq_correlation_rules_minimum sigmahq_correlation_group_by_existence sigmahq_correlation_filename_prefix",
    ),
    ("duplicate-id", _E, "Two rules have one id, so none of them is run.", "identifier_uniqueness"),
    ("duplicate-key", _W, "A key stands twice in a map; every one of them holds.", ""),
    ("empty-file", _W, "The file holds no rule.", ""),
    ("empty-folder", _W, "The folder holds no rule, or does not exist.", ""),
    ("empty-keyword", _W, "A keyword is empty and says nothing.", ""),
    ("empty-list", _W, "A list of values is empty, which is read as `null`.", ""),
    ("empty-selection", _W, "A selection holds nothing.", ""),
    ("filter-keeps", _W, "A filter keeps what it names, where it should leave it out.", ""),
    ("filter-logsource", _W, "A filter names a rule of another log source, so it is not applied.", ""),
    ("filter-rules", _E, "A filter does not say which rules it narrows.", ""),
    ("filter-unknown-rule", _W, "A filter narrows no rule that is there.", ""),
    ("filtered", _I, "A filter narrows the rule.", ""),
    ("invalid-date", _W, "A date cannot be read.", ""),
    ("invalid-id", _W, "The id is no UUID; it is used as it stands.", ""),
    ("logsource-list", _W, "A log source holds a list where Sigma knows one value.", ""),
    ("missing-condition", _E, "`detection` has no condition.", ""),
    ("missing-detection", _E, "The rule has no `detection`.", ""),
    (
        "missing-id",
        _I,
        "The rule has no id; the one made from its path changes when the file moves.",
        "identifier_existence",
    ),
    ("missing-logsource", _W, "The rule has no log source, so every event is looked at.", ""),
    ("missing-selection", _E, "`detection` has no selection.", ""),
    ("missing-title", _W, "The rule has no title.", ""),
    ("modifier", _E, "A modifier does not exist or does not fit its value.", ""),
    ("not-a-map", _E, "Something is no map of keys and values where one is wanted.", ""),
    ("related", _W, "An entry of `related` has no id.", ""),
    ("tag-no-namespace", _W, "A tag has no namespace.", ""),
    ("tags-no-list", _W, "`tags` is a text and no list.", ""),
    ("unknown-key", _W, "A key is no key of Sigma, but nearly one.", "custom_attributes"),
    (
        "unknown-level",
        _W,
        "The level is missing or none of Sigma's; it is taken as `medium`.",
        "sigmahq_level_existence",
    ),
    ("unknown-status", _W, "The status is none of Sigma's.", ""),
    ("unreadable", _E, "A file or folder cannot be read.", ""),
    ("wrong-type", _W, "A map stands where a text or a list of texts is wanted.", ""),
    ("wrong-value", _E, "A map or list stands where a value is wanted.", ""),
    ("yaml-alias", _E, "An alias of YAML refers to nothing, or to itself.", ""),
    ("yaml-character", _E, "A character may not stand in a YAML file.", ""),
    ("yaml-indent", _E, "The indentation fits nothing above it.", ""),
    ("yaml-number", _W, "YAML makes another number of a value than is written.", ""),
    ("yaml-quote", _E, "A value needs quotes, or a quote is not closed.", ""),
    ("yaml-size", _E, "The document is too large or too deep.", ""),
    ("yaml-syntax", _E, "The text is no YAML.", ""),
    ("yaml-tab", _W, "A tab stands where YAML wants spaces; where it can mean only one thing it is read.", ""),
    ("yaml-tag", _E, "A tag of YAML has no meaning here.", ""),
)

_LOGIC = (
    ("timeframe", _W, "`timeframe` has no effect in a rule for single events.", ""),
    ("unused-selection", _W, "No condition uses the selection.", "dangling_detection"),
    ("filter-not-negated", _W, "A selection called a filter is used without `not`, so it keeps what it names.", ""),
    (
        "contradiction",
        _W,
        "Two conditions on one field cannot both hold for one value, so the rule hardly ever matches.",
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
        "`of them` speaks of a single selection.",
        "them_condition_with_single_detection sigmahq_ofthem_condition",
    ),
    ("pattern-single", _I, "A pattern of names fits a single selection.", "sigmahq_ofselection_condition"),
    (
        "pattern-no-asterisk",
        _I,
        "`1 of` or `all of` is followed by a name without `*`.",
        "sigmahq_missing_asterisk_condition",
    ),
)

_LOGSOURCE = (
    ("unknown-logsource", _W, "No table knows the log source, so it narrows nothing.", "sigmahq_logsource_unknown"),
    ("no-channel", _I, "The log source names neither category nor service, so every event is looked at.", ""),
    ("logsource-key", _W, "A key of the log source is none of Sigma's.", "fieldname_logsource"),
    ("event-outside-logsource", _W, "The rule asks for an event id that its log source does not have.", ""),
    ("redundant-eventid", _I, "The log source says already which event ids are meant.", "sigmahq_category_event_id"),
    (
        "redundant-field",
        _I,
        "The log source says already which channel or provider is meant.",
        "sigmahq_category_windows_provider_name sigmahq_redundant_field",
    ),
    (
        "specific-logsource",
        _I,
        "The rule names Sysmon and an event id where a category says the same for every program.",
        "specific_instead_of_generic_logsource",
    ),
    (
        "sysmon-without-eventid",
        _W,
        "The rule names Sysmon without an event id, so every event of Sysmon is looked at.",
        "sigmahq_sysmon_missing_eventid",
    ),
)

_FIELDS = (
    (
        "field-case",
        _W,
        "A field is written in another case than Windows writes it, so it is never found.",
        "sigmahq_fieldname_cast",
    ),
    ("unknown-field", _I, "Events of the log source have no such field.", "sigmahq_invalid_fieldname"),
    ("field-space", _I, "A field's name holds a space.", "sigmahq_space_field_name"),
    (
        "localised-name",
        _I,
        "The name of an account is written as one language of Windows has it.",
        "sigmahq_field_user",
    ),
    (
        "hash-form",
        _W,
        "A hash has no name before it, or not the length that its name wants.",
        "sigmahq_invalid_hash_kv",
    ),
)

_VALUES = (
    (
        "control-character",
        _W,
        "A value holds a control character, mostly a backslash that YAML read as an escape.",
        "control_character",
    ),
    ("double-wildcard", _I, "Two `*` follow each other.", "double_wildcard"),
    ("duplicate-value", _I, "A value stands twice in a list.", "sigmahq_field_duplicate_value"),
    ("covered-value", _I, "A value is covered by another one of its list.", ""),
    ("number-as-text", _I, "A number stands in quotes.", "number_as_string"),
    (
        "wildcard-for-modifier",
        _I,
        "A wildcard stands where a modifier says the same.",
        "wildcards_instead_of_modifiers",
    ),
    ("redundant-wildcard", _I, "A wildcard stands where the modifier says the same already.", ""),
    ("escaped-wildcard", _I, "A wildcard is escaped, so that it stands for itself.", "escaped_wildcard"),
    ("short-value", _I, "A single character is looked for anywhere, which nearly every value holds.", ""),
    (
        "program-without-backslash",
        _I,
        "A program is named without the backslash before it, so longer names match too.",
        "",
    ),
    (
        "dash-without-windash",
        _I,
        "An option is looked for with one of the characters that Windows takes for a dash.",
        "",
    ),
)

_MODIFIERS = (
    (
        "all-without-contains",
        _W,
        "`all` on whole values: one value cannot be several at once.",
        "invalid_modifier_combinations",
    ),
    ("all-single-value", _I, "`all` speaks of a single value.", "sigmahq_invalid_all_modifier"),
    (
        "base64offset-without-contains",
        _W,
        "`base64offset` without `contains` compares a part of a text with the whole of it.",
        "invalid_modifier_combinations",
    ),
    ("modifier-twice", _W, "A modifier stands twice.", "invalid_modifier_combinations"),
    (
        "windash-all",
        _I,
        "`windash` and `all` together are misread by tools that write out every dash.",
        "invalid_modifier_combinations",
    ),
    ("regex-for-modifier", _I, "A regular expression says what `contains`, `startswith` or `endswith` says.", ""),
    (
        "regex-lookaround",
        _I,
        "An expression looks around, which search engines cannot; the events are confirmed in memory.",
        "sigmahq_unsupported_regex_group_construct",
    ),
    (
        "slow-pattern",
        _W,
        "An expression needs backtracking, so an event on which it takes too long stays undecided.",
        "",
    ),
    ("regex-backtracking", _W, "An expression repeats a repetition, so that some texts take it very long.", ""),
)

_ABOUT = (
    ("missing-author", _I, "The rule has no author.", "sigmahq_author_existence"),
    ("missing-date", _I, "The rule has no date.", "sigmahq_date_existence"),
    ("missing-description", _I, "The rule has no description.", "sigmahq_description_existence"),
    ("missing-status", _I, "The rule has no status.", "sigmahq_status_existence"),
    ("status-not-watched", _I, "Rules of this status are not watched unless settings say so.", "sigmahq_status"),
    ("status-too-new", _I, "A rule this new is called tried already.", "sigmahq_status_to_high"),
    ("description-length", _I, "The description is very short.", "sigmahq_description_length"),
    (
        "description-link",
        _I,
        "A link stands in the description instead of in `references`.",
        "sigmahq_link_in_description",
    ),
    ("title-length", _I, "The title is long for a mail's subject.", "sigmahq_title_length"),
    ("title-start", _I, "The title starts with what every rule does: to detect.", "sigmahq_title_start"),
    ("title-end", _I, "The title ends with a full stop.", "sigmahq_title_end"),
    ("title-case", _I, "A word of the title starts with a small letter.", "sigmahq_title_case"),
    ("modified-before-date", _I, "The rule was modified before it was written.", "sigmahq_modified_date_order"),
    (
        "modified-without-date",
        _I,
        "The rule says when it was modified and not when it was written.",
        "sigmahq_modified_without_date",
    ),
    ("modified-same-day", _I, "`modified` says the same as `date`.", "sigmahq_redundant_modified"),
    ("fields-key", _I, "`fields` is deprecated.", "sigmahq_fields_existence"),
    ("custom-key", _I, "A key is none of Sigma's.", "sigmahq_unknown_field"),
    ("duplicate-reference", _I, "A reference stands twice.", "duplicate_references"),
    ("link-branch", _I, "A link to GitHub names a branch, whose contents change.", "sigmahq_github_link"),
    ("link-mitre", _I, "A link leads to ATT&CK, which is what tags are for.", "sigmahq_mitre_link"),
    ("falsepositive-capital", _I, "A false positive starts with a small letter.", "sigmahq_falsepositives_capital"),
    (
        "falsepositive-word",
        _I,
        "A false positive says nothing: no rule has none, and a test of intruders is none.",
        "sigmahq_falsepositives_banned_word",
    ),
    ("falsepositive-typo", _I, "A word of a false positive is misspelt.", "sigmahq_falsepositives_typo_word"),
    (
        "file-name",
        _I,
        "The file's name is not what Sigma's own rules are called: small letters, digits and `_`, 10 to 90 characters.",
        "filename_length sigmahq_filename_convention",
    ),
    (
        "file-prefix",
        _I,
        "The file's name does not start as Sigma's own rules of the log source do.",
        "sigmahq_filename_prefix",
    ),
    ("related-type", _W, "The kind of a relation is none of Sigma's.", ""),
)

_TAGS = (
    ("tag-form", _W, "A tag holds a character that none may have.", "tag_format"),
    ("tag-namespace", _I, "The namespace of a tag is none of Sigma's.", "namespace_tag"),
    (
        "tag-pattern",
        _W,
        "A tag is not written as its namespace wants it.",
        "cvetag cartag stptag d3_fendtag detection_tag tlptag tlpv1_tag tlpv2_tag",
    ),
    ("tag-attack", _W, "ATT&CK has no such tactic or technique.", "attacktag"),
    (
        "tag-tactic-missing",
        _I,
        "A technique is named and none of its tactics is.",
        "sigmahq_tags_techniques_without_tactics",
    ),
    ("tag-twice", _I, "A tag stands twice.", "duplicate_tag"),
    (
        "tag-detection",
        _I,
        "`detection` is tagged twice, or not as the rule's folder says.",
        "sigmahq_tags_unique_detection sigmahq_tags_detection",
    ),
    (
        "tag-tlp",
        _I,
        "A rule is marked with several TLP levels, or may not be shared.",
        "sigmahq_tags_unique_tlp sigmahq_tags_tlp",
    ),
)

_TOGETHER = (
    ("duplicate-title", _W, "Several rules have one title, so alerts cannot be told apart.", "duplicate_title"),
    ("duplicate-file", _I, "Several files have one name.", "duplicate_filename"),
    ("same-logic", _W, "Two rules look for the same, so every event is told twice.", ""),
    ("test-file", _E, "A file of tests cannot be read, or belongs to no rule.", ""),
    ("unused-allowance", _I, "Settings allow a finding that is not there.", ""),
)

_LIVE = (
    ("inert", _W, "The rule cannot fire as things stand: no index has its fields, nor has a sample of the events.", ""),
    ("silent-logsource", _I, "No event of the log source is there.", ""),
    ("unindexed-field", _W, "A field is in the events and in no index.", ""),
    ("rebuilt-field", _I, "A field is taken apart by Winlogbeat's modules and put together again.", ""),
    ("lossy-field", _I, "A value of a field is destroyed by Winlogbeat's modules.", ""),
    ("slow-rule", _W, "A rule took long to be held against one event.", ""),
    ("key-case", _W, "A key is written in another case than the specification writes it.", ""),
    ("other-case", _W, "A selection is named in another case than it is defined.", ""),
    ("computed-field", _W, "A field is computed by the cluster and stands in no event.", ""),
    ("cut-off-values", _I, "Long values are in the events and not in the index.", ""),
    ("no-source", _W, "An index does not keep `_source` whole.", ""),
    (
        "query-cost",
        _I,
        "The query is costly: it walks all values of a field, or returns all events of the log source.",
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
    "about": "What describes the rule",
    "tags": "Tags",
    "together": "Rules together, tests and settings",
    "live": "What only the cluster knows (`--live`)",
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
    """Make a finding of a code, as much as it matters."""
    return Finding(code=code, severity=CODES[code].severity, location=location, message=message, fix=fix)
