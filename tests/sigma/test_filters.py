"""Sigma filters narrow the rules that they name; filters without a rule are reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from rule_fixtures import HEAD, ID, TAIL, codes, contents, fault

from watcher.model import And, Not, Rule
from watcher.sigma.filters import apply_filters
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders

OTHER = "df0841c0-9846-4e9f-ad8a-7df91571771b"
RULE = HEAD + TAIL


def tuning(rules: str = f"[{ID}]", logsource: str = "{product: windows}", condition: str = "not selection") -> str:
    return (
        f"title: No administrators\nlogsource: {logsource}\nfilter:\n  rules: {rules}\n"
        f"  selection:\n    User|startswith: adm_\n  condition: {condition}\n"
    )


def applied(*texts: str) -> LoadedRules:
    read = [contents(text, path=f"{number}.yml") for number, text in enumerate(texts)]
    assert [str(finding) for content in read for finding in content.findings] == []
    rules, findings = apply_filters(
        [rule for content in read for rule in content.rules], [item for content in read for item in content.filters]
    )
    return LoadedRules(rules=rules, findings=findings)


def is_narrowed(rule: Rule) -> bool:
    return isinstance(rule.node, And) and isinstance(rule.node.of[-1], Not)


def test_a_filter_joins_its_condition_to_the_rule_that_it_names() -> None:
    plain = contents(RULE).rules[0]
    loaded = applied(RULE, tuning())
    (rule,) = loaded.rules
    assert isinstance(rule.node, And)
    assert rule.node.of[0] == contents(RULE, path="0.yml").rules[0].node
    assert isinstance(rule.node.of[1], Not)
    assert rule.hash != plain.hash
    assert rule.text == plain.text
    assert loaded.findings == ()
    assert [str(finding) for finding in rule.findings] == [
        "1.yml:1:1: info: the filter `No administrators` narrows the rule `A title` [filtered]"
    ]


@pytest.mark.parametrize(
    ("rules", "logsource", "narrowed"),
    [
        (f"[{ID}]", "{product: windows}", True),  # by id
        (ID.upper(), "{product: windows}", True),  # one id, in any case
        ("[a_name]", "{product: windows}", True),  # by name
        ("any", "{product: windows}", True),  # any rule of the log source
        ("Any", "{product: windows}", True),
        ("[]", "{product: windows}", True),  # an empty list means any, too
        (f"[{ID}]", "{product: windows, category: process_creation}", True),  # the rule's own log source
        (f"[{ID}]", "{category: process_creation}", True),  # a wider one
        (f"[{ID}]", "{}", True),  # the widest
        (f"[{ID}]", "{product: linux}", False),  # another product
        (f"[{ID}]", "{product: windows, service: security}", False),  # narrower than the rule's
        ("any", "{product: windows, category: file_event}", False),  # another category
        (f"[{OTHER}]", "{product: windows}", False),  # another rule
        ("[A title]", "{product: windows}", False),  # a title is no name
    ],
)
def test_a_filter_is_applied_where_it_names_the_rule_and_covers_its_log_source(
    rules: str, logsource: str, *, narrowed: bool
) -> None:
    text = RULE.replace("  product: windows\n", "  product: windows\n  category: process_creation\nname: a_name\n")
    (rule,) = applied(text, tuning(rules, logsource)).rules
    assert is_narrowed(rule) is narrowed


def test_a_filter_on_one_of_several_log_sources_leaves_the_rule_unchanged() -> None:
    both = RULE.replace("product: windows", "product: windows\n  category: [ps_module, ps_script]")
    (rule,) = applied(both, tuning(logsource="{category: ps_module}")).rules
    assert not is_narrowed(rule)
    (rule,) = applied(both, tuning(logsource="{category: [ps_script, ps_module]}")).rules
    assert is_narrowed(rule)


def test_several_filters_all_narrow() -> None:
    (rule,) = applied(RULE, tuning(), tuning("any")).rules
    assert codes(rule.findings) == ["filtered", "filtered"]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (
            tuning(f"[{ID}, {OTHER}]"),
            [
                (
                    f"1.yml:1:1: warning: the filter names the rule `{OTHER}`, which does not exist; "
                    "check the spelling, or remove it [filter-unknown-rule]"
                )
            ],
        ),
        (
            tuning(logsource="{product: linux}"),
            [
                (
                    f"1.yml:1:1: warning: the filter for the rule `{ID}` has the log source product linux, the rule "
                    "product windows; use the rule's log source in the filter; it is not applied [filter-logsource]"
                )
            ],
        ),
        (
            tuning("any", "{product: linux}"),
            [
                (
                    "1.yml:1:1: warning: no rule has the filter's log source, product linux; "
                    "check the spelling, or remove it [filter-unknown-rule]"
                )
            ],
        ),
        (
            tuning(condition="selection"),
            [
                (
                    "1.yml:4:3: info: the filter's condition has no `not`, so rules match only events that the "
                    "filter matches; write `not` before what the filter excludes [filter-keeps]"
                )
            ],
        ),
        (
            tuning().replace("logsource: {product: windows}\n", ""),
            [
                (
                    "1.yml:1:1: warning: the filter has no `logsource`; add the `logsource` of the rules "
                    "[missing-logsource]"
                ),
            ],
        ),
    ],
)
def test_a_doubtful_filter_is_reported(text: str, findings: list[str]) -> None:
    assert [str(finding) for finding in applied(RULE, text).findings] == findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            tuning().replace(f"  rules: [{ID}]\n", ""),
            (
                "rule.yml:4:3: error: the filter does not name its rules; "
                "add `rules` with ids or names, or `rules: any` [filter-rules]"
            ),
        ),
        (
            tuning("any").replace("logsource: {product: windows}\n", ""),
            (
                "rule.yml:1:1: error: the filter applies to any rule and has no `logsource`; "
                "add `logsource`, or name the rules [missing-logsource]"
            ),
        ),
        (
            tuning().replace("  condition: not selection\n", ""),
            "rule.yml:4:3: error: `filter` has no `condition`; add `condition: selection` [missing-condition]",
        ),
        (
            tuning(condition="not other"),
            (
                "rule.yml:7:14: error: `other` is not defined in `detection` (defined: `selection`); "
                "the filter is "
                "not applied; the rules are run without it [condition]"
            ),
        ),
        (
            tuning(condition="selection | count() > 5"),
            (
                "rule.yml:4:3: error: a filter cannot have an aggregation; the filter is not applied; the rules are "
                "run without it [condition]"
            ),
        ),
    ],
)
def test_an_invalid_filter_is_rejected_with_its_location(text: str, expected: str) -> None:
    assert fault(text) == expected


def test_filters_are_applied_across_folders(tmp_path: Path) -> None:
    for name, text in (("rules", RULE), ("tuning", tuning())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yml").write_text(text, encoding="utf-8")
    loaded = read_folders([read_folder(name, tmp_path / name) for name in ("rules", "tuning")])
    (rule,) = loaded.rules
    assert is_narrowed(rule)
    assert loaded.findings == ()


def test_a_folder_with_only_filters_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(tuning(), encoding="utf-8")
    folder = read_folder("tuning", tmp_path)
    assert (len(folder.filters), folder.rules, folder.findings) == (1, (), ())


def test_a_selection_named_filter_is_not_a_filter() -> None:
    text = HEAD + "detection:\n  filter: {F: a}\n  selection: {F: b}\n  condition: selection and not filter\n"
    assert len(contents(text).rules) == 1
