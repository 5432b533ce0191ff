"""Finding codes about the log source and the detection: condition, fields, values, modifiers."""

from __future__ import annotations

from watcher.model import Severity

_W, _I = Severity.WARNING, Severity.INFO  # letters keep the table compact

LOGIC = (
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

LOGSOURCE = (
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

FIELDS = (
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

VALUES = (
    (
        "control-character",
        _W,
        "A value contains a control character, often a backslash that YAML read as an escape sequence.",
        "control_character",
    ),
    ("long-number", _W, "A number has more than 300 digits, and is compared as text.", ""),
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

MODIFIERS = (
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
        "A pattern takes long on some values, or an expression needs backtracking, so an event may stay undecided.",
        "",
    ),
    (
        "unmeasured-patterns",
        _I,
        "The time in which patterns are measured for slowness was over before all of them were.",
        "",
    ),
)
