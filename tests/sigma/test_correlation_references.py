"""References of correlation rules over files and folders: ids, names, titles, files, chains, cycles."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from rule_fixtures import codes, contents

from watcher.model.correlation_rules import ResolvedCorrelations
from watcher.model.correlations import AllOf, NoneOf, RuleName
from watcher.sigma.correlation_folders import with_correlations
from watcher.sigma.rule_folders import LoadedRules, read_folder, read_folders


def identifier(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def base(number: int, name: str = "", title: str = "") -> str:
    named = f"name: {name}\n" if name else ""
    return (
        f"title: {title or f'Rule {number}'}\nid: {identifier(number)}\n{named}logsource: {{product: windows}}\n"
        "detection: {s: {F: a}, condition: s}\n"
    )


def correlation(number: int, rules: str, **keys: str) -> str:
    further = {"type": "temporal", "group-by": "[U]", "timespan": "1h", **keys}
    name = f"name: {further.pop('name')}\n" if "name" in further else ""
    lines = "".join(f"  {key}: {value}\n" for key, value in further.items())
    return f"title: Many {number}\nid: {identifier(number)}\nlevel: high\n{name}correlation:\n  rules: {rules}\n{lines}"


def loaded(tmp_path: Path, *folders: dict[str, str]) -> LoadedRules:
    read = []
    for number, files in enumerate(folders):
        for name, text in files.items():
            file = tmp_path / str(number) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        read.append(read_folder(f"folder {number}", tmp_path / str(number)))
    return read_folders(read)


def resolved(tmp_path: Path, *folders: dict[str, str]) -> ResolvedCorrelations:
    return loaded(tmp_path, *folders).correlations


def messages(result: ResolvedCorrelations, tmp_path: Path) -> list[str]:
    return [str(finding).replace(str(tmp_path), "") for finding in result.findings]


def test_ids_and_names_are_resolved_across_files_and_folders(tmp_path: Path) -> None:
    result = resolved(
        tmp_path,
        {"a.yml": base(1, "first"), "sub/b.yml": base(2)},
        {"c.yml": correlation(9, f"[first, {identifier(2).upper()}, third]") + "---\n" + base(3, "third")},
    )
    assert result.findings == ()
    assert result.correlations[identifier(9)].base_rules == (identifier(1), identifier(2), identifier(3))


@pytest.mark.parametrize(
    ("reference", "finding"),
    [
        ("Encoded Command", "`Encoded Command` is the title of a rule, which may change; write `enc`"),
        ("encoded command", "`encoded command` is the title of a rule, which may change; write `enc`"),
        ("win_encoded", "`win_encoded` is the file name of a rule, which may change; write `enc`"),
        ("win_encoded.yml", "`win_encoded.yml` is the file name of a rule, which may change; write `enc`"),
        ("sub/win_encoded.yml", "`sub/win_encoded.yml` is the file name of a rule, which may change; write `enc`"),
        (
            "rules/sub/win_encoded.yml",
            "`rules/sub/win_encoded.yml` is the file name of a rule, which may change; write `enc`",
        ),
        ("sub/win_encoded", "`sub/win_encoded` is the file name of a rule, which may change; write `enc`"),
        (
            "../sub/win_encoded.yml",
            "`../sub/win_encoded.yml` is the file name of a rule, which may change; write `enc`",
        ),
        (r".\SUB\win_encoded", r"`.\SUB\win_encoded` is the file name of a rule, which may change; write `enc`"),
        ("ENC", "the name `enc` is spelled `ENC`; write `enc`"),
    ],
)
def test_titles_files_and_other_case_are_resolved_with_a_finding(tmp_path: Path, reference: str, finding: str) -> None:
    files = {
        "rules/sub/win_encoded.yml": base(1, "enc", "Encoded Command"),
        "b.yml": base(2, "other"),
        "c.yml": correlation(9, f"[{reference}, other]"),
    }
    result = resolved(tmp_path, files)
    assert result.correlations[identifier(9)].base_rules == (identifier(1), identifier(2))
    assert messages(result, tmp_path) == [f"/0/c.yml:5:11: warning: {finding} [correlation-by-title]"]


def test_a_rule_without_a_name_is_to_be_named_by_its_id(tmp_path: Path) -> None:
    (text,) = messages(resolved(tmp_path, {"a.yml": base(1) + "---\n" + correlation(9, "[Rule 1, a]")}), tmp_path)[:1]
    assert f"write the id `{identifier(1)}`, or give the rule a `name`" in text


def test_a_correlation_with_the_title_of_its_base_rule_does_not_mean_itself(tmp_path: Path) -> None:
    text = base(1, title="Many 9") + "---\n" + correlation(9, "[Many 9]", type="event_count", condition="{gte: 2}")
    result = resolved(tmp_path, {"a.yml": text})
    assert result.correlations[identifier(9)].base_rules == (identifier(1),)


@pytest.mark.parametrize(
    ("reference", "fix"),
    [
        ("logn_failed", "did you mean `login_failed` or "),
        ("login faild title", "did you mean `Login failed title`"),
        ("zzzzzzzz", "write the id or name of a rule"),
    ],
)
def test_an_unknown_reference_is_an_error_with_the_nearest_names(tmp_path: Path, reference: str, fix: str) -> None:
    files = {
        "a.yml": base(1, "login_failed", "Login failed title"),
        "b.yml": base(2, "login_passed"),
        "c.yml": correlation(9, f"[{reference}, login_failed]"),
        "d.yml": correlation(8, "[login_passed, login_failed]"),
    }
    result = resolved(tmp_path, files)
    (text,) = messages(result, tmp_path)
    assert text.startswith(f"/0/c.yml:5:11: error: no rule has the id or name `{reference}`; {fix}")
    assert text.endswith(" [correlation-reference]")
    assert list(result.correlations) == [identifier(8)]


def test_a_name_of_several_rules_means_that_of_the_file_then_that_of_the_folder(tmp_path: Path) -> None:
    count = {"type": "event_count", "condition": "{gte: 2}"}
    result = resolved(
        tmp_path,
        {
            "a.yml": base(1, "x") + "---\n" + correlation(9, "[x]", **count),
            "b.yml": base(2, "x"),
            "c.yml": correlation(8, "[x]", **count),
        },
        {"d.yml": base(3, "x"), "e.yml": correlation(7, "[x]", **count)},
    )
    chosen = {number: result.correlations.get(identifier(number)) for number in (9, 8, 7)}
    assert chosen[9] is not None
    assert chosen[9].base_rules == (identifier(1),)
    assert chosen[8] is None
    assert chosen[7] is not None
    assert chosen[7].base_rules == (identifier(3),)
    assert messages(result, tmp_path) == [
        (
            "/0/c.yml:5:11: error: several rules are called `x`: `a.yml`, `b.yml`; write the id of a rule "
            "[correlation-reference]"
        )
    ]


def test_a_rule_named_twice_counts_once(tmp_path: Path) -> None:
    text = base(1, "x") + "---\n" + base(2, "y") + "---\n" + correlation(9, f"[x, y, {identifier(1)}, y]")
    result = resolved(tmp_path, {"a.yml": text})
    assert result.correlations[identifier(9)].base_rules == (identifier(1), identifier(2))
    assert [finding.code for finding in result.findings] == ["correlation-repeated"] * 2
    assert f"names the rule `{identifier(1)}` twice, also as `x`; it counts once" in str(result.findings[0])


def test_conditions_and_aliases_name_rules_as_the_list_does_or_otherwise(tmp_path: Path) -> None:
    text = (
        base(1, "x")
        + "---\n"
        + base(2, "y")
        + "---\n"
        + correlation(
            9,
            f"[x, {identifier(2)}]",
            condition="x and not y",
            **{"group-by": "[ip]"},
            aliases=f"{{ip: {{{identifier(1)}: a, y: b}}}}",
        )
    )
    result = resolved(tmp_path, {"a.yml": text})
    assert result.findings == ()
    read = result.correlations[identifier(9)]
    assert read.boolean == AllOf((RuleName(identifier(1)), NoneOf(RuleName(identifier(2)))))
    assert read.field_of("ip", identifier(1)) == "a"
    assert read.field_of("ip", identifier(2)) == "b"


@pytest.mark.parametrize(
    ("keys", "finding"),
    [
        ({"condition": "x and z"}, "error: the condition names `z`, which is not in `rules`; name one of `x`, `y`"),
        ({"condition": "x and q"}, "error: the condition names `q`, which is not in `rules`; name one of `x`, `y`"),
        ({"condition": "x"}, "warning: the condition does not name `y`, so that its hits take no part; name it, or"),
        ({"aliases": "{U: {x: a, q: b}}"}, "warning: the alias `U` names `q`, which is not in `rules`; write a name"),
        ({"aliases": "{V: {x: a}}"}, "warning: neither `group-by` nor `field` uses the alias `V`; use it, or remove"),
    ],
)
def test_names_outside_of_the_list_are_reported(tmp_path: Path, keys: dict[str, str], finding: str) -> None:
    bases = "---\n".join((base(1, "x"), base(2, "y"), base(3, "q")))
    result = resolved(tmp_path, {"a.yml": bases + "---\n" + correlation(9, "[x, y]", **keys)})
    (text,) = messages(result, tmp_path)
    assert f": {finding}" in text
    assert (identifier(9) in result.correlations) == finding.startswith("warning")


def test_correlations_may_refer_to_correlations_written_later(tmp_path: Path) -> None:
    text = "---\n".join(
        (
            correlation(9, "[inner, y]", type="temporal_ordered"),
            correlation(8, "[x]", name="inner", type="event_count", condition="{gte: 3}"),
            base(1, "x"),
            base(2, "y"),
        )
    )
    result = resolved(tmp_path, {"a.yml": text})
    assert result.findings == ()
    assert [rule.id for rule in result.rules] == [identifier(8), identifier(9)]
    assert result.correlations[identifier(9)].base_rules == (identifier(8), identifier(2))


def test_a_cycle_is_an_error_that_shows_the_path(tmp_path: Path) -> None:
    text = "---\n".join(
        (
            correlation(7, f"[{identifier(8)}, x]"),
            correlation(8, f"[{identifier(9)}, x]"),
            correlation(9, f"[{identifier(7)}, x]"),
            correlation(6, f"[{identifier(9)}, x]"),
            correlation(5, f"[{identifier(5)}, x]"),
            correlation(4, "[x, y]"),
            base(1, "x"),
            base(2, "y"),
        )
    )
    result = resolved(tmp_path, {"a.yml": text})
    assert list(result.correlations) == [identifier(4)]
    texts = [text.partition("error: ")[2] for text in messages(result, tmp_path)]
    remove = "; remove one of the references [correlation-cycle]"
    assert texts == [
        f"the correlation refers to itself: `Many 7` → `Many 8` → `Many 9` → `Many 7`{remove}",
        f"the correlation refers to itself: `Many 8` → `Many 9` → `Many 7` → `Many 8`{remove}",
        f"the correlation refers to itself: `Many 9` → `Many 7` → `Many 8` → `Many 9`{remove}",
        (
            "the correlation `Many 9`, to which this one refers, is not evaluated; correct `/0/a.yml:19:1` "
            "[correlation-reference]"
        ),
        f"the correlation refers to itself: `Many 5` → `Many 5`{remove}",
    ]


def test_a_faulty_inner_correlation_stops_the_outer_one(tmp_path: Path) -> None:
    text = "---\n".join((correlation(9, f"[{identifier(8)}, x]"), correlation(8, "[nowhere, x]"), base(1, "x")))
    result = resolved(tmp_path, {"a.yml": text})
    assert (result.rules, codes(result.findings)) == ((), ["correlation-reference", "correlation-reference"])


def test_chains_and_cycles_of_hundreds_are_resolved(tmp_path: Path) -> None:
    chain = [correlation(number, f"[{identifier(number + 1)}, x]") for number in range(10, 410)]
    cycle = [correlation(number, f"[{identifier(number % 400 + 1001)}, x]") for number in range(1001, 1401)]
    unknown = [correlation(number, f"[nowhere {number}, x]") for number in range(2001, 2201)]
    texts = (*chain, correlation(410, "[x, y]"), *cycle, *unknown, base(1, "x"), base(2, "y"))
    result = resolved(tmp_path, {"a.yml": "---\n".join(texts)})
    assert len(result.rules) == 401
    assert result.rules[0].id == identifier(410)


def test_base_rules_do_not_alert_unless_a_correlation_says_so(tmp_path: Path) -> None:
    text = "---\n".join(
        (
            correlation(9, f"[{identifier(8)}, y]"),
            correlation(8, "[x, z]"),
            correlation(7, "[z, y]", generate="true"),
            correlation(6, "[nowhere, w]"),
            *(base(number, name) for number, name in enumerate("xyzw", start=1)),
        )
    )
    result = resolved(tmp_path, {"a.yml": text})
    everything = [identifier(number) for number in (9, 8, 7)]
    assert result.without_alerts(everything) == {identifier(8), identifier(1)}
    assert result.without_alerts([identifier(9)]) == {identifier(8), identifier(1), identifier(2), identifier(3)}
    assert result.without_alerts([identifier(8)]) == {identifier(1), identifier(3)}
    assert result.without_alerts([]) == frozenset()
    assert result.required_by([identifier(9)]) == {identifier(number) for number in (8, 1, 2, 3)}


def test_ids_that_are_used_twice(tmp_path: Path) -> None:
    bases = base(1, "x") + "---\n" + base(2, "y") + "---\n" + base(3, "z")
    same, other = correlation(9, "[x, y]"), correlation(9, "[x, z]")
    assert codes(resolved(tmp_path / "a", {"a.yml": bases, "b.yml": same, "c.yml": same}).findings) == ["equal-rule"]
    different = resolved(tmp_path / "b", {"a.yml": bases, "b.yml": same, "c.yml": other})
    assert (different.rules, codes(different.findings)) == ((), ["duplicate-id"])
    later = resolved(tmp_path / "c", {"a.yml": bases, "b.yml": same}, {"c.yml": other})
    assert (later.rules[0].path, codes(later.findings)) == ("c.yml", ["replaced-rule"])
    shared = resolved(tmp_path / "d", {"a.yml": bases, "b.yml": correlation(1, "[y, z]")})
    assert shared.rules == ()
    assert "is that of the rule" in str(shared.findings[0])


def test_runs_without_correlations_are_as_before(tmp_path: Path) -> None:
    rules = loaded(tmp_path, {"a.yml": base(1, "x") + "---\n" + correlation(9, "[x, nowhere]")})
    assert codes(rules.findings) == ["correlation"]
    evaluated = with_correlations(rules)
    assert codes(evaluated.findings) == ["correlation-reference"]
    assert with_correlations(evaluated) == evaluated


def test_the_correlations_of_real_rules_are_read_or_refused(shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "rules.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = read_folder("corpus", tmp_path)
    result = read_folders([folder]).correlations
    assert sum(rule.converted for rule in result.rules) == 14
    assert sum(not rule.converted for rule in result.rules) == 9
    assert len(result.base_rules) == 14
    counted = [finding for finding in result.findings if finding.code != "missing-id"]
    assert codes(tuple(counted)).count("converted-aggregation") == 14
    refused = [finding for finding in counted if finding.code == "refused-aggregation"]
    assert len(refused) == 7
    assert sum("has no `timeframe`" in finding.message for finding in refused) == 6
    assert "type: temporal_ordered" in next(f.fix for f in refused if "timeframe" not in f.message)
    assert len(counted) == 21


def test_the_texts_of_contents_keep_what_was_refused() -> None:
    assert codes(contents(correlation(9, "[]")).refused) == ["correlation-rules"]
