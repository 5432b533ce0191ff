"""Of events of a frequent kind only what rules read is flattened, and no rule that matches is missed."""

from __future__ import annotations

import pytest
from made_events import SYSMON, event
from support.fakes import rule

from watcher.match import event_kind, ruleset
from watcher.match.compiled_rule import CompiledRule
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import Event, Rule
from watcher.taxonomy.logsources import events_of


def detecting(text: str) -> Rule:
    """Read a rule with another selection."""
    return rule(rule().text.replace("CommandLine|contains: shell", text))


def ruleset_of(item: Rule) -> Ruleset:
    """Compile a rule, with a field mapping."""
    return Ruleset([CompiledRule(item, Predicate(item.node, events_of(item.logsource)))], {"mapped": ("custom.place",)})


@pytest.mark.parametrize(
    ("selection", "matching"),
    [
        ("CommandLine|contains: shell", event(CommandLine="a shell")),
        ("User: 'ACME\\bob'", {**event(), "user": {"domain": "ACME", "name": "bob"}}),
        ("Hashes|contains: SHA1=ABC", {**event(), "process": {"hash": {"sha1": "abc"}}}),
        ("CommandLine|fieldref: ParentCommandLine", event(CommandLine="a", ParentCommandLine="a")),
        ("agent.name: collector", {**event(), "agent": {"name": "collector"}}),
        ("mapped: here", {**event(), "custom": {"place": "here"}}),
        ("Data|contains: unnamed", event(param1="an unnamed value")),
        ("- written", {**event(), "message": "was written"}),
        ("- a value", event(Anything="a value")),
    ],
)
def test_of_a_frequent_kind_of_events_all_that_rules_read_is_flattened(selection: str, matching: Event) -> None:
    item = detecting(selection)
    rules = ruleset_of(item)
    other = event(Unread="x")
    for _ in range(300):
        assert rules.matching(other) == ()
    assert rules.matching(matching) == (item,)
    assert len(rules._frequent) == 1


def test_an_event_whose_kind_was_guessed_wrongly_is_flattened_again() -> None:
    item = detecting("CommandLine|contains: shell")
    rules = ruleset_of(item)
    for _ in range(300):
        rules.matching(event("Application", "1", CommandLine="a shell"))
    disguised = {**event("Application", "1", CommandLine="a shell"), "winlog.channel": SYSMON}
    reordered = {"winlog.channel": SYSMON, **event("Application", "1", CommandLine="a shell")}
    assert rules.matching(disguised) == rules.matching(dict(disguised))
    assert rules.matching(reordered) == (item,)  # the first name decides


def test_odd_channels_and_codes_are_read_as_they_are() -> None:
    rules = ruleset_of(rule())
    for channel in (["Security"], {"a": "b"}, 4.5, None, True, "x" * 500):
        for code in ([4688], {"code": 1}, None, "4688"):
            document = {"winlog": {"channel": channel}, "event": {"code": code}}
            assert rules.matching(document) == rules.verdict(rules.view(document)).rules
    assert rules.matching({"winlog": "text", "event": ["more"]}) == ()


def test_names_of_kinds_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_kind, "_TRIAL", 1)
    monkeypatch.setattr(ruleset, "_MAX_KINDS", 3)
    rules = ruleset_of(rule())
    for number in range(10):
        for _ in range(3):
            rules.matching(event(f"made-up-{number}"))
    assert 0 < len(rules._frequent) <= 3
