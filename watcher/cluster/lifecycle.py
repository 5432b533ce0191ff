"""Deletion of old indices: ILM on Elasticsearch, ISM on OpenSearch, where the cluster has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from watcher.cluster.answer_shapes import decode, shaped
from watcher.cluster.cluster_shapes import Acknowledged
from watcher.cluster.engine_transport import Answer, Transport, quote_path
from watcher.cluster.state_shapes import WrittenDocument

_DAY = timedelta(days=1)
_ABSENT = (405, 410)  # how an engine answers to a path that it does not have, beside "no handler found"


def keep_for(transport: Transport, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
    """Install the policy `name` that deletes indices of a pattern when they are older than `age`.

    Returns the settings that new indices need, None where the cluster has neither service. ILM takes the policy from
    the settings of an index, so it is also set on those that are there; ISM finds new ones by the pattern itself.
    """
    days = f"{max(1, age // _DAY)}d"
    if _ilm(transport, name, indices, days):
        return {"lifecycle": {"name": name}}
    return {} if _ism(transport, name, indices, days) else None


def _ilm(transport: Transport, name: str, indices: str, days: str) -> bool:
    phase = {"min_age": days, "actions": {"delete": {}}}
    answer = transport.request(
        "PUT", f"/_ilm/policy/{quote_path(name)}", body={"policy": {"phases": {"delete": phase}}}
    )
    if not _is_supported(answer, f"installing the lifecycle policy `{name}`"):
        return False
    params = {"allow_no_indices": "true", "ignore_unavailable": "true"}
    setting = {"index": {"lifecycle": {"name": name}}}
    decode(
        transport.request("PUT", f"/{quote_path(indices)}/_settings", params=params, body=setting),
        Acknowledged,
        f"setting the lifecycle policy of `{indices}`",
    )
    return True


def _ism(transport: Transport, name: str, indices: str, days: str) -> bool:
    path = f"/_plugins/_ism/policies/{quote_path(name)}"
    existing = transport.request("GET", path)
    params = {}
    if existing.status == 200:
        stored = shaped(existing.body, WrittenDocument, f"reading the policy `{name}`")
        params = {"if_seq_no": str(stored.seq_no), "if_primary_term": str(stored.primary_term)}
    elif existing.status != 404:
        return False
    answer = transport.request("PUT", path, params=params, body=_ism_policy(name, indices, days))
    if not _is_supported(answer, f"installing the policy `{name}`"):
        return False
    # indices that are older than the policy must be attached to it
    attached = transport.request("POST", f"/_plugins/_ism/add/{quote_path(indices)}", body={"policy_id": name})
    if attached.status != 404:  # no index exists yet
        _is_supported(attached, f"setting the policy of `{indices}`")
    return True


def _ism_policy(name: str, indices: str, days: str) -> Mapping[str, Any]:
    kept = {"name": "kept", "transitions": [{"state_name": "old", "conditions": {"min_index_age": days}}]}
    old = {"name": "old", "actions": [{"delete": {}}], "transitions": []}
    return {
        "policy": {
            "description": f"{name}: alerts and hits of watcher are deleted after {days}",
            "default_state": "kept",
            "states": [kept, old],
            "ism_template": [{"index_patterns": [indices], "priority": 300}],
        }
    }


def _is_supported(answer: Answer, doing: str) -> bool:
    """Whether the cluster has the service; raises a ClusterError where it has it and refuses."""
    if answer.status in _ABSENT or "no handler found" in str(answer.body):
        return False
    decode(answer, dict[str, Any], doing)
    return True
