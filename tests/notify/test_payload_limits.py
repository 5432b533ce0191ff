"""Messages of Slack and Teams in the limits and the schema that their services document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.card_faults import card_faults
from support.hostile_messages import huge_message, messages, rendered
from support.hostile_text import EVENT, NOW, alert
from support.shown_hits import hit_of
from support.slack_receiver import slack_faults

from watcher.match.predicate import Predicate
from watcher.model import AlertStatus, FollowUp, HistoryEntry, MatchedField, MatchedValue, PriorAlerts, TriageAction
from watcher.notify.links import Links
from watcher.notify.message_context import AlertContext, alert_context
from watcher.notify.renderer import MessageContext
from watcher.notify.sample import sample, sample_digest, sample_notice
from watcher.notify.slack import SlackChannel
from watcher.notify.slack.status_block import with_status
from watcher.notify.teams import TeamsChannel
from watcher.notify.teams.card_fitting import fitted_card
from watcher.settings import Secret
from watcher.sigma.rule_folders import read_folder
from watcher.taxonomy.logsources import events_of

SHIPPED = Path(__file__).resolve().parents[2] / "rules"
LINKS = Links(
    discover_url="https://kibana.example/app/discover",
    catalogue_url="https://rules.example",
)
SLACK = SlackChannel(name="s", bot_token=Secret("xoxb-1-a"), conversation="C0123456789")
TEAMS = TeamsChannel(name="t", url=Secret("https://flow.example/x"))


def shipped_messages() -> Iterator[AlertContext]:
    """Yield the message of every shipped rule, on the first event of its tests that it matches."""
    cases = [
        json.loads(line)["event"]
        for file in SHIPPED.rglob("*.test.ndjson")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    for rule in read_folder("shipped", SHIPPED).rules:
        predicate = Predicate(rule.node, events_of(rule.logsource))
        hit = hit_of(rule, next(event for event in cases if predicate.matches(event)))
        prior = PriorAlerts(anywhere=3, on_host=2, in_week=1)
        yield alert_context(replace(sample(NOW), rule=rule, first=hit, origin="live", prior=prior), links=LINKS)


def largest_message() -> AlertContext:
    """Return a message with as many and as long values, references, hints and links as a message may have."""
    values = tuple(MatchedValue(f"{number} " + '"\\' * 600, ((0, 3),)) for number in range(9))
    fields = tuple(
        MatchedField(field=f"Field{number}", values=values, words=("contains `x`" * 90,) * 9) for number in range(40)
    )
    hostile = alert(EVENT)
    rule = replace(
        hostile.rule,
        title="t" * 9_000,
        description="d" * 9_000,
        references=tuple(f"https://e.example/{number}/{'r' * 9_000}" for number in range(90)),
        falsepositives=("f" * 9_000,) * 90,
        tags=tuple(f"attack.t{1000 + number}" for number in range(300)),
    )
    return alert_context(
        replace(hostile, rule=rule, first=replace(hostile.first, rule=rule, matched=fields)), links=LINKS
    )


def every_message() -> Iterator[MessageContext]:
    """Yield messages of every kind and size."""
    yield from shipped_messages()
    yield from messages()
    yield from (huge_message(), largest_message(), sample_digest(NOW), sample_notice(NOW))


@pytest.fixture(scope="module")
def contexts() -> tuple[MessageContext, ...]:
    """Return messages of every kind and size, rendered once."""
    return tuple(every_message())


def test_messages_of_slack_are_as_its_reference_of_blocks_wants_them(contexts: tuple[MessageContext, ...]) -> None:
    faults = {}
    for number, context in enumerate(contexts):
        message = json.loads(rendered(context, SLACK).bodies["application/json"])
        faults[number] = [*slack_faults(message), *slack_faults(with_status(message, history()))]
    assert len(contexts) > 20 + 8
    assert {number: listed for number, listed in faults.items() if listed} == {}


def history() -> FollowUp:
    """Return what people did, at length."""
    entries = tuple(
        HistoryEntry(
            time=NOW + timedelta(minutes=number), by="a" * 400, action=TriageAction.COMMENT, comment="c\n" * 2_000
        )
        for number in range(300)
    )
    return FollowUp(status=AlertStatus.ACKNOWLEDGED, entries=(), history=entries)


def test_cards_are_as_the_schema_of_adaptive_cards_and_the_limits_of_teams_want_them(
    contexts: tuple[MessageContext, ...],
) -> None:
    faults = {
        number: list(card_faults(fitted_card(rendered(context, TEAMS).bodies["application/json"])))
        for number, context in enumerate(contexts)
    }
    assert {number: listed for number, listed in faults.items() if listed} == {}


def test_the_checks_find_what_is_wrong() -> None:
    message = json.loads(rendered(sample_notice(NOW), SLACK).bodies["application/json"])
    header, *others = message["blocks"]
    for blocks in (
        [],
        [header] * 51,
        [{**header, "text": {**header["text"], "text": "h" * 151}}, *others],
        [{**header, "text": {**header["text"], "type": "mrkdwn"}}, *others],
        [{"type": "section", "fields": [header["text"]] * 11}],
        [{"type": "image"}],
    ):
        assert list(slack_faults({**message, "blocks": blocks})) != []
    card = rendered(sample_notice(NOW), TEAMS).bodies["application/json"]
    assert list(card_faults(card)) == []
    for wrong in (("1.4", "1.6"), ("Bolder", "Bold"), ("RichTextBlock", "RichText"), ('"text"', '"txt"')):
        assert list(card_faults(card.replace(*wrong))) != []
