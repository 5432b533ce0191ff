"""Sidecars of one state that run different settings or rules, and channels that none of them has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from watcher.delivery.deliveries import channel_name
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.state.member_profile import MemberProfile
from watcher.state.membership import Membership

_LASTING = timedelta(minutes=1)  # changed rules reach each sidecar at a time of its own


def member_problems(membership: Membership, waiting: Mapping[str, int], now: datetime) -> tuple[Problem, ...]:
    """Return how the live sidecars differ, and which messages wait for a channel that none has.

    `waiting` is the number of messages that are not sent yet, by channel. Sidecars of an older version, which publish
    nothing, are left out.
    """
    profiles = _alive(membership, now)
    if not profiles or any(now - (profile.since or now) < _LASTING for profile in profiles.values()):
        return ()
    return (*_differing_settings(profiles), *_differing_rules(profiles), *_missing_channels(profiles, waiting))


def absent_channels(membership: Membership, channels: Iterable[str], now: datetime) -> tuple[Problem, ...]:
    """Return a problem for each channel of settings that no live sidecar has: it gets none of their alerts."""
    profiles = _alive(membership, now)
    if not profiles:
        return ()
    available = _every_channel(profiles)
    return tuple(_absent_channel(channel) for channel in channels if channel not in available)


def _absent_channel(channel: str) -> Problem:
    title = f"no sidecar has the channel `{channel}`"
    message = (
        f"{title} of these settings: it gets no alerts; send the sidecars SIGHUP, or start one with these settings"
    )
    return Problem(kind=ProblemKind.CHANNEL_MISSING, subject=channel, title=title, message=message)


def _differing_settings(profiles: Mapping[str, MemberProfile]) -> Iterator[Problem]:
    for part in sorted({part for profile in profiles.values() for part in profile.settings}):
        groups = _groups({name: profile.settings.get(part, "") for name, profile in profiles.items()})
        if len(groups) > 1:
            title = f"sidecars differ in the settings `{part}`"
            yield _difference(part, title, f"{_listed(groups)}{_channels(part, profiles)}")


def _differing_rules(profiles: Mapping[str, MemberProfile]) -> Iterator[Problem]:
    groups = _groups({name: profile.rules for name, profile in profiles.items()})
    if len(groups) > 1:
        counts = " | ".join(
            f"{', '.join(names)} ({profiles[names[0]].rule_count:,} rules)" for names in groups.values()
        )
        yield _difference("rule files", "sidecars run different rules", counts)


def _difference(subject: str, title: str, groups: str) -> Problem:
    message = f"{title}: {groups}; give all of them the same settings and rule files"
    return Problem(kind=ProblemKind.MEMBERS_DIFFER, subject=subject, title=title, message=message)


def _missing_channels(profiles: Mapping[str, MemberProfile], waiting: Mapping[str, int]) -> Iterator[Problem]:
    available = _every_channel(profiles)
    for channel, count in sorted(waiting.items()):
        if count and channel_name(channel) not in available:
            title = f"no sidecar has the channel `{channel}`"
            message = f"{title}: {count:,} messages are kept for it; add it to `channels` in settings"
            yield Problem(kind=ProblemKind.CHANNEL_MISSING, subject=channel, title=title, message=message)


def _channels(part: str, profiles: Mapping[str, MemberProfile]) -> str:
    """Return which sidecars lack a channel, for a difference in the channels."""
    if part != "channels":
        return ""
    every = _every_channel(profiles)
    lacking = {name: sorted(every - set(profile.channels)) for name, profile in profiles.items()}
    listed = [
        f"{name} lacks {', '.join(f'`{channel}`' for channel in missing)}"
        for name, missing in lacking.items()
        if missing
    ]
    return f"; {'; '.join(listed)}, the others send those messages" if listed else ""


def _alive(membership: Membership, now: datetime) -> Mapping[str, MemberProfile]:
    """Return what each live sidecar published."""
    return {name: membership.profiles[name] for name in sorted(membership.alive(now) & set(membership.profiles))}


def _every_channel(profiles: Mapping[str, MemberProfile]) -> frozenset[str]:
    return frozenset(channel for profile in profiles.values() for channel in profile.channels)


def _groups(values: Mapping[str, str]) -> Mapping[str, list[str]]:
    """Return the members by what they have in common."""
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    return groups


def _listed(groups: Mapping[str, Iterable[str]]) -> str:
    return " | ".join(", ".join(names) for names in groups.values())
