"""Correlation rules: the forms of the specification, former and foreign forms, and refusals with advice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from rule_fixtures import contents

from watcher.model.correlation_rules import CorrelationRule
from watcher.model.correlations import (
    AllOf,
    AnyOf,
    ComparisonOperator,
    CorrelationType,
    NoneOf,
    NumericComparison,
    RuleName,
)
from watcher.sigma.correlation_form import section_form

ID = "b6c1f1f0-6b8e-4a51-9b86-7f5a2f3d4e11"
HEAD = f"title: Many\nid: {ID}\nlevel: high\n"
COUNT = "type: event_count\nrules: [a]\ngroup-by: [Computer]\ntimespan: 5m\ncondition: {gte: 10}\n"


def written(section: str, head: str = HEAD) -> str:
    lines = "".join(f"  {line}\n" for line in section.splitlines())
    return f"{head}correlation:\n{lines}"


def correlation(text: str) -> CorrelationRule:
    rule_file = contents(text)
    assert [str(finding) for finding in rule_file.refused] == []
    (rule,) = rule_file.correlations
    return rule


def silent(section: str) -> CorrelationRule:
    """Read a section without any finding."""
    rule = correlation(written(section))
    assert [str(finding) for finding in rule.findings] == []
    return rule


def refusal(section: str, head: str = HEAD) -> str:
    rule_file = contents(written(section, head))
    assert rule_file.correlations == ()
    (only,) = rule_file.refused
    return str(only)


def noted(section: str) -> list[str]:
    return [str(finding) for finding in correlation(written(section)).findings]


def changed(old: str, new: str, section: str = COUNT) -> str:
    assert old in section
    return section.replace(old, new)


def test_the_metadata_of_a_correlation_rule_are_those_of_a_rule() -> None:
    head = (
        f"title: Many failures\nid: {ID}\nname: many\nstatus: test\nlevel: critical\ndescription: d\nauthor: me\n"
        "date: 2026-01-02\nreferences: [https://example.org]\ntags: [attack.t1110]\nfalsepositives: [tests]\n"
        "custom: {watcher: {quiet_period: 2h}}\n"
    )
    rule = correlation(written(COUNT, head))
    assert (rule.id, rule.title, rule.name, rule.status, str(rule.level)) == (
        ID,
        "Many failures",
        "many",
        "test",
        "critical",
    )
    assert (rule.description, rule.author, str(rule.date)) == ("d", "me", "2026-01-02")
    assert (rule.references, rule.tags, rule.falsepositives) == (
        ("https://example.org",),
        ("attack.t1110",),
        ("tests",),
    )
    assert rule.custom == {"quiet_period": "2h"}
    assert (rule.folder, rule.path, rule.techniques) == ("mine", "rule.yml", ("T1110",))
    assert rule.text.startswith("title: Many failures")
    assert len(rule.hash) == 64


def test_a_count_of_events_is_read() -> None:
    section = silent(COUNT).section
    assert section.type is CorrelationType.EVENT_COUNT
    assert [reference.text for reference in section.rules] == ["a"]
    assert section.group_by == ("Computer",)
    assert section.timespan == timedelta(minutes=5)
    assert section.comparisons == (NumericComparison(operator=ComparisonOperator.GTE, value=Decimal(10)),)
    assert (section.fields, section.percentile, section.boolean, section.generate) == ((), None, None, False)


def test_references_and_keys_have_their_places() -> None:
    rule = silent(changed("rules: [a]", "rules:\n  - a\n  - b"))
    assert [(item.text, item.location.line, item.location.column) for item in rule.section.rules] == [
        ("a", 7, 7),
        ("b", 8, 7),
    ]
    assert rule.location_of("timespan").line == 10
    assert rule.location_of("aliases") == rule.location


@pytest.mark.parametrize("operator", list(ComparisonOperator))
@pytest.mark.parametrize("number", ["0", "7", "0.1", "12345678901234567890.00000000000000000001", "-3", '"4"'])
def test_comparisons_are_exact_decimals(operator: ComparisonOperator, number: str) -> None:
    section = silent(changed("gte: 10", f"{operator}: {number}")).section
    assert section.comparisons == (NumericComparison(operator=operator, value=Decimal(number.strip('"'))),)


def test_several_comparisons_are_a_range() -> None:
    section = silent(changed("{gte: 10}", "{gt: 100, lte: 200}")).section
    assert [(item.operator.value, item.value) for item in section.comparisons] == [("gt", 100), ("lte", 200)]


@pytest.mark.parametrize(
    ("kind", "condition", "fields", "percentile"),
    [
        ("value_count", "{gte: 3, field: User}", ("User",), None),
        ("value_count", "{gte: 3, field: [User, Domain]}", ("User", "Domain"), None),
        ("value_sum", "{gt: 1000000.5, field: Bytes}", ("Bytes",), None),
        ("value_avg", "{lt: 0.5, field: Bytes}", ("Bytes",), None),
        ("value_median", "{neq: 3, field: Bytes}", ("Bytes",), None),
        ("value_percentile", "{gte: 3, field: Bytes, percentile: 99.9}", ("Bytes",), Decimal("99.9")),
        ("value_percentile", "{gte: 3, field: Bytes, percentile: 0}", ("Bytes",), Decimal(0)),
    ],
)
def test_values_of_fields_are_counted(
    kind: str, condition: str, fields: tuple[str, ...], percentile: Decimal | None
) -> None:
    section = silent(changed("{gte: 10}", condition, changed("event_count", kind))).section
    assert (section.type, section.fields, section.percentile) == (kind, fields, percentile)


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
def test_temporal_types_need_no_condition(kind: str) -> None:
    section = silent(f"type: {kind}\nrules: [a, b, c]\ngroup-by: [User, Computer]\ntimespan: 1h\n").section
    assert (section.type, section.comparisons, section.boolean) == (kind, (), None)
    assert section.group_by == ("User", "Computer")


def test_a_temporal_type_may_count_rules() -> None:
    section = silent("type: temporal\nrules: [a, b, c]\ngroup-by: [User]\ntimespan: 1h\ncondition: {gte: 2}\n").section
    assert [(item.operator.value, item.value) for item in section.comparisons] == [("gte", 2)]


A, B, C = RuleName("a"), RuleName("b"), RuleName("c")


@pytest.mark.parametrize(
    ("condition", "tree"),
    [
        ("a", A),
        ("a and b", AllOf((A, B))),
        ("a AND b Or c", AnyOf((AllOf((A, B)), C))),
        ("a and (b or not c)", AllOf((A, AnyOf((B, NoneOf(C)))))),
        ("a and not not b", AllOf((A, NoneOf(NoneOf(B))))),
        ("'a' and \"b\"", AllOf((A, B))),
        ('"b c" and \'d "e"\'', AllOf((RuleName("b c"), RuleName('d "e"')))),
        (f'"and" and {ID}', AllOf((RuleName("and"), RuleName(ID)))),
        ("((a))and(b)", AllOf((A, B))),
    ],
)
def test_a_boolean_condition_is_a_tree(condition: str, tree: object) -> None:
    quoted = condition.replace("'", "''")
    section = correlation(
        written(f"type: temporal\nrules: [a, b, c]\ngroup-by: [U]\ntimespan: 1h\ncondition: '{quoted}'\n")
    ).section
    assert section.boolean == tree


def test_the_rules_of_a_boolean_condition_are_those_that_it_names() -> None:
    rule = silent("type: temporal\ngroup-by: [User]\ntimespan: 1h\ncondition: a and (b or not a)\n")
    assert [reference.text for reference in rule.section.rules] == ["a", "b"]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("not a", "the condition holds where no rule has a hit; require at least one rule, e.g. `a and not b`"),
        ("a or not b", "the condition holds where no rule has a hit"),
        ("not (a and not a)", "the condition holds where no rule has a hit"),
        ("a and", "the condition ends where the name of a rule is expected"),
        ("and a", "`and` appears where the name of a rule is expected"),
        ("a b", "`b` appears where `and` or `or` is expected"),
        ("(a and b", "a parenthesis is not closed"),
        ("a) and b", "`)` appears where `and` or `or` is expected"),
        ('a and "b', "a quote is not closed"),
        ('a and ""', "`` appears where the name of a rule is expected"),
        ("all of them", "`of` is for selections of a rule; name each rule of the correlation"),
        (f"{'(' * 100}a{')' * 100}", "the condition has more than 64 levels"),
    ],
)
def test_an_invalid_boolean_condition_is_refused(condition: str, reason: str) -> None:
    text = refusal(f"type: temporal\nrules: [a, b]\ngroup-by: [U]\ntimespan: 1h\ncondition: '{condition}'\n")
    assert text.startswith(f"rule.yml:9:14: error: {reason}")
    assert text.endswith("[correlation-condition]")


def test_aliases_are_kept_as_written() -> None:
    section = silent(
        changed("[Computer]", "[ip]") + "aliases:\n  ip:\n    a: destination.ip\n    b: source.ip\n"
    ).section
    assert section.aliases == {"ip": {"a": "destination.ip", "b": "source.ip"}}


@pytest.mark.parametrize(
    ("text", "generate"),
    [
        (written(COUNT + "generate: true\n"), True),
        (written(COUNT) + "generate: true\n", True),
        (written(COUNT + "generate: false\n") + "generate: true\n", True),
        (written(COUNT + "generate: false\n"), False),
        (written(COUNT), False),
    ],
)
def test_generate_is_read_in_both_places(text: str, *, generate: bool) -> None:
    rule = correlation(text)
    assert rule.section.generate is generate
    assert rule.findings == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90m", 5_400), ("24h", 86_400), ("30d", 2_592_000), ("007s", 7)],
)
def test_time_spans_are_read(text: str, seconds: int) -> None:
    assert silent(changed("5m", text)).section.timespan == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "read", "seconds"),
    [("2w", "14d", 1_209_600), ("1M", "2629746s", 2_629_746), ("1y", "31556952s", 31_556_952)],
)
def test_units_that_the_specification_lacks_are_reported(text: str, read: str, seconds: int) -> None:
    rule = correlation(written(changed("5m", text)))
    assert rule.section.timespan == timedelta(seconds=seconds)
    assert [str(finding) for finding in rule.findings] == [
        (
            f"rule.yml:8:13: warning: `timespan: {text}` has a unit that the specification does not name; it is read "
            f"as `{read}`; write `{read}` [correlation-timespan]"
        )
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0s", "`timespan: 0s` spans no time; write at least `1s`"),
        ("5 m", "`timespan: 5 m` is no time span; write `5m`"),
        ("5min", "`timespan: 5min` is no time span; write `5m`"),
        ("5H", "`timespan: 5H` is no time span; write `5h`"),
        ("300", "`timespan: 300` is no time span; write `300s` if these are seconds"),
        ("1h30m", "`timespan: 1h30m` is no time span; write `90m`"),
        ("-5m", "`timespan: -5m` is no time span; write a whole number and a unit, e.g. `5m`"),
        ("1.5h", "`timespan: 1.5h` is no time span; write a whole number and a unit"),
        ("\u0665m", "`timespan: \u0665m` is no time span; write a whole number and a unit"),
        ("[5m]", "`timespan` is no time span; write a whole number and a unit"),
        ("999999d", "`timespan: 999999d` is longer than 36525 days; write a shorter one"),
    ],
)
def test_other_time_spans_are_refused_with_advice(text: str, reason: str) -> None:
    shown = refusal(changed("5m", text))
    assert shown.startswith(f"rule.yml:8:13: error: {reason}")
    assert shown.endswith("[correlation-timespan]")


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (changed("type: event_count\n", ""), "the correlation has no `type`; add one of event_count, value_count,"),
        (changed("event_count", "event_cout"), "`event_cout` is not a type of correlations; did you mean `event_co"),
        (changed("event_count", "new"), "`new` is not a type of correlations; write one of event_count, value_count"),
        (changed("timespan: 5m\n", ""), "the correlation has no `timespan`; add e.g. `timespan: 5m`"),
        (changed("timespan: 5m", "timespan:"), "the correlation has no `timespan`; add e.g. `timespan: 5m`"),
        (changed("rules: [a]\n", ""), "the correlation names no rule; add `rules` with ids or names of rules"),
        (changed("[a]", "[]"), "the correlation names no rule; add `rules` with ids or names of rules"),
        (changed("[a]", "[{a: b}]"), "an entry of `rules` must be the id or the name of a rule; write rules as"),
        (changed("condition: {gte: 10}\n", ""), "the correlation has no `condition`; add `condition: {gte: 10}`"),
        (changed("{gte: 10}", "{}"), "the condition of the correlation compares with no number; write e.g."),
        (changed("{gte: 10}", "10"), "`condition` of this type must be a mapping of comparisons; write `condition: {"),
        (changed("{gte: 10}", "a and b"), "`condition` of this type must be a mapping of comparisons; write e.g."),
        (changed("{gte: 10}", "{least: 1}"), "`least` is not a key of a correlation's condition; write one of gt, gte"),
        (changed("gte: 10", "gte: many"), "`gte` of the correlation's condition must be a decimal number, not `many`"),
        (changed("gte: 10", "gte: .nan"), "`gte` of the correlation's condition must be a decimal number, not `.nan`"),
        (changed("gte: 10", "gte: 1e3"), "`gte` of the correlation's condition must be a decimal number, not `1e3`"),
        (changed("gte: 10", "gte: 010"), "`gte` of the correlation's condition must be a decimal number, not `010`"),
        (changed("gte: 10", "gte: 0x10"), "`gte` of the correlation's condition must be a decimal number, not `0x10`"),
        (changed("gte: 10", "gte: true"), "`gte` of the correlation's condition must be a decimal number, not `true`"),
        (changed("gte: 10", "gte: [1]"), "`gte` of the correlation's condition must be a decimal number, not a list"),
        (changed("event_count", "value_count"), "`value_count` needs a field; add `field: FIELD` below `condition:`"),
        (
            changed("event_count", "value_sum").replace("gte: 10", "gte: 10, field: [A, B]"),
            "`value_sum` takes a single field; write a correlation rule for each",
        ),
        (
            changed("event_count", "value_percentile").replace("gte: 10", "gte: 10, field: A"),
            "`value_percentile` needs `percentile`; add e.g. `percentile: 95` below `condition:`",
        ),
        (
            changed("event_count", "value_percentile").replace("gte: 10", "gte: 10, field: A, percentile: 101"),
            "`percentile: 101` is not from 0 to 100; write e.g. `95`",
        ),
        (changed("gte: 10", "gte: 10, field: []"), "`field` must be the name of a field, or a list of names; name"),
        (COUNT + "aliases: {ip: source.ip}\n", "the alias `ip` must be a mapping of keys and values"),
        (COUNT + "aliases: {ip: {a: [x, y]}}\n", "the alias `ip` needs a field for `a`; write `RULE: FIELD`"),
    ],
)
def test_a_faulty_correlation_is_refused_with_advice(section: str, reason: str) -> None:
    assert f": error: {reason}" in refusal(section)


def test_a_faulty_correlation_does_not_stop_the_others() -> None:
    other = ID.replace("b6", "c6")
    rule_file = contents(
        f"{written(changed('5m', '0s'))}---\n{written(COUNT).replace(ID, other)}---\n"
        "title: base\nlogsource: {product: windows}\ndetection: {s: {F: a}, condition: s}\n"
    )
    assert [rule.id for rule in rule_file.correlations] == [other]
    assert [rule.title for rule in rule_file.rules] == ["base"]
    assert [finding.code for finding in rule_file.refused] == ["correlation-timespan"]


def test_a_document_with_detection_and_correlation_is_refused() -> None:
    text = written(COUNT) + "detection: {s: {F: a}, condition: s}\n"
    assert "the document has `correlation` and `detection`; write two documents" in str(contents(text).refused[0])


# ---- former and foreign forms


@pytest.mark.parametrize(
    ("section", "findings"),
    [
        (
            changed("event_count", "temporal")
            .replace("condition: {gte: 10}", "ordered: true")
            .replace("[a]", "[a, b]"),
            ["`type: temporal` with `ordered: true` is read as `temporal_ordered`; write `type: temporal_ordered`"],
        ),
        (
            "type: ordered_temporal\nrules: [a, b]\ngroup-by: [U]\ntimespan: 1h\n",
            ["`type: ordered_temporal` is read as `temporal_ordered`; write `type: temporal_ordered`"],
        ),
    ],
)
def test_ordered_dialects_are_read_as_temporal_ordered(section: str, findings: list[str]) -> None:
    rule = correlation(written(section))
    assert rule.section.type is CorrelationType.TEMPORAL_ORDERED
    texts = [str(finding) for finding in rule.findings]
    assert [part in text for part, text in zip(findings, texts, strict=True)] == [True] * len(findings)
    assert all("warning" in text and "[correlation-dialect]" in text for text in texts)


@pytest.mark.parametrize(
    ("section", "finding"),
    [
        (changed("timespan", "timeframe"), "`timeframe` is read as `timespan`; write `timespan`"),
        (changed("group-by", "group_by"), "`group_by` is read as `group-by`; write `group-by`"),
        (changed("group-by", "groupby"), "`groupby` is read as `group-by`; write `group-by`"),
        (changed("type:", "Type:"), "`Type` is read as `type`; write `type`"),
        (changed("event_count", "Event_Count"), "`type: Event_Count` is read as `event_count`; write `type: event_"),
        (changed("event_count", "event-count"), "`type: event-count` is read as `event_count`; write `type: event_"),
        (changed("gte: 10", "'>=': 10"), "`>=` is read as `gte`; write `gte`"),
        (changed("gte: 10", "GTE: 10"), "`GTE` is read as `gte`; write `gte`"),
        (changed("gte: 10", "ge: 10"), "`ge` is read as `gte`; write `gte`"),
        (changed("{gte: 10}", "'>= 10'"), "the condition `>= 10` is a string; write `condition: {gte: 10}`"),
        (changed("{gte: 10}", "gte 10"), "the condition `gte 10` is a string; write `condition: {gte: 10}`"),
        (changed("{gte: 10}", "count() >= 10"), "the condition `count() >= 10` is a string; write `condition: {gte"),
        (changed("{gte: 10}", "[{gte: 10}]"), "the condition is a list; its parts must all hold; write one mapping"),
        (
            COUNT + "time_frame: 9m\n",
            "`time_frame` and `timespan` mean the same; `timespan` is used; remove `time_frame`",
        ),
    ],
)
def test_other_spellings_are_read_and_reported(section: str, finding: str) -> None:
    rule = correlation(written(section))
    assert section_form(rule.section) == (
        "correlation: {type: event_count, rules: [a], group-by: [Computer], timespan: 5m, condition: {gte: 10}}"
    )
    (text,) = [str(each) for each in rule.findings]
    assert f": warning: {finding}" in text
    assert text.endswith("[correlation-dialect]")


def test_a_single_field_of_group_by_may_be_a_string() -> None:
    rule = correlation(written(changed("[Computer]", "Computer")))
    assert rule.section.group_by == ("Computer",)
    assert [str(finding) for finding in rule.findings] == [
        (
            "rule.yml:7:13: info: `group-by` is a string; expected a list; write `group-by: [Computer]` "
            "[correlation-dialect]"
        )
    ]
    assert correlation(written(changed("[Computer]", "A, B"))).section.group_by == ("A", "B")


def test_a_range_of_an_early_draft_is_read() -> None:
    rule = correlation(written(changed("gte: 10", "range: 10..20")))
    assert [(item.operator.value, item.value) for item in rule.section.comparisons] == [("gte", 10), ("lte", 20)]
    assert "write `{gte: 10, lte: 20}`" in str(rule.findings[0])


def test_a_field_beside_the_condition_is_read_as_a_part_of_it() -> None:
    rule = correlation(written(changed("event_count", "value_percentile") + "field: User\npercentile: 90\n"))
    assert (rule.section.fields, rule.section.percentile) == (("User",), Decimal(90))
    assert [finding.code for finding in rule.findings] == ["correlation-dialect"] * 2
    rule = correlation(written(changed("event_count", "value_count").replace("{gte: 10}", "'>= 10'") + "field: User\n"))
    assert (rule.section.fields, rule.section.comparisons[0].value) == (("User",), 10)


@pytest.mark.parametrize("action", ["action: correlation\n", "correlation:\naction: correlation\n", "correlation:\n"])
def test_a_draft_with_keys_at_the_top_level_is_read(action: str) -> None:
    rule = correlation(f"{HEAD}{action}{COUNT}generate: true\nordered: false\n")
    assert (rule.id, rule.title) == (ID, "Many")
    assert section_form(rule.section) == (
        "correlation: {type: event_count, rules: [a], group-by: [Computer], timespan: 5m, condition: {gte: 10}, "
        "generate: true}"
    )
    assert "write them below `correlation:`, without `action`" in str(rule.findings[0])
    assert [finding.code for finding in rule.findings] == ["correlation-dialect"] * 2


def test_a_document_with_an_action_and_a_mapping_is_read() -> None:
    rule = correlation(written(COUNT, f"{HEAD}action: correlation\n"))
    assert [str(finding) for finding in rule.findings] == [
        "rule.yml:1:1: warning: `action: correlation` is no longer used; remove `action` [correlation-dialect]"
    ]


@pytest.mark.parametrize(
    ("section", "finding"),
    [
        (COUNT + "timespam: 5m\n", "`timespam` is not a key of `correlation`; write `timespan`"),
        (COUNT + "xyz: 5m\n", "`xyz` is not a key of `correlation`; it has no effect; the keys are type, rules"),
        (COUNT + "generate: maybe\n", "`generate` is neither true nor false; it is read as false; write `generate"),
        (COUNT + "timespan: 5m\n", "`timespan` appears twice in `correlation` (lines 8 and 10); the last value is"),
        (changed("gte: 10", "gte: 10, field: User"), "`field` has no effect in a correlation of type `event_count`"),
        (changed("gte: 10", "gte: 10, percentile: 9"), "`percentile` has no effect in a correlation of type `event_"),
        (changed("group-by: [Computer]\n", ""), "the correlation has no `group-by`, so that all events are one group"),
        (COUNT + "ordered: true\n", "`ordered` is not a key of correlations and has no effect; remove it"),
        (
            "type: temporal\nrules: [a, a]\ngroup-by: [U]\ntimespan: 1h\n",
            "`temporal` with a single rule holds at each of its hits; name further rules, or write `type: event_count`",
        ),
    ],
)
def test_parts_without_effect_are_reported(section: str, finding: str) -> None:
    (text,) = noted(section)
    assert f": {finding}" in text


@pytest.mark.parametrize("ordered", ["maybe", "[true]"])
def test_an_unreadable_order_is_refused(ordered: str) -> None:
    section = f"type: temporal\nrules: [a, b]\ngroup-by: [U]\ntimespan: 1h\nordered: {ordered}\n"
    assert "`ordered` must be true or false; write `type: temporal_ordered` instead" in refusal(section)


def test_a_contradicting_order_is_refused() -> None:
    section = "type: temporal_ordered\nrules: [a, b]\ngroup-by: [U]\ntimespan: 1h\nordered: false\n"
    assert "`type: temporal_ordered` contradicts `ordered: false`" in refusal(section)


@pytest.mark.parametrize(
    "section",
    [
        COUNT,
        changed("event_count", "value_count").replace("gte: 10", "gt: 0.5, lte: 7, field: [A, 'b c', '4625', 'on']"),
        changed("event_count", "value_percentile").replace("gte: 10", "gte: 10, field: A, percentile: 99.9"),
        (
            "type: temporal\nrules: [a, b c, '1']\ngroup-by: [ip]\ntimespan: 90s\n"
            'condition: a and ("b c" or not "1")\n'
            "aliases: {ip: {a: source.ip, b c: x}}\ngenerate: true\n"
        ),
    ],
)
def test_the_modern_form_reads_back_as_the_same(section: str) -> None:
    first = correlation(written(section)).section
    again = correlation(f"{HEAD}{section_form(first)}\n").section
    fields = ("type", "timespan", "group_by", "comparisons", "fields", "percentile", "boolean", "aliases", "generate")
    assert [getattr(again, name) for name in fields] == [getattr(first, name) for name in fields]
    assert [item.text for item in again.rules] == [item.text for item in first.rules]


def test_prose_under_the_key_of_correlations_stays_prose() -> None:
    rule_file = contents(
        f"{HEAD}logsource: {{product: windows}}\ndetection: {{s: {{F: a}}, condition: s}}\n"
        "correlation: correlate EventID 600 with 800\n"
    )
    assert (len(rule_file.rules), rule_file.correlations, rule_file.refused) == (1, (), ())
