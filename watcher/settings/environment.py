"""Environment variables in settings: `${NAME}` in any value, and `WATCHER_*` for the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import structs

from watcher.errors import SettingsError
from watcher.model import Location
from watcher.settings.problems import Reading
from watcher.yaml_nodes.nodes import ListNode, MapNode, MappingEntry, ScalarNode, YamlNode

ENVIRONMENT = {
    "hosts": "WATCHER_URL",
    "username": "WATCHER_USERNAME",
    "password": "WATCHER_PASSWORD",
    "password_file": "WATCHER_PASSWORD_FILE",
    "api_key": "WATCHER_API_KEY",
    "api_key_file": "WATCHER_API_KEY_FILE",
    "ca_certs": "WATCHER_CA_CERTS",
}
"""The variables for what `cluster` leaves out in the file."""

LISTEN_VARIABLE = "WATCHER_LISTEN"
"""The variable for `monitoring.listen` where the file leaves it out."""

_CREDENTIALS = ("username", "password", "password_file", "api_key", "api_key_file")
_SEPARATORS = re.compile(r"[,\s]+")  # of several addresses
_REFERENCE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\$\{)")


def replace_variables(node: YamlNode, environ: Mapping[str, str], reading: Reading) -> YamlNode:
    """Return the node with the values of `${NAME}` and `${NAME:-default}` in their place; `$$` is a dollar."""
    if isinstance(node, MapNode):
        entries = (
            structs.replace(entry, value=replace_variables(entry.value, environ, reading)) for entry in node.entries
        )
        return structs.replace(node, entries=tuple(entries))
    if isinstance(node, ListNode):
        return structs.replace(node, items=tuple(replace_variables(item, environ, reading) for item in node.items))
    if "$" not in node.text:
        return node
    try:
        text = _REFERENCE.sub(lambda match: _value(match, environ, node), node.text)
    except SettingsError as error:
        reading.errors.append(error)
        reading.unresolved.add(node.location)
        text = ""
    # a variable that is empty counts as not set, as in `${NAME:-default}`
    return structs.replace(node, text=text, value=text or None)


def _value(match: re.Match[str], environ: Mapping[str, str], node: ScalarNode) -> str:
    if match["broken"]:
        raise SettingsError(
            "`${` does not start a variable here",
            location=node.location,
            fix="write `${NAME}`, or `$$` for a dollar",
            code="wrong-value",
        )
    name = match["name"]
    if name is None:
        return "$"
    value = environ.get(name, "")
    if value or match["default"] is not None:
        return value or match["default"]
    if name in environ:
        return ""
    raise SettingsError(
        f"the environment variable `{name}` is not set",
        location=node.location,
        fix=f"set it, or give a default: `${{{name}:-default}}`",
        code="missing-variable",
    )


def add_listen_variable(root: MapNode, environ: Mapping[str, str]) -> MapNode:
    """Return the settings with the address of `monitoring.listen` from the environment, where they leave it out."""
    section = root.get("monitoring")
    if isinstance(section, ScalarNode) and section.value is None:
        section = None
    if not environ.get(LISTEN_VARIABLE) or (section is not None and not isinstance(section, MapNode)):
        return root
    own = () if section is None else section.entries
    if any(entry.key_text == "listen" and not is_unset(entry.value) for entry in own):
        return root
    added = (*own, _entry("listen", environ[LISTEN_VARIABLE], LISTEN_VARIABLE))
    return _with_section(root, "monitoring", added, section)


def add_cluster_variables(root: MapNode, environ: Mapping[str, str]) -> MapNode:
    """Return the settings with what `cluster` leaves out; credentials only where the file gives none of them."""
    section = root.get("cluster")
    if isinstance(section, ScalarNode) and section.value is None:
        section = None
    if section is not None and not isinstance(section, MapNode):
        return root  # reported when it is read
    own = () if section is None else section.entries
    given = {entry.key_text for entry in own if not is_unset(entry.value)}
    has_credentials = not given.isdisjoint(_CREDENTIALS)
    added = tuple(
        _entry(key, environ[variable], variable)
        for key, variable in ENVIRONMENT.items()
        if environ.get(variable) and key not in given and not (key in _CREDENTIALS and has_credentials)
    )
    if not added:
        return root
    return _with_section(root, "cluster", (*own, *added), section)


def _with_section(root: MapNode, key: str, entries: tuple[MappingEntry, ...], section: MapNode | None) -> MapNode:
    node = MapNode(entries=entries, location=section.location if section else root.location)
    entry = MappingEntry(key=key, key_text=key, key_location=node.location, value=node)
    others = (other for other in root.entries if other.key_text != key)
    return structs.replace(root, entries=(*others, entry))


def is_unset(node: YamlNode) -> bool:
    """Whether a key has no value, which is the same as leaving it out."""
    return isinstance(node, ScalarNode) and node.value is None


def _entry(key: str, value: str, variable: str) -> MappingEntry:
    location = Location(file=variable, line=1)
    items = tuple(
        ScalarNode(value=text, text=text, quoted=True, location=location)
        for text in (filter(None, _SEPARATORS.split(value)) if key == "hosts" else (value,))
    )
    node = items[0] if len(items) == 1 else ListNode(items=items, location=location)
    return MappingEntry(key=key, key_text=key, key_location=location, value=node)
