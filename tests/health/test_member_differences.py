"""Sidecars that differ are reported, and so are messages for a channel that none of them has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.fakes import NOW, rule

from watcher.correlate.correlation_plan import SearchedRules
from watcher.health.member_differences import absent_channels, member_problems
from watcher.health.own_profile import OwnProfile, settings_digests
from watcher.health.recorded_problems import Problem
from watcher.present.status_tables import status_json, status_tables
from watcher.settings import Settings, Source, read
from watcher.sigma.rule_folders import LoadedRules
from watcher.state.member_profile import MemberProfile, profile_from_body
from watcher.state.membership import Membership
from watcher.usecases.status import MemberStatus, Status

HOUR_AGO = NOW - timedelta(hours=1)
PROFILE = MemberProfile(
    channels=("mail", "slack"), settings={"channels": "c", "sources": "s"}, rules="r", rule_count=20, since=HOUR_AGO
)
WITHOUT_SLACK = replace(PROFILE, channels=("mail",), settings={"channels": "other", "sources": "s"})


def problems(
    *profiles: MemberProfile, waiting: dict[str, int] | None = None, seen: timedelta = timedelta(seconds=5)
) -> tuple[Problem, ...]:
    """Return the problems of members a, b, …, all of which were just seen but the last."""
    return member_problems(members(*profiles, seen=seen), waiting or {}, NOW)


def members(*profiles: MemberProfile, seen: timedelta = timedelta(seconds=5)) -> Membership:
    """Return the members a, b, …, all of which were just seen but the last."""
    names = [chr(ord("a") + number) for number in range(len(profiles))]
    last_seen = {name: NOW - timedelta(seconds=5) for name in names} | {names[-1]: NOW - seen}
    return Membership(
        period=timedelta(seconds=30), last_seen=last_seen, profiles=dict(zip(names, profiles, strict=True))
    )


def test_members_that_agree_are_no_problem() -> None:
    assert problems(PROFILE, PROFILE, waiting={"mail": 3, "slack/x": 1}) == ()


def test_a_member_that_lacks_a_channel_is_named() -> None:
    (problem,) = problems(PROFILE, WITHOUT_SLACK, PROFILE)
    assert problem.key == "members-differ:channels"
    assert problem.message == (
        "sidecars differ in the settings `channels`: a, c | b; b lacks `slack`, the others send those messages; "
        "give all of them the same settings and rule files"
    )


def test_members_that_run_different_rules_are_named_with_their_counts() -> None:
    (problem,) = problems(PROFILE, replace(PROFILE, rules="other", rule_count=1_200))
    assert problem.message.startswith("sidecars run different rules: a (20 rules) | b (1,200 rules); give all")


@pytest.mark.parametrize("since", [NOW, NOW - timedelta(seconds=59)])
def test_a_change_has_a_minute_to_reach_every_member(since: object) -> None:
    changed = replace(PROFILE, rules="other", since=since)
    assert problems(PROFILE, changed) == ()


def test_a_member_that_is_gone_differs_from_no_other() -> None:
    assert problems(PROFILE, WITHOUT_SLACK, seen=timedelta(minutes=5)) == ()


def test_messages_for_a_channel_that_no_member_has_are_reported() -> None:
    (problem,) = problems(WITHOUT_SLACK, waiting={"slack": 4, "mail": 2, "pager": 0})
    assert problem.key == "channel-missing:slack"
    assert problem.message == (
        "no sidecar has the channel `slack`: 4 messages are kept for it; add it to `channels` in settings"
    )


def test_a_channel_of_settings_that_no_live_member_has_is_reported() -> None:
    assert absent_channels(members(WITHOUT_SLACK, PROFILE), ("mail", "slack"), NOW) == ()
    (problem,) = absent_channels(members(WITHOUT_SLACK, PROFILE, seen=timedelta(minutes=5)), ("mail", "slack"), NOW)
    assert problem.key == "channel-missing:slack"
    assert problem.message == (
        "no sidecar has the channel `slack` of these settings: it gets no alerts; send the sidecars SIGHUP, or start "
        "one with these settings"
    )
    assert absent_channels(members(PROFILE, seen=timedelta(minutes=5)), ("mail",), NOW) == ()  # `not-searched` says it


def test_a_profile_is_read_as_it_was_published() -> None:
    body = {"profile": PROFILE.to_body(), "profile_since": "2026-11-23T11:00:00.000Z"}
    assert profile_from_body(body) == PROFILE
    assert profile_from_body({"beat": 3}) is None


def test_digests_of_settings_leave_out_secrets_folders_and_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    digests = []
    for folder in ("a", "b"):
        (tmp_path / folder / "secret").write_text(f"https://hooks.test/{folder}")
        text = (
            f"cluster: {{hosts: 'https://{folder}.test'}}\nchannels: {{s: {{type: slack, webhook_url_file: secret}}}}"
        )
        digests.append(settings_digests(read(text, {}, file=tmp_path / folder / "watcher.yml")))
    assert digests[0] == digests[1]
    assert "cluster" not in digests[0]
    assert digests[0]["sources"] != settings_digests(Settings(sources=(Source(name="other"),)))["sources"]


def test_the_own_profile_follows_the_rules_that_are_read_again() -> None:
    loaded = [LoadedRules(rules=(rule(),), findings=())]
    profile = OwnProfile(Settings(), lambda: loaded[-1], lambda each: SearchedRules(rules=each.rules))
    first = profile()
    assert profile() is first
    loaded.append(LoadedRules(rules=(rule(), rule(id="another")), findings=()))
    assert (first["rule_count"], profile()["rule_count"]) == (1, 2)
    assert profile()["rule_states"]["enabled"] == 2
    assert profile()["rules"] != first["rules"]


def test_status_counts_the_rules_of_each_living_sidecar() -> None:
    member = MemberStatus(member="one", rules_run=7, rules_not_run={"low_level": 2, "faulty_files": 1}, since=NOW)
    status = Status(sources=(), problems=(), leases=(), members=(member,), deliveries=())
    assert status_json(status)["members"] == {
        "one": {"rules_run": 7, "rules_not_run": {"low_level": 2, "faulty_files": 1}, "since": NOW.isoformat()}
    }
    shown = [list(column.cells) for column in list(status_tables(status))[-1].columns]
    assert [str(cells[0]) for cells in shown[:3]] == ["one", "7", "2 low level, 1 faulty files"]
