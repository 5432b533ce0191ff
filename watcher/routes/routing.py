"""Routing: the labels of an alert, a moment and the tree of routes → receivers, with a reason for each step.

The functions are pure. The run and `watcher routes test` call the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from watcher.digests import digest
from watcher.model import Level, RoutedReceiver
from watcher.routes.label_matchers import LEVEL, all_match
from watcher.routes.labels import Labels
from watcher.routes.route_tree import Inhibition, Route, RouteTree

_AT_ONCE = timedelta(0)


class RouteReason(StrEnum):
    """Why an alert took a route, or did not."""

    MATCHED = "matched"
    LABELS = "labels"  # a matcher does not hold
    CALENDAR = "calendar"  # the time is outside of its calendars, or within those that it leaves out
    NOT_REACHED = "not reached"  # an earlier route matched and does not continue
    DEFAULT = "default"  # no route matched: the channels of the rule's settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStep:
    """What became of an alert at one route."""

    route: str  # its name; empty: the default
    depth: int = 0  # how many routes are above it
    reason: RouteReason
    detail: str  # a clause for people

    @property
    def is_taken(self) -> bool:
        """Whether the alert took the route."""
        return self.reason in (RouteReason.MATCHED, RouteReason.DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The receivers of an alert, and the steps that led to them."""

    receivers: tuple[RoutedReceiver, ...]
    steps: tuple[RouteStep, ...]

    @property
    def taken(self) -> tuple[str, ...]:
        """The names of the routes that the alert took; `default` where none matched."""
        return tuple(step.route or str(step.reason) for step in self.steps if step.is_taken)


def route_alert(labels: Labels, *, at: datetime, tree: RouteTree, default: tuple[str, ...]) -> Routing:
    """Return the receivers of an alert at a moment; `default` are the channels where no route matches.

    A channel is listed once: of several routes to it, the one whose message comes first.
    """
    steps, routes = _follow(tree.routes, labels, at, 0)
    if not routes:
        step = RouteStep(route="", reason=RouteReason.DEFAULT, detail="no route matched: the channels of the rule")
        receivers = tuple(RoutedReceiver(channel=channel) for channel in default)
        return Routing(receivers=receivers, steps=(*steps, step))
    return Routing(
        receivers=_merged(receiver for route in routes for receiver in _receivers(route, labels)), steps=steps
    )


def inhibits(inhibition: Inhibition, source: Labels, target: Labels) -> bool:
    """Whether an alert holds another one back: never one of the same level or a higher one.

    A label of `equal` must have a value that both alerts have; two alerts without a value have nothing in common.
    """
    return (
        _rank(target) < _rank(source)
        and all_match(inhibition.sources, source)
        and all_match(inhibition.targets, target)
        and all(_share_value(label, source, target) for label in inhibition.equal)
    )


def route_condition(route: Route) -> str:
    """Return when a route matches, in words."""
    parts = (
        *map(str, route.matchers),
        *(f"during {calendar.name}" for calendar in route.during[:1]),
        *(f"or {calendar.name}" for calendar in route.during[1:]),
        *(f"outside of {calendar.name}" for calendar in route.outside),
    )
    return ", ".join(parts) or "every alert"


def _follow(
    routes: tuple[Route, ...], labels: Labels, at: datetime, depth: int
) -> tuple[tuple[RouteStep, ...], tuple[Route, ...]]:
    """Return the steps along routes beside each other, and those that decide about receivers."""
    steps: list[RouteStep] = []
    deciding: list[Route] = []
    for position, route in enumerate(routes):
        step = _step(route, labels, at, depth)
        steps.append(step)
        if step.reason is not RouteReason.MATCHED:
            continue
        inner_steps, inner = _follow(route.routes, labels, at, depth + 1)
        steps.extend(inner_steps)
        deciding.extend(inner or (route,))
        if not route.goes_on:
            steps.extend(_not_reached(routes[position + 1 :], route, depth))
            break
    return tuple(steps), tuple(deciding)


def _step(route: Route, labels: Labels, at: datetime, depth: int) -> RouteStep:
    step = RouteStep(route=route.name, depth=depth, reason=RouteReason.MATCHED, detail=route_condition(route))
    for matcher in route.matchers:
        if not matcher.matches(labels):
            values = ", ".join(labels.get(matcher.label, ())) or "nothing"
            return replace(step, reason=RouteReason.LABELS, detail=f"{matcher} does not hold: it is {values}")
    if route.during and not any(calendar.holds(at) for calendar in route.during):
        names = ", ".join(calendar.name for calendar in route.during)
        return replace(step, reason=RouteReason.CALENDAR, detail=f"the time is outside of {names}")
    for calendar in route.outside:
        if calendar.holds(at):
            return replace(step, reason=RouteReason.CALENDAR, detail=f"the time is within {calendar.name}")
    return step


def _not_reached(routes: tuple[Route, ...], before: Route, depth: int) -> Iterator[RouteStep]:
    detail = f"`{before.name}` matched and does not continue"
    for route in routes:
        yield RouteStep(route=route.name, depth=depth, reason=RouteReason.NOT_REACHED, detail=detail)


def _receivers(route: Route, labels: Labels) -> Iterator[RoutedReceiver]:
    group = "" if route.digest is None else _group(route, labels)
    for channel in route.receivers:
        yield RoutedReceiver(channel=channel, route=route.name, digest=route.digest, group=group)
    for escalation in route.escalations:
        for channel in escalation.receivers:
            yield RoutedReceiver(channel=channel, route=route.name, after=escalation.after)


def _group(route: Route, labels: Labels) -> str:
    """Return the group of a digest: the levels apart, so that no alert hides among those of a lower one."""
    values = (text for label in route.group_by for text in (label, *sorted(labels.get(label, ())), ""))
    return digest(route.name, *labels.get(LEVEL, ()), *values)


def _merged(receivers: Iterable[RoutedReceiver]) -> tuple[RoutedReceiver, ...]:
    """Return one receiver for each channel, the one whose message comes first; of equal ones the first."""
    merged: dict[str, RoutedReceiver] = {}
    for receiver in receivers:
        other = merged.setdefault(receiver.channel, receiver)
        if _wait(receiver) < _wait(other):
            merged[receiver.channel] = receiver
    return tuple(merged.values())


def _wait(receiver: RoutedReceiver) -> timedelta:
    """Return the longest wait for a message: an escalation's, or that of the digest's interval."""
    return receiver.after + (receiver.digest or _AT_ONCE)


def _rank(labels: Labels) -> int:
    return max((Level(text).rank for text in labels.get(LEVEL, ())), default=-1)


def _share_value(label: str, source: Labels, target: Labels) -> bool:
    own = {text.casefold() for text in source.get(label, ())}
    return any(text.casefold() in own for text in target.get(label, ()))
