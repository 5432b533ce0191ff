"""Missing privileges as sentences, for `watcher check --live`."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.cluster.answer_shapes import SearchSummary, decode
from watcher.cluster.cluster_faults import cluster_error
from watcher.cluster.cluster_shapes import Privileges
from watcher.cluster.connections import Connection
from watcher.cluster.engine_transport import Answer, quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.errors import Forbidden

_TEMPLATES = "manage_index_templates"

CLUSTER = ("monitor", _TEMPLATES)
"""Cluster privileges: the cluster's time and limits; the templates of watcher's own indices."""

EVENTS = ("read", "view_index_metadata")
"""Privileges on the indices that hold the events."""

STATE = ("read", "index", "create_index", "view_index_metadata", "maintenance")
"""Privileges on watcher's own indices."""


def missing(connection: Connection, pattern: str, prefix: str) -> tuple[str, ...]:
    """Return which privileges or indices are missing to search a pattern and keep the state under a prefix."""
    own = f"{prefix}-*"
    wanted = {
        "cluster": list(CLUSTER),
        "index": [
            {"names": [name for name in pattern.split(",") if name[:1] != "-"], "privileges": list(EVENTS)},
            {"names": [own], "privileges": list(STATE)},
        ],
    }
    answer = connection.transport.request("POST", "/_security/user/_has_privileges", body=wanted)
    granted = decode(answer, Privileges, "reading the user's privileges") if answer.status == 200 else None
    lacking = tuple(_listed(granted)) if granted else tuple(_tried(connection, pattern, own))
    return lacking or tuple(_without_index(connection, pattern))


def may_install(connection: Connection) -> bool:
    """Whether the user may install index templates, as far as the engine says."""
    wanted = {"cluster": [_TEMPLATES]}
    answer = connection.transport.request("POST", "/_security/user/_has_privileges", body=wanted)
    if answer.status != 200:
        return True  # the engine has no list: `watcher run` reports a refusal
    return decode(answer, Privileges, "reading the user's privileges").cluster.get(_TEMPLATES, True)


def _listed(privileges: Privileges) -> Iterator[str]:
    """Yield what is not granted on the engine's own list."""
    for privilege, is_granted in privileges.cluster.items():
        if not is_granted:
            yield f"the user lacks the cluster privilege `{privilege}`; add it to its role"
    for name, on_index in privileges.index.items():
        for privilege, is_granted in on_index.items():
            if not is_granted:
                yield f"the user lacks the index privilege `{privilege}` on `{name}`; add it to its role"


def _tried(connection: Connection, pattern: str, own: str) -> Iterator[str]:
    """Yield the refusals of calls that change nothing, where the engine has no list."""
    names, state = quote_path(pattern), quote_path(own)
    calls = (
        ("GET", "/_cat/health"),
        ("GET", f"/{names}/_search?size=0"),
        ("GET", f"/{names}/_field_caps?fields=_index"),
        ("GET", f"/{names}/_mapping/field/_index"),
        ("GET", f"/{names}/_settings/index.mode"),
        ("GET", f"/{state}/_search?size=0"),
        ("POST", f"/{state}/_refresh"),
        ("GET", f"/{state}/_settings/index.uuid"),
        ("GET", f"/{state}/_mapping?filter_path=*.mappings.dynamic"),
        ("GET", "/_index_template/watcher-*"),
    )
    for method, path in calls:
        yield from _refused(connection.transport.request(method, path))


def _refused(answer: Answer) -> Iterator[str]:
    if answer.status in {401, 403}:
        error = cluster_error(answer, "checking privileges")
        if isinstance(error, Forbidden):
            yield str(error)


def _without_index(connection: Connection, pattern: str) -> Iterator[str]:
    answer = connection.transport.request("POST", f"/{quote_path(pattern)}/_search", params={**LENIENT, "size": "0"})
    if answer.status == 200 and not decode(answer, SearchSummary, f"searching `{pattern}`").shards.total:
        yield f"no index matches `{pattern}`; check `sources`, or start Winlogbeat"
