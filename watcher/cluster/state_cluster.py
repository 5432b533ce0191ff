"""The state in one cluster: its documents, index templates, indices and lifecycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from watcher.cluster.cluster_faults import accept
from watcher.cluster.document_cluster import DocumentCluster
from watcher.cluster.engine_transport import quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.lifecycle import keep_for


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCluster(DocumentCluster):
    """Administers the state's indices over the transport of its documents."""

    def template_version(self, name: str) -> int | None:
        """Return the version of an index template (0 where it has none), None where it is not installed."""
        answer = self.transport.request("GET", f"/_index_template/{quote_path(name)}")
        if answer.status == 404:
            return None
        listed = accept(answer, f"reading the template `{name}`").body["index_templates"]
        return int(listed[0]["index_template"].get("version", 0))

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        """Install a composable index template."""
        answer = self.transport.request("PUT", f"/_index_template/{quote_path(name)}", body=template)
        accept(answer, f"installing the template `{name}`")

    def strict(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern that refuse unmapped fields."""
        params = {**LENIENT, "filter_path": "*.mappings.dynamic"}
        answer = self.transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=params)
        mappings = accept(answer, f"reading the mapping of `{pattern}`").body
        return sorted(index for index, entry in mappings.items() if entry["mappings"]["dynamic"] == "strict")

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        """Add fields to an existing index."""
        answer = self.transport.request("PUT", f"/{quote_path(index)}/_mapping", body=mapping)
        accept(answer, f"adding fields to `{index}`")

    def indices(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern; empty where there is none."""
        answer = self.transport.request("GET", f"/{quote_path(pattern)}/_settings/index.uuid", params=LENIENT)
        return sorted(accept(answer, f"listing `{pattern}`").body)

    def drop(self, index: str) -> None:
        """Delete one index; no error where it is gone already."""
        answer = self.transport.request("DELETE", f"/{quote_path(index)}")
        if answer.status != 404:
            accept(answer, f"deleting `{index}`")

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        """Let ILM or ISM delete indices of a pattern at an age; None where the cluster has neither."""
        return keep_for(self.transport, name, indices, age)
