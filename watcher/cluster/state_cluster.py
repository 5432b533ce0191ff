"""The state in one cluster: its documents, index templates, indices and lifecycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from watcher.cluster.answer_shapes import BroadcastAnswer, decode, malformed
from watcher.cluster.cluster_shapes import Acknowledged
from watcher.cluster.document_cluster import DocumentCluster
from watcher.cluster.engine_transport import quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.lifecycle import keep_for
from watcher.cluster.mapping_shapes import MappedIndex, SettingsEntry
from watcher.cluster.state_shapes import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCluster(DocumentCluster):
    """Administers the state's indices over the transport of its documents."""

    def template_version(self, name: str) -> int | None:
        """Return the version of an index template (0 where it has none), None where it is not installed."""
        answer = self.transport.request("GET", f"/_index_template/{quote_path(name)}")
        if answer.status == 404:
            return None
        doing = f"reading the template `{name}`"
        versions = {
            template.name: template.index_template.version
            for template in decode(answer, Templates, doing).index_templates
        }
        if name not in versions:
            raise malformed(doing, "another template")
        return versions[name]

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        """Install a composable index template."""
        answer = self.transport.request("PUT", f"/_index_template/{quote_path(name)}", body=template)
        decode(answer, Acknowledged, f"installing the template `{name}`")

    def strict(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern that refuse unmapped fields."""
        # unfiltered: an empty answer then means that there are no indices
        answer = self.transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=LENIENT)
        mappings = decode(answer, dict[str, MappedIndex], f"reading the mapping of `{pattern}`")
        if not mappings:
            self._require_none(pattern)
        return sorted(index for index, entry in mappings.items() if entry.mappings.dynamic == "strict")

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        """Add fields to an existing index."""
        answer = self.transport.request("PUT", f"/{quote_path(index)}/_mapping", body=mapping)
        decode(answer, Acknowledged, f"adding fields to `{index}`")

    def indices(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern; empty where there is none."""
        answer = self.transport.request("GET", f"/{quote_path(pattern)}/_settings/index.uuid", params=LENIENT)
        names = sorted(decode(answer, dict[str, SettingsEntry], f"listing `{pattern}`"))
        if not names:
            self._require_none(pattern)
        return names

    def _require_none(self, pattern: str) -> None:
        """Raise Malformed where a pattern has indices: an empty answer must not be taken for an empty state."""
        doing = f"listing `{pattern}`"
        answer = self.transport.request("POST", f"/{quote_path(pattern)}/_refresh", params=LENIENT)
        if decode(answer, BroadcastAnswer, doing).shards.total:
            raise malformed(doing, "no index, although it has shards")

    def drop(self, index: str) -> None:
        """Delete one index; no error where it is gone already."""
        answer = self.transport.request("DELETE", f"/{quote_path(index)}")
        if answer.status != 404:
            decode(answer, Acknowledged, f"deleting `{index}`")

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        """Let ILM or ISM delete indices of a pattern at an age; None where the cluster has neither."""
        return keep_for(self.transport, name, indices, age)
