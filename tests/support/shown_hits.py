"""Hits as a search creates them, with what the rule matched."""

from __future__ import annotations

from dataclasses import replace

from support.hostile_text import NOW
from watcher.match.event_summarizer import summarize
from watcher.match.event_view import EventView
from watcher.match.match_explainer import MatchExplainer
from watcher.model import Event, Hit, Rule
from watcher.notify.sample import sample
from watcher.taxonomy.logsources import events_of


def hit_of(rule: Rule, event: Event) -> Hit:
    """Return the hit of a rule on an event, as a search creates it."""
    view = EventView(event)
    matched = MatchExplainer(rule.node, events_of(rule.logsource)).matched(view)
    return replace(sample(NOW).first, rule=rule, event=event, summary=summarize(view), matched=matched)
