"""The tree of routes, and the path of an alert through it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from watcher.model import RoutedReceiver
from watcher.printable import printable_text
from watcher.routes.route_tree import Inhibition, Route, RouteTree
from watcher.routes.routing import RouteStep, route_condition
from watcher.settings.setting_texts import to_plain
from watcher.timestamps import format_timestamp
from watcher.usecases.route_event import RoutedEvent


def print_routes(console: Console, tree: RouteTree, default: tuple[str, ...]) -> None:
    """Print the tree of routes; `default` are the channels of rules for which nothing else is set."""
    root = Tree(Text("routes", style="bold"))
    for route in tree.routes:
        _add(root, route)
    root.add(Text.assemble(("no route matches", "dim"), f" → {_names(default)}, or `channels` of the rule's settings"))
    console.print(root)
    for inhibition in tree.inhibitions:
        console.print(_inhibition(inhibition), soft_wrap=True)


def print_routed(console: Console, routed: Iterable[RoutedEvent]) -> None:
    """Print the steps and the receivers of events."""
    for event in routed:
        console.print(f"source `{event.source}` at {format_timestamp(event.at)}", style="dim")
        for step in event.routing.steps:
            console.print(_step(step), soft_wrap=True)
        for receiver in event.routing.receivers:
            console.print(f"→ {_receiver(receiver)}", soft_wrap=True)
        if not event.routing.receivers:
            console.print("→ nobody is notified", style="yellow")


def routed_json(event: RoutedEvent) -> dict[str, Any]:
    """Return the path of an event as JSON."""
    return {
        "source": event.source,
        "at": format_timestamp(event.at),
        "labels": {name: list(values) for name, values in event.labels.items()},
        "steps": [
            {"route": step.route, "depth": step.depth, "reason": str(step.reason), "detail": step.detail}
            for step in event.routing.steps
        ],
        "receivers": [{"channel": receiver.channel, **receiver.as_document()} for receiver in event.routing.receivers],
    }


def routes_json(tree: RouteTree) -> list[dict[str, Any]]:
    """Return the tree of routes as JSON."""
    return [_route_json(route) for route in tree.routes]


def _route_json(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "condition": route_condition(route),
        "receivers": list(route.receivers),
        "continue": route.goes_on,
        "digest": to_plain(route.digest),
        "group_by": list(route.group_by),
        "escalate": [
            {"after": to_plain(escalation.after), "to": list(escalation.receivers)} for escalation in route.escalations
        ],
        "routes": [_route_json(inner) for inner in route.routes],
    }


def _add(branch: Tree, route: Route) -> None:
    node = branch.add(
        Text.assemble(
            (route.name, "bold"), f": {printable_text(route_condition(route))}\n", (f"→ {_target(route)}", "green")
        )
    )
    for inner in route.routes:
        _add(node, inner)


def _target(route: Route) -> str:
    parts = [_names(route.receivers)]
    if route.digest is not None:
        per = f" for each {', '.join(route.group_by)}" if route.group_by else ""
        parts.append(f"a digest of each level every {_duration(route.digest)}{per}")
    parts += [
        f"unacknowledged after {_duration(escalation.after)}: {_names(escalation.receivers)}"
        for escalation in route.escalations
    ]
    return "; ".join(parts) + (", and further routes" if route.goes_on else "")


def _inhibition(inhibition: Inhibition) -> str:
    sources, targets = (", ".join(map(str, part)) for part in (inhibition.sources, inhibition.targets))
    equal = ", ".join(inhibition.equal)
    return f"inhibit: {targets} while {sources} with the same {equal}, for {_duration(inhibition.within)}"


def _step(step: RouteStep) -> Text:
    mark, style = ("✓", "green") if step.is_taken else ("-", "dim")
    indent = "  " * step.depth
    return Text(f"{indent}{mark} {step.route or 'default'}: {step.reason}: {printable_text(step.detail)}", style=style)


def _receiver(receiver: RoutedReceiver) -> str:
    by = f" by `{receiver.route}`" if receiver.route else ""
    if receiver.is_escalation:
        return f"{receiver.channel}{by}, unacknowledged after {_duration(receiver.after)}"
    when = "at once" if receiver.digest is None else f"in the digest of every {_duration(receiver.digest)}"
    return f"{receiver.channel}{by}, {when}"


def _names(channels: tuple[str, ...]) -> str:
    return ", ".join(channels) or "nobody"


def _duration(value: timedelta) -> str:
    return str(to_plain(value))
