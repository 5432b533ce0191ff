"""Values of matchers that no rule has: the closest one of a rule is named."""

from __future__ import annotations

import pytest
from support.fakes import rule

from watcher.lint.label_lints import near_values
from watcher.routes import parse_matchers, rule_labels


@pytest.mark.parametrize(
    ("matchers", "advice"),
    [
        ('rule="A Shel Starts"', 'did you mean rule "A Shell Starts"'),
        ('rule="a shell startz"', 'did you mean rule "A Shell Starts"'),
        ('rule="A Shell Starts"', "otherwise"),
        ("tag=attack.t1562.001", "otherwise"),  # a technique of its own, whose number is close to another one
        ('host="A Shel Starts"', "otherwise"),  # events decide about it
        ('rule=~"A Shel.*"', "otherwise"),
    ],
)
def test_the_closest_value_of_a_rule_is_named(matchers: str, advice: str) -> None:
    labels = [rule_labels(rule(title="A Shell Starts", tags=("attack.t1566.001",)))]
    assert near_values(parse_matchers(matchers), labels, "otherwise") == advice
