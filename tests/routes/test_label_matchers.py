import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.routes import (
    LabelMatcher,
    MatcherError,
    MatchOperator,
    all_match,
    equality_matchers,
    may_match,
    parse_matchers,
)
from watcher.routes.label_matchers import quoted

LABELS = {
    "level": ("high",),
    "rule": ("id-1", "New Service Runs a Shell"),
    "host": ("DC01",),
    "user": ("CORP\\nora", "nora"),
    "tag": ("attack.t1543.003", "attack.persistence"),
    "message": ("first\nsecond",),
}


@pytest.mark.parametrize(
    "text",
    [
        'level="high"',
        "level=high",
        "{level=high}",
        '{ level = "HIGH" , host = "dc01" }',
        'level=~"high|critical", host!="DC02"',
        "level>=medium",
        "level>=high",
        "level<=high",
        r'user="CORP\nora"',
        r'user="CORP\\nora"',
        "user=nora",
        'rule="new service runs a shell"',
        "rule=id-1",
        "tag=attack.persistence",
        "tag!=attack.execution",
        'host!~"WS.*"',
        'service=""',
        'service!~".+"',
        'message=~"first.second"',
        "level=high,",
    ],
)
def test_matchers_that_hold(text: str) -> None:
    assert all_match(parse_matchers(text), LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "level=low",
        "level>=critical",
        "level<=medium",
        'host=~"DC"',  # all of the value
        'host=~"C01|DC0"',
        "host!=dc01",
        'host!~"dc[0-9]+"',
        "tag!=attack.persistence",  # one of its values is equal
        'tag!~"attack\\.t15.*"',
        'service=~".+"',
        'service!=""',
        "level=high, host=DC02",
        "host=DC02, level=high",
    ],
)
def test_matchers_that_do_not_hold(text: str) -> None:
    assert not all_match(parse_matchers(text), LABELS)


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("", "the text has no matcher", 'level=~"high|critical"'),
        ("{}", "the text has no matcher", 'level=~"high|critical"'),
        ("host", "no matcher at `host`", 'host!="DC01"'),
        ("host=", "no matcher at `host=`", 'host!="DC01"'),
        ("=DC01", "no matcher at `=DC01`", 'host!="DC01"'),
        ("a=b c=d", "no matcher at `a=b c=d`", 'host!="DC01"'),
        ('a=b, host="DC', 'no matcher at `host="DC`', 'host!="DC01"'),
        ("{a=b", "a brace is missing", 'host!="DC01"'),
        ("a=b}", "a brace is missing", 'host!="DC01"'),
        ("host>=3", "`>=` compares levels, and `host` has no order", "use `=`, `!=`, `=~` or `!~`"),
        ("level=hihg", "`hihg` is no level", "use `informational`, `low`, `medium`, `high`, `critical`"),
        ('host=~"(?=a)b"', "`(?=a)b` is no regular expression of RE2: ", "RE2 has no look-around"),
        ('host=~"("', "`(` is no regular expression of RE2: missing ", "RE2 has no look-around"),
        (f'host="{"a" * 5000}"', "matchers have at most 4096 characters", "use several routes"),
    ],
)
def test_a_text_that_is_no_matcher_says_why_and_what_to_write(text: str, message: str, fix: str) -> None:
    with pytest.raises(MatcherError) as fault:
        parse_matchers(text)
    assert message in fault.value.message
    assert fix in fault.value.fix


def test_a_mapping_means_any_value_of_each_label() -> None:
    matchers = equality_matchers({"level": ["high", "critical"], "host": ["dc01"]})
    assert all_match(matchers, LABELS)
    assert not all_match(matchers, {**LABELS, "host": ("DC02",)})
    assert str(matchers[0]) == 'level=["high", "critical"]'


def test_no_matchers_hold_for_every_alert() -> None:
    assert all_match((), {})


def test_of_a_rule_only_its_own_labels_decide() -> None:
    labels = {"level": ("low",), "tag": ("attack.execution",)}
    assert may_match(parse_matchers("level=low, host=DC01, TargetUserName!=x"), labels)
    assert not may_match(parse_matchers("level=high, host=DC01"), labels)
    assert not may_match(parse_matchers("tag!=attack.execution"), labels)


def test_a_value_that_is_no_unicode_is_compared() -> None:
    matchers = parse_matchers('process=~".*evil.*"')
    assert all_match(matchers, {"process": ("C:\\\ud800evil\x00.exe",)})


values = st.text(max_size=12)
labels = st.dictionaries(st.sampled_from(["host", "user", "code"]), st.lists(values, max_size=3).map(tuple))


@given(label=st.sampled_from(["host", "user", "code"]), value=values, labels=labels)
def test_each_negative_matcher_is_the_opposite_and_survives_its_text(
    label: str, value: str, labels: dict[str, tuple[str, ...]]
) -> None:
    equal = LabelMatcher(label=label, operator=MatchOperator.EQUAL, values=(value,))
    (different,) = parse_matchers(f"{label}!={quoted(value)}")
    assert equal.matches(labels) is not different.matches(labels)
    assert parse_matchers(str(equal)) == (equal,)


def test_all_labels_of_a_rule_must_match() -> None:
    labels = {"level": ("low",), "tag": ("attack.execution",)}
    assert not may_match(parse_matchers("level=low, tag=attack.impact"), labels)
    assert not may_match(parse_matchers("tag=attack.impact, level=low"), labels)


@pytest.mark.parametrize("operator", [MatchOperator.AT_LEAST, MatchOperator.AT_MOST])
def test_what_is_no_level_has_no_order(operator: MatchOperator) -> None:
    above = LabelMatcher(label="level", operator=operator, values=("medium",))
    assert above.matches({"level": ("Medium",)})
    assert not above.matches({"level": ("odd",)})
    assert not above.matches({})
    assert not LabelMatcher(label="level", operator=operator, values=("odd",)).matches({"level": ("odd",)})
