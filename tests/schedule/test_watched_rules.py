"""Rules that are new, changed, removed or reloaded, and since when each is searched."""

from __future__ import annotations

from datetime import timedelta

from support.fake_source import MINUTE, OTHER, FakeSource, arriving
from support.fakes import NOW, RULE, rule

from watcher.model import Window


def test_a_new_rule_begins_at_the_watermark_and_a_changed_rule_keeps_its_start() -> None:
    fake = FakeSource()
    fake.search.live.advance()
    fake.events.feed(arriving(1, NOW - MINUTE, CommandLine="notepad"), arriving(2, NOW + MINUTE, CommandLine="notepad"))
    fake.rules = (rule(hash="changed"), OTHER)
    fake.restart()
    fake.events.time += 2 * MINUTE
    result = fake.search.live.advance()
    assert result is not None
    assert result.hits == 1  # the one after the edge
    assert fake.checkpoints.rule_starts("windows") == {rule().id: NOW - 5 * MINUTE, OTHER.id: NOW}


def test_a_rule_without_a_start_does_not_search_the_past() -> None:
    fake = FakeSource()
    fake.searched(NOW - timedelta(days=1), NOW)
    fake.events.feed(arriving(1, NOW - 60 * MINUTE, CommandLine="notepad in a shell"))
    fake.rules = (rule(), OTHER)  # another sidecar has the live edge, and the old rules
    fake.restart()
    fake.events.time += MINUTE
    (result,) = fake.search.late_events.check()
    assert result.by_rule == {rule().id: 1, OTHER.id: 0}
    assert len(fake.ids("hits")) == 1


def test_a_rule_added_by_a_reload_begins_at_the_watermark() -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    fake.search.live.advance()
    fake.reload(*fake.rules, OTHER)
    fake.events.time += MINUTE
    fake.events.feed(
        arriving(2, NOW - MINUTE, CommandLine="notepad"), arriving(3, NOW + MINUTE / 2, CommandLine="notepad")
    )
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, result.by_rule) == (1, {fake.rules[0].id: 1, OTHER.id: 1})
    assert fake.checkpoints.rule_starts(fake.source.name)[OTHER.id] == NOW


def test_a_rule_changed_by_a_reload_keeps_its_start_and_repeats_no_alert() -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    fake.search.live.advance()
    (old,) = fake.rules
    new = rule(RULE.replace("contains: shell", "contains: [shell, notepad]"))
    assert (new.id, new.hash != old.hash) == (old.id, True)
    fake.reload(new)
    fake.events.feed(arriving(2, NOW - 2 * MINUTE, CommandLine="notepad"))
    fake.events.time += MINUTE
    result = fake.search.live.advance()
    assert result is not None
    assert (result.hits, result.by_rule) == (1, {new.id: 2})


def test_a_rule_removed_by_a_reload_matches_no_more() -> None:
    fake = FakeSource(rules=(rule(), OTHER))
    fake.search.live.advance()
    fake.reload(OTHER)
    fake.events.feed(arriving(1, NOW + MINUTE / 2))
    fake.events.time += MINUTE
    result = fake.search.live.advance()
    assert result is not None
    assert result.hits == 0
    assert set(fake.checkpoints.rule_starts(fake.source.name)) == {OTHER.id}


def test_a_search_in_progress_ends_with_the_rules_that_it_began_with() -> None:
    fake = FakeSource()
    fake.events.feed(arriving(1, NOW - MINUTE))
    detector = fake.search.rules.detector
    fake.reload(OTHER)
    assert detector.detect(Window(start=NOW - 5 * MINUTE, end=NOW)).hits == 1
