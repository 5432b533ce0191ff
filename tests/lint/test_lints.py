r"""Each lint reports its finding at its location, and there is no other finding."""

from __future__ import annotations

from datetime import date

import pytest
from lint_fixtures import CLEAN, changed, file_of, findings_of, rules_of

from watcher.lint.finding_codes import CODES
from watcher.lint.run_lints import lint_rules
from watcher.settings import LogSourceMapping, Source

IMAGE = r"        Image|endswith: '\powershell.exe'"
COMMAND = "        CommandLine|contains: 'encoded'"
FILTER = "    filter_main_admin:"
CONDITION = "    condition: selection and not 1 of filter_main_*"
SOURCE = "    category: process_creation\n"
TAGS = "    - attack.t1059.001\n"


def security(lines: str) -> str:
    """Return the rule of the Security log with other lines in its selection."""
    text = changed(SOURCE, "    service: security\n").replace(IMAGE, lines, 1).replace(COMMAND + "\n", "", 1)
    return text.replace("        User|contains", "        SubjectUserName|contains")


def sysmon(lines: str) -> str:
    """Return the rule of Sysmon's channel with other lines in its selection."""
    return changed(SOURCE, "    service: sysmon\n").replace(IMAGE, lines, 1)


ABOUT = [
    ("title-length", changed("A Shell Starts", f"A Shell Starts {'Again' * 30}"), 1),
    ("title-start", changed("A Shell Starts", "Detects Shells"), 1),
    ("title-end", changed("A Shell Starts", "A Shell Starts."), 1),
    ("title-case", changed("A Shell Starts", "A Shell starts"), 1),
    (
        "missing-description",
        changed("description: A shell is started with an encoded command, which hides what it does.\n", ""),
        1,
    ),
    (
        "description-length",
        changed("A shell is started with an encoded command, which hides what it does.", "A shell."),
        4,
    ),
    ("description-link", changed("which hides what it does.", "see https://example.org."), 4),
    ("missing-author", changed("author: A. Author\n", ""), 1),
    ("missing-status", changed("status: test\n", ""), 1),
    ("status-not-watched", changed("status: test", "status: deprecated"), 3),
    ("missing-date", changed("date: 2024-05-01\nmodified: 2024-06-01\n", ""), 1),
    ("modified-without-date", changed("date: 2024-05-01\n", ""), 8),
    ("modified-before-date", changed("modified: 2024-06-01", "modified: 2023-06-01"), 9),
    ("modified-same-day", changed("modified: 2024-06-01", "modified: 2024-05-01"), 9),
    ("duplicate-reference", changed("    - https://example.org/shells\n", "    - https://example.org/shells\n" * 2), 7),
    ("link-branch", changed("https://example.org/shells", "https://github.com/SigmaHQ/sigma/blob/master/README.md"), 6),
    ("link-mitre", changed("https://example.org/shells", "https://attack.mitre.org/techniques/T1059/"), 6),
    ("falsepositive-capital", changed("- Administrative", "- administrative"), 24),
    ("falsepositive-word", changed("Administrative scripts", "None"), 24),
    ("falsepositive-typo", changed("Administrative", "Legitim"), 24),
    ("fields-key", changed("level: high\n", "level: high\nfields: [Image]\n"), 26),
    ("custom-key", changed("level: high\n", "level: high\nowner: me\n"), 26),
    (
        "related-type",
        changed("level: high\n", "level: high\nrelated: [{id: 1f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77, type: cousin}]\n"),
        26,
    ),
]
TAGGED = [
    ("tag-form", changed("attack.execution", "attack.Execution"), 11),
    ("tag-namespace", changed(TAGS, f"{TAGS}    - malware.emotet\n"), 13),
    ("tag-pattern", changed(TAGS, f"{TAGS}    - cve.44228\n"), 13),
    ("tag-pattern", changed("attack.t1059.001", "attack.1059"), 12),
    ("tag-twice", changed(TAGS, TAGS * 2), 13),
    ("tag-detection", changed(TAGS, f"{TAGS}    - detection.dfir\n    - detection.threat-hunting\n"), 10),
    ("tag-tlp", changed(TAGS, f"{TAGS}    - tlp.red\n"), 10),
    ("tag-tlp", changed(TAGS, f"{TAGS}    - tlp.clear\n    - tlp.green\n"), 10),
]
LOGSOURCE = [
    ("unknown-logsource", changed("category: process_creation", "category: antivirus"), 14),
    ("no-channel", changed(SOURCE, ""), 14),
    ("logsource-key", changed("    product: windows\n", "    product: windows\n    vendor: microsoft\n"), 16),
    ("event-outside-logsource", changed(COMMAND, "        EventID: 4624"), 19),
    ("redundant-eventid", changed(COMMAND, "        EventID: [1, 4688]"), 19),
    ("redundant-field", security("        Channel: Security\n        EventID: 4624"), 18),
    ("specific-logsource", sysmon("        EventID: 1"), 18),
    ("specific-logsource", security("        EventID: 4688"), 18),
    ("sysmon-without-eventid", sysmon(IMAGE), 14),
]
FIELDS = [
    ("field-case", changed("CommandLine|contains", "Commandline|contains"), 19),
    ("unknown-field", changed("CommandLine|contains", "CommandLines|contains"), 19),
    ("field-case", security("        EventID: 4624\n        IPAddress: 10.0.0.1"), 19),
    ("field-space", changed(SOURCE, "    service: windefend\n").replace(COMMAND, "        Threat Name: x", 1), 19),
    ("localised-name", changed("User|contains: 'admin'", "User|contains: 'NT AUTHORITY'"), 21),
    ("hash-form", changed(COMMAND, "        Hashes|contains: 'MD5=12'"), 19),
    ("hash-form", changed(COMMAND, f"        Hashes|contains: '{'a' * 32}'"), 19),
]
VALUES = [
    ("control-character", changed("'encoded'", r'"en\bcoded"'), 19),
    ("long-number", changed(COMMAND, f"        ProcessId: {'9' * 400}"), 19),
    ("long-number", changed(COMMAND, f"        ProcessId: -{'9' * 5_000}"), 19),
    ("double-wildcard", changed(COMMAND, "        CommandLine: 'a**b'"), 19),
    ("duplicate-value", changed("'encoded'", "[encoded, Encoded]"), 19),
    ("covered-value", changed("'encoded'", "[encoded, encodedcommand]"), 19),
    ("covered-value", changed(r"'\powershell.exe'", r"['\powershell.exe', 'C:\powershell.exe']"), 18),
    ("number-as-text", changed(COMMAND, "        ProcessId: '4'"), 19),
    ("wildcard-for-modifier", changed(COMMAND, "        CommandLine: '*encoded*'"), 19),
    ("wildcard-for-modifier", changed(COMMAND, "        CommandLine: 'encoded*'"), 19),
    ("redundant-wildcard", changed("'encoded'", "'*encoded'"), 19),
    ("escaped-wildcard", changed("'encoded'", r"'a\*b'"), 19),
    ("short-value", changed("'encoded'", "'e'"), 19),
    ("program-without-backslash", changed(r"'\powershell.exe'", "powershell.exe"), 18),
    ("dash-without-windash", changed("'encoded'", "' -enc '"), 19),
]
MODIFIERS = [
    ("all-single-value", changed("CommandLine|contains:", "CommandLine|contains|all:"), 19),
    ("all-without-contains", changed(COMMAND, "        CommandLine|all: [one, two]"), 19),
    ("base64offset-without-contains", changed("CommandLine|contains:", "CommandLine|base64offset:"), 19),
    ("modifier-twice", changed("CommandLine|contains:", "CommandLine|contains|contains:"), 19),
    ("windash-all", changed(COMMAND, "        CommandLine|contains|windash|all: [' -a ', ' -b ']"), 19),
    ("regex-for-modifier", changed(COMMAND, "        CommandLine|re|i: '.*encoded.*'"), 19),
]
LOGIC = [
    ("unused-selection", changed(FILTER, f"    other:\n        User: x\n{FILTER}"), 20),
    ("filter-not-negated", changed(CONDITION, "    condition: selection and filter_main_admin"), 20),
    (
        "contradiction",
        changed(
            COMMAND, "        ProcessId: 1\n        ProcessId|gte: 0\n    selection_two:\n        ProcessId: 2"
        ).replace(CONDITION, "    condition: all of selection* and not filter_main_admin"),
        22,
    ),
    ("all-of-them", changed(CONDITION, "    condition: all of them").replace(FILTER, "    selection_two:"), 22),
    ("pattern-single", changed(CONDITION, "    condition: 1 of sel* and not filter_main_admin"), 22),
    ("pattern-no-asterisk", changed(CONDITION, "    condition: 1 of selection and not filter_main_admin"), 22),
    ("timeframe", changed(CONDITION, f"    timeframe: 5m\n{CONDITION}"), 22),
    (
        "them-single",
        changed(f"{FILTER}\n        User|contains: 'admin'\n", "").replace(CONDITION, "    condition: 1 of them"),
        20,
    ),
]
TABLE = [*ABOUT, *TAGGED, *LOGSOURCE, *FIELDS, *VALUES, *MODIFIERS, *LOGIC]


def test_a_clean_rule_has_no_finding() -> None:
    assert [str(finding) for finding in findings_of(CLEAN)] == []


@pytest.mark.parametrize(
    ("code", "text", "line"), TABLE, ids=[f"{row[0]}-{number}" for number, row in enumerate(TABLE)]
)
def test_a_lint_reports_its_finding_and_no_other(code: str, text: str, line: int) -> None:
    findings = findings_of(text, file=file_of(text))
    assert [(finding.code, finding.location.line) for finding in findings] == [(code, line)], [
        str(finding) for finding in findings
    ]
    assert findings[0].severity is CODES[code].severity
    assert not findings[0].message.endswith(".")


def test_a_blank_is_a_short_value() -> None:
    assert [finding.code for finding in findings_of(changed("'encoded'", "' '"))] == ["short-value"]


@pytest.mark.parametrize(
    "text",
    [
        changed("'encoded'", r"'C:\\*\x'"),  # an escaped backslash and a wildcard
        changed("'encoded'", "'\N{PARTY POPPER}'"),
        changed(COMMAND, "        CommandLine|re: 'encoded'"),  # looks at the case, `contains` does not
        changed(COMMAND, "        CommandLine|re: '(a+b)+c'"),
        changed(COMMAND, "        CommandLine|re: '(?:ab{2,8})+'"),
        changed(COMMAND, "        CommandLine|contains|all: [one, two]"),
        changed(COMMAND, "        CommandLine|windash|contains: ' -enc '"),
        changed(COMMAND, "        winlog.event_data.Own: x"),
        changed(CONDITION, "    condition: selection and not filter_main_admin"),
        changed(FILTER, f"    _part:\n        User: x\n{FILTER}").replace(CONDITION, f"{CONDITION} and _part"),
    ],
)
def test_a_correct_rule_has_no_finding(text: str) -> None:
    assert [str(finding) for finding in findings_of(text)] == []


def test_near_uses_selections_and_count_does_not() -> None:
    near, count = (
        changed(CONDITION, f"    timeframe: 5m\n    condition: selection | {aggregation}")
        for aggregation in ("near filter_main_admin", "count() by filter_main_admin > 2")
    )
    assert "unused-selection" not in [finding.code for finding in findings_of(near)]
    assert "unused-selection" in [finding.code for finding in findings_of(count)]


def test_a_new_rule_should_not_have_the_status_test() -> None:
    young = changed("date: 2024-05-01\nmodified: 2024-06-01\n", "date: 2026-11-01\n")
    assert [finding.code for finding in findings_of(young)] == ["status-too-new"]
    assert [finding.code for finding in findings_of(young, today=date(2027, 3, 1))] == []


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("rules/Shell Starts.yml", ["file-name", "file-prefix"]),
        ("rules/win_shell_starts.yml", ["file-prefix"]),
        ("rules/proc_creation_win_x.yml", []),
    ],
)
def test_a_file_name_is_compared_with_sigmas_naming_scheme(name: str, codes: list[str]) -> None:
    assert [finding.code for finding in findings_of(CLEAN, file=name)] == codes


@pytest.mark.parametrize(
    ("source", "name", "codes"),
    [
        ("category: process_creation\n    product: linux", "proc_creation_lnx_x.yml", []),
        ("category: process_creation\n    product: linux", "proc_creation_win_x.yml", ["file-prefix"]),
        ("service: auditd\n    product: linux", "lnx_auditd_x.yml", []),
        ("service: auditd\n    product: linux", "win_auditd_x.yml", ["file-prefix"]),
        ("category: process_creation\n    product: macos", "proc_creation_macos_x.yml", []),
        ("service: conn\n    product: zeek", "zeek_conn_x.yml", []),
        ("product: linux", "lnx_x.yml", ["no-channel"]),
    ],
)
def test_rules_of_other_products_have_their_own_names_and_no_channels(source: str, name: str, codes: list[str]) -> None:
    text = changed("category: process_creation\n    product: windows", source)
    own_codes = {finding.code for finding in findings_of(text, file=f"rules/{name}")}
    assert own_codes & {"file-prefix", "no-channel"} == set(codes)


def test_a_rule_of_a_special_folder_has_its_tag() -> None:
    location = "rules-threat-hunting/windows/proc_creation_win_x.yml"
    assert [finding.code for finding in findings_of(CLEAN, file=location)] == ["tag-detection"]
    tagged = changed(TAGS, f"{TAGS}    - detection.threat-hunting\n")
    assert findings_of(tagged, file=location) == ()


def test_log_sources_and_fields_of_settings_are_accepted() -> None:
    rules = rules_of(changed("category: process_creation", "category: vpn").replace("CommandLine", "CompanyUser"))
    mapping = LogSourceMapping(product="windows", category="vpn", channels=("Company-VPN/Operational",))
    source = Source(logsources=(mapping,), fields={"CompanyUser": ("company.user",)})
    assert lint_rules(rules, source, today=date(2026, 11, 25)) == ()


def test_rules_are_compared_with_each_other() -> None:
    other = CLEAN.replace("7f6f2c52", "8f6f2c52")
    rules = (*rules_of(CLEAN), *rules_of(other, file="more/proc_creation_win_a_shell_starts.yml"))
    findings = lint_rules(rules, Source(), today=date(2026, 11, 25))
    assert [(finding.code, finding.location.file) for finding in findings] == [
        (code, "more/proc_creation_win_a_shell_starts.yml")
        for code in ("duplicate-title", "duplicate-file", "same-logic")
    ]


def test_rules_that_differ_in_logic_alone_are_not_the_same() -> None:
    other = CLEAN.replace("7f6f2c52", "8f6f2c52").replace("A Shell Starts", "Another Shell").replace("'encoded'", "enc")
    rules = (*rules_of(CLEAN), *rules_of(other, file="rules/proc_creation_win_b.yml"))
    assert lint_rules(rules, Source(), today=date(2026, 11, 25)) == ()


def test_locations_are_correct_in_the_second_document_of_a_file() -> None:
    second = changed("Image|endswith: '\\powershell.exe'", "Image|endswith: 'powershell.exe'").replace(
        "7f6f2c52", "8f6f"
    )
    second = second.replace("8f6f-", "8f6f2c52-").replace("A Shell Starts", "Another Shell")
    text = f"# first\n{CLEAN}---\n# second\n{second}"
    findings = [finding for finding in findings_of(text) if finding.code == "program-without-backslash"]
    (line,) = [number for number, content in enumerate(text.split("\n"), start=1) if "'powershell.exe'" in content]
    assert [(finding.location.line, finding.location.column) for finding in findings] == [(line, 25)]


def test_lints_accept_values_of_any_type() -> None:
    odd = r"""
title: 5
logsource: {product: windows, category: [process_creation, [x]], 5: 6}
detection:
  a: {Image: null, Hashes: [null, 5, true, 2026-01-01], EventID: [x, 1.5], User: }
  b: [one, {Image|re: '[a-z]', x: 1}, [2]]
  condition: [a, b or not a]
tags: {a: b}
references: [{a: b}, null]
falsepositives: ''
related: [x]
date: never
"""
    findings = lint_rules(rules_of(odd), Source(), today=date(2026, 11, 25))
    assert sorted({finding.code for finding in findings}) == [
        "event-outside-logsource",  # neither `x` nor `1.5` is an event id of process creation
        "hash-form",
        "logsource-key",  # `5`
        "missing-author",
        "missing-description",
        "missing-status",
        "unknown-field",  # `x`
        "unknown-logsource",  # `x`, the inner list of `category`
    ]


@pytest.mark.parametrize("expression", ["(a+)+b", "(?:a|b*)*c", "(?:.*x)+.*y"])
def test_nested_repetitions_that_re2_searches_have_no_finding(expression: str) -> None:
    text = changed(COMMAND, f"        CommandLine|re: '{expression}'")
    assert findings_of(text, file=file_of(text)) == ()


def test_nested_repetitions_that_re2_refuses_are_reported_as_slow() -> None:
    text = changed(COMMAND, "        CommandLine|re: '(?=x)(?:x|a+)+(?<!q)b'")
    findings = findings_of(text, file=file_of(text))
    assert [(finding.code, finding.location.line) for finding in findings] == [
        ("regex-lookaround", 19),
        ("slow-pattern", 19),
    ]


def test_look_around_is_named_for_its_meaning_and_for_its_time() -> None:
    text = changed(COMMAND, "        CommandLine|re: 'enc(?!rypted)'")
    findings = findings_of(text, file=file_of(text))
    assert [(finding.code, finding.location.line) for finding in findings] == [
        ("regex-lookaround", 19),
        ("slow-pattern", 19),
    ]
