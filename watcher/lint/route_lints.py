"""Lints of routes: those that no alert can take, and calendars that are over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from watcher.lint import label_lints
from watcher.lint.finding_codes import make_finding
from watcher.lint.label_lints import labels_of_alerts, unknown_labels
from watcher.model import Finding, RuleMetadata
from watcher.routes import Labels, may_match, rule_labels
from watcher.routes.route_tree import Route, RouteTree
from watcher.settings import Settings
from watcher.settings.effective_routes import calendars_of, route_tree


def lint(rules: Sequence[RuleMetadata], settings: Settings, *, now: datetime) -> Iterator[Finding]:
    """Yield the findings about the routes and calendars of settings."""
    tree = route_tree(settings)
    lines = {entry.name: entry.line for route in settings.routes for entry in (route, *route.routes)}
    labels = [rule_labels(rule) for rule in rules]
    for above, route in tree.walk():
        matchers = (*(matcher for outer in above for matcher in outer.matchers), *route.matchers)
        if labels and not any(may_match(matchers, own) for own in labels):
            message = f"no rule has the labels of the route `{route.name}`"
            advice = label_lints.near_values(matchers, labels, "correct its matchers")
            yield make_finding("unused-route", message, settings.location(lines[route.name]), advice)
    for routes in (tree.routes, *(route.routes for route in tree.routes)):
        for route, before in _unreachable(routes):
            message = f"no alert reaches the route `{route.name}`: `{before.name}` before it matches every alert"
            advice = f"move it up, or let `{before.name}` continue"
            yield make_finding("unreachable-route", message, settings.location(lines[route.name]), advice)
    yield from _labels(rules, settings, tree, lines)
    yield from _inhibitions(labels, settings, tree)
    calendars = calendars_of(settings)
    for entry in settings.calendars:
        if calendars[entry.name].next_day(now) is None:
            message = f"the calendar `{entry.name}` never holds again"
            yield make_finding("calendar-over", message, settings.location(entry.line), "correct its dates or weekdays")


def _labels(
    rules: Sequence[RuleMetadata], settings: Settings, tree: RouteTree, lines: Mapping[str, int]
) -> Iterator[Finding]:
    """Yield the findings about labels of routes and inhibitions that no alert has."""
    if not rules or not (tree.routes or tree.inhibitions):
        return
    existing = labels_of_alerts(rules, settings)
    for _, route in tree.walk():
        location = settings.location(lines[route.name])
        yield from label_lints.lint(f"the route `{route.name}`", route.matchers, existing, location)
        for label, advice in unknown_labels(route.group_by, existing):
            message = f"no alert has the label `{label}` of `group_by` of the route `{route.name}`"
            yield make_finding("unknown-label", message, location, advice)
    for inhibition, entry in zip(tree.inhibitions, settings.inhibit, strict=True):
        location = settings.location(entry.line)
        yield from label_lints.lint("an inhibition", (*inhibition.sources, *inhibition.targets), existing, location)
        for label, advice in unknown_labels(inhibition.equal, existing):
            message = f"no alert has the label `{label}` of `equal` of an inhibition"
            yield make_finding("unknown-label", message, location, advice)


def _inhibitions(labels: Sequence[Labels], settings: Settings, tree: RouteTree) -> Iterator[Finding]:
    for inhibition, entry in zip(tree.inhibitions, settings.inhibit, strict=True):
        for key, matchers in (("source", inhibition.sources), ("target", inhibition.targets)):
            if labels and not any(may_match(matchers, own) for own in labels):
                message = f"no rule has the labels of `{key}` of an inhibition: {', '.join(map(str, matchers))}"
                advice = label_lints.near_values(matchers, labels, "correct its matchers")
                yield make_finding("unused-inhibition", message, settings.location(entry.line), advice)


def _unreachable(routes: Sequence[Route]) -> Iterator[tuple[Route, Route]]:
    """Yield the routes that no alert reaches, each with the one that takes all alerts."""
    taking: Route | None = None
    for route in routes:
        if taking is not None:
            yield route, taking
        elif route.is_unconditional and not route.goes_on:
            taking = route
