"""Names in the settings of routes: channels and calendars that are not set up, and routes with the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from watcher.errors import SettingsError
from watcher.near_names import near_name_fix
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode


def unknown_route_names(root: MapNode) -> Iterator[SettingsError]:
    """Yield where a route or a channel names a channel or calendar that is not set up, or routes share a name."""
    channels, calendars = _keys(root.get("channels")), _named(root.get("calendars"))
    names: dict[str, ScalarNode] = {}
    for route in _routes(root):
        for key, defined, where in (
            ("receivers", channels, "channels"),
            ("during", calendars, "calendars"),
            ("outside", calendars, "calendars"),
        ):
            yield from _undefined(route.get(key), defined, f"`{key}` of a route", where)
        for escalation in _mappings(route.get("escalate")):
            yield from _undefined(escalation.get("to"), channels, "`escalate` of a route", "channels")
        yield from _duplicate(route.get("name"), names)
    for window in _mappings(root.get("maintenance_windows")):
        yield from _undefined(window.get("during"), calendars, "`during` of a maintenance window", "calendars")
    for name, channel in channels.items():
        if isinstance(channel, MapNode):
            yield from _undefined(channel.get("fallback"), channels, f"`fallback` of the channel `{name}`", "channels")


def _routes(root: MapNode) -> Iterator[MapNode]:
    for route in _mappings(root.get("routes")):
        yield route
        yield from _routes(route)


def _keys(node: YamlNode | None) -> Mapping[str, YamlNode]:
    return {entry.key_text: entry.value for entry in node.entries} if isinstance(node, MapNode) else {}


def _named(node: YamlNode | None) -> Mapping[str, YamlNode]:
    names = (entry.get("name") for entry in _mappings(node))
    return {name.text: name for name in names if isinstance(name, ScalarNode)}


def _items(node: YamlNode | None) -> Sequence[YamlNode]:
    return node.items if isinstance(node, ListNode) else () if node is None else (node,)


def _mappings(node: YamlNode | None) -> Iterator[MapNode]:
    yield from (item for item in _items(node) if isinstance(item, MapNode))


def _undefined(
    node: YamlNode | None, defined: Mapping[str, YamlNode], subject: str, where: str
) -> Iterator[SettingsError]:
    for item in _items(node):
        if isinstance(item, ScalarNode) and item.value is not None and item.text not in defined:
            yield SettingsError(
                f"{subject} names `{item.text}`, which is not defined",
                location=item.location,
                fix=near_name_fix(item.text, defined, f"define it under `{where}`"),
                code="unknown-name",
            )


def _duplicate(node: YamlNode | None, names: dict[str, ScalarNode]) -> Iterator[SettingsError]:
    if not isinstance(node, ScalarNode):
        return
    first = names.setdefault(node.text, node)
    if first is not node:
        yield SettingsError(
            f"two routes are called `{node.text}`, the first on line {first.location.line}",
            location=node.location,
            fix="give each route a name of its own",
            code="wrong-value",
        )
