"""Every matched field and value of a hit is in the text of every channel, and why it matched."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.hostile_text import EVENT, NOW, alert
from support.shown_hits import hit_of
from support.truth_table import events, rules

from watcher.match.compiled_rule import CompiledRule
from watcher.match.predicate import Predicate
from watcher.match.ruleset import Ruleset
from watcher.model import Hit, MatchedField, MatchedValue, Notification
from watcher.notify.channel_registry import notifier_types
from watcher.notify.escaping import bounded_text
from watcher.notify.links import Links
from watcher.notify.message_context import alert_context
from watcher.notify.renderer import Renderer
from watcher.notify.sample import sample
from watcher.notify.teams.card_fitting import fitted_card
from watcher.sigma.rule_folders import read_folder
from watcher.taxonomy.logsources import events_of

SHIPPED = Path(__file__).resolve().parents[2] / "rules"
LINKS = Links(discover_url="https://kibana.example/app/discover")
RENDERER = Renderer()
FORM = ("type", "style", "fontType", "weight", "size", "color", "spacing")  # names whose values are not shown


def strings(value: Any) -> Iterator[str]:
    """Yield every text of a JSON document that is shown."""
    if isinstance(value, str):
        yield value
    shown = [inner for name, inner in value.items() if name not in FORM] if isinstance(value, dict) else value
    for inner in () if isinstance(value, str | int | None) else shown:
        yield from strings(inner)


def plain(text: str) -> str:
    """Return a text without what keeps it from being markup, and without line breaks."""
    return re.sub(
        r"\s+", "", text.replace("\u200b", "").replace("[.]", ".").replace("[:]", ":").replace("[\\\\]", "\\\\")
    )


def texts(notification: Notification) -> Iterator[str]:
    """Yield what each body of a message shows."""
    for media, body in notification.bodies.items():
        if media == "application/json":
            fitted = fitted_card(body) if "AdaptiveCard" in body else body
            yield plain("".join(strings(json.loads(fitted))))
        elif media == "text/html":
            yield plain(html.unescape(re.sub(r"<[^>]*>", "", body)))
        else:
            yield plain(body)


def missing(hit: Hit) -> list[tuple[str, str]]:
    """Return what a channel does not show of the matched fields, as (channel, text)."""
    message = alert_context(replace(sample(NOW), rule=hit.rule, first=hit, origin="live"), links=LINKS)
    wanted = [bounded_text(value.text) for field in hit.matched for value in field.values]
    wanted += [field.field for field in hit.matched]
    wanted += [bounded_text(field.words[0]) for field in hit.matched]
    return [
        (kind.name, text)
        for kind in notifier_types()
        for body in texts(RENDERER.render_type(message, kind, channel=kind.name))
        for text in wanted
        if plain(text) not in body
    ]


def test_the_messages_of_every_shipped_rule_show_what_matched() -> None:
    cases = [
        json.loads(line)["event"]
        for file in SHIPPED.rglob("*.test.ndjson")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    seen = set()
    for rule in read_folder("shipped", SHIPPED).rules:
        predicate = Predicate(rule.node, events_of(rule.logsource))
        event = next(event for event in cases if predicate.matches(event))
        assert missing(hit_of(rule, event)) == []
        seen.add(rule.id)
    assert len(seen) == 20


@pytest.mark.slow
def test_the_messages_of_two_hundred_rules_show_what_matched(shared_data: Path) -> None:
    every = rules(shared_data)
    ruleset = Ruleset([CompiledRule(rule, Predicate(rule.node, events_of(rule.logsource))) for rule in every])
    seen: set[str] = set()
    lacking: dict[str, list[tuple[str, str]]] = {}
    for name in ("sigmahq-regression", "mdecrevoisier"):
        for _, event in events(shared_data, name):
            for rule in ruleset.matching(event):
                if rule.path not in seen and len(seen) < 250:
                    seen.add(rule.path)
                    if absent := missing(hit_of(rule, event)):
                        lacking[rule.path] = absent
    assert len(seen) >= 200
    assert lacking == {}


def test_hostile_values_are_shown_as_text_in_every_channel() -> None:
    command = EVENT["winlog"]["event_data"]["CommandLine"]
    value = MatchedValue(command, ((0, 20), (len(command) - 5, len(command))))
    field = MatchedField(field="CommandLine", values=(value,), words=("contains `<b>`",))
    hostile = alert(EVENT)
    assert missing(replace(hostile.first, matched=(field,))) == []


def test_very_many_and_very_long_values_are_shortened_with_a_note() -> None:
    values = tuple(MatchedValue(f"{number} " + '"\\' * 600, ((0, 3),)) for number in range(5))
    fields = tuple(
        MatchedField(field=f"Field{number}", values=values, words=("contains `x`",) * 5) for number in range(30)
    )
    message = alert_context(replace(alert(EVENT), first=replace(alert(EVENT).first, matched=fields)), links=LINKS)
    assert sum(len(fact.text) for fact in message.matched) < 20_000
    assert all(fact.text.endswith("more characters)") for fact in message.matched)
    for kind in notifier_types():
        for body in texts(RENDERER.render_type(message, kind, channel=kind.name)):
            assert "morecharacters)" in body
