"""Problems of watcher itself, as they are stored until operators were notified that they are over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from watcher.timestamps import format_timestamp, read_timestamp

_LONGEST = 1000  # characters of a stored message


class ProblemKind(StrEnum):
    """The kinds of problems."""

    NOT_SEARCHED = "not-searched"
    SEARCH_FAILS = "search-fails"
    CLUSTER_AWAY = "cluster-away"
    STATE_NOT_WRITABLE = "state-not-writable"
    DELIVERY_FAILS = "delivery-fails"
    CHANNEL_FAILS = "channel-fails"
    CHANNEL_MISSING = "channel-missing"
    MESSAGES_GIVEN_UP = "messages-given-up"
    MEMBERS_DIFFER = "members-differ"
    UNSEARCHABLE_INDEX = "unsearchable-index"
    SILENT_SOURCE = "silent-source"
    SOURCE_FAULTS = "source-faults"
    UNDECIDED_EVENTS = "undecided-events"
    REPLACED_TIMES = "replaced-times"
    RULE_FAULTS = "rule-faults"
    SETTINGS_REFUSED = "settings-refused"
    SERVICE_FAILS = "service-fails"
    CORRELATIONS_LACK_EVENTS = "correlations-lack-events"
    CORRELATIONS_CUT_VALUES = "correlations-cut-values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that keeps events from becoming messages, and that a person has to act on."""

    kind: ProblemKind
    subject: str = ""  # the source, channel or file; empty where there is only one
    title: str  # a few words, for subjects
    message: str  # one sentence: what happened, and what to do next

    @property
    def key(self) -> str:
        """What identifies it, whoever reports it."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProblem:
    """A problem as the state holds it."""

    problem: Problem
    since: datetime
    members: tuple[str, ...] = ()  # the sidecars that report it; empty: anybody sees it in the state
    notified: datetime | None = None  # when operators were notified
    ended: datetime | None = None  # when it was over; it is kept until operators were notified of that

    @property
    def key(self) -> str:
        """What identifies the problem."""
        return self.problem.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one sidecar sees."""

    member: str
    alive: frozenset[str] = frozenset()  # the members of the state, itself included
    own: tuple[Problem, ...] = ()  # of its own jobs, rules and settings
    shared: tuple[Problem, ...] | None = None  # that anybody sees in the state; None: it did not look


def merge_report(recorded: Iterable[RecordedProblem], report: Report, *, now: datetime) -> tuple[RecordedProblem, ...]:
    """Return the recorded problems after a report: new ones begin, and those that nobody reports end.

    A problem keeps its start, and its first message while it is called the same. One that ended before operators were
    notified is dropped.
    """
    own = {problem.key: problem for problem in report.own}
    shared = {problem.key: problem for problem in report.shared or ()}
    result: dict[str, RecordedProblem] = {}
    for entry in recorded:
        merged = _merged(entry, report, own, shared, now)
        if merged is not None:
            result[entry.key] = merged
    for key, problem in own.items():
        result.setdefault(key, RecordedProblem(problem=problem, since=now, members=(report.member,)))
    for key, problem in shared.items():
        result.setdefault(key, RecordedProblem(problem=problem, since=now))
    return tuple(result[key] for key in sorted(result))


def _merged(
    entry: RecordedProblem,
    report: Report,
    own: Mapping[str, Problem],
    shared: Mapping[str, Problem],
    now: datetime,
) -> RecordedProblem | None:
    others = {name for name in entry.members if name != report.member and name in report.alive}
    members = tuple(sorted(others | ({report.member} if entry.key in own else set())))
    unknown = not entry.members and report.shared is None and entry.ended is None
    if unknown or members or entry.key in shared:
        return replace(entry, problem=_current(entry, own.get(entry.key)), members=members, ended=None)
    if entry.notified is None:
        return None
    return entry if entry.ended is not None else replace(entry, members=(), ended=now)


def _current(entry: RecordedProblem, reported: Problem | None) -> Problem:
    """Return the problem as it was first described, unless it is another by its title now."""
    return reported if reported is not None and reported.title != entry.problem.title else entry.problem


def mark_notified(
    recorded: Iterable[RecordedProblem], notified: Iterable[str], over: Iterable[str], *, now: datetime
) -> tuple[RecordedProblem, ...]:
    """Return the recorded problems after operators were notified of some, and that some are over."""
    new, ended = set(notified), set(over)
    return tuple(
        replace(entry, notified=now) if entry.key in new and entry.notified is None else entry
        for entry in recorded
        if not (entry.key in ended and entry.ended is not None)
    )


def with_offline(
    recorded: Iterable[RecordedProblem], offline: Iterable[RecordedProblem]
) -> tuple[RecordedProblem, ...]:
    """Return the recorded problems with those of which operators were notified while the state did not answer."""
    result = {entry.key: entry for entry in recorded}
    for entry in offline:
        stored = result.get(entry.key)
        if stored is None:
            result[entry.key] = entry
        elif stored.notified is None:
            result[entry.key] = replace(stored, notified=entry.notified)
    return tuple(result.values())


def problems_from_body(body: Mapping[str, Any] | None) -> tuple[RecordedProblem, ...]:
    """Return the problems that a state document holds; kinds of a newer version are left out."""
    return tuple(_from_bodies((body or {}).get("problems") or ()))


def problems_to_body(recorded: Sequence[RecordedProblem]) -> list[Mapping[str, Any]]:
    """Return problems as a part of a state document."""
    return [
        {
            "kind": str(entry.problem.kind),
            "subject": entry.problem.subject,
            "title": entry.problem.title[:_LONGEST],
            "message": entry.problem.message[:_LONGEST],
            "since": format_timestamp(entry.since),
            "members": list(entry.members),
            "notified": format_timestamp(entry.notified) if entry.notified else None,
            "ended": format_timestamp(entry.ended) if entry.ended else None,
        }
        for entry in recorded
    ]


def _from_bodies(bodies: Iterable[Mapping[str, Any]]) -> Iterator[RecordedProblem]:
    kinds = set(ProblemKind)
    for body in bodies:
        if body["kind"] not in kinds:
            continue
        yield RecordedProblem(
            problem=Problem(
                kind=ProblemKind(body["kind"]),
                subject=str(body["subject"]),
                title=str(body["title"]),
                message=str(body["message"]),
            ),
            since=read_timestamp(body["since"]),
            members=tuple(body.get("members") or ()),
            notified=read_timestamp(body["notified"]) if body.get("notified") else None,
            ended=read_timestamp(body["ended"]) if body.get("ended") else None,
        )
