"""The State door: watcher's own documents, every write of them conditional."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from watcher.cluster.cluster_faults import accept, cluster_error, reason
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.lifecycle import keep_for
from watcher.cluster.transport import Answer, Transport, quote_path
from watcher.errors import Incomplete, Overloaded, Refused
from watcher.model import Query
from watcher.ports import CreateResult, NewDocument, PartialUpdate, StateQuery, StoredDocument

MOST = 500
"""Documents in one bulk request."""

LARGEST = 5_000_000
"""Bytes in one bulk request; a larger document travels alone."""

READ_AT_ONCE = 1_000

MOST_VALUES = 10_000
"""Values that are told apart when documents are counted: more than there are rules."""

# A 400 that is not about the document: it passes once an operator acted, and the document is not to blame.
_NOT_THE_DOCUMENT = frozenset({"validation_exception", "index_closed_exception", "index_not_found_exception"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCluster:
    """The state in one cluster, over a wire to it."""

    transport: Transport

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        """Create documents, each answered on its own, in the order given."""
        return [created for run in _runs(drafts) for created in self._create(run)]

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        """Read documents by (index, id), realtime, in the order asked; None where there is none."""
        found: list[StoredDocument | None] = []
        for start in range(0, len(keys), READ_AT_ONCE):
            docs = [{"_index": index, "_id": key} for index, key in keys[start : start + READ_AT_ONCE]]
            answer = accept(self.transport.request("POST", "/_mget", body={"docs": docs}), "reading the state")
            found += [_read(told) for told in answer.body["docs"]]
        return found

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        """Write a new version of what was read; false where somebody else wrote first."""
        condition = {"if_seq_no": str(stored.seq_no), "if_primary_term": str(stored.primary_term)}
        path = f"/{quote_path(stored.index)}/_doc/{quote_path(stored.id)}"
        answer = self.transport.request("PUT", path, params=condition, body=document)
        if answer.status == 409:
            return False
        accept(answer, f"writing to `{stored.index}`")
        return True

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        """Write parts of documents anew, each answered on its own, in the order given."""
        return [made for start in range(0, len(changes), MOST) for made in self._amend(changes[start : start + MOST])]

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        """Find candidates in a pattern; empty where no index matches."""
        body: dict[str, Any] = {
            "query": state_query.query,
            "size": state_query.size,
            "sort": list(state_query.sort),
            "seq_no_primary_term": True,
        }
        if state_query.after:
            body["search_after"] = list(state_query.after)
        if state_query.only:
            body["_source"] = list(state_query.only)
        doing = f"searching `{state_query.index}`"
        params = {**LENIENT, "allow_partial_search_results": "false"}
        answer = self.transport.request("POST", f"/{quote_path(state_query.index)}/_search", params=params, body=body)
        told = accept(answer, doing).body
        if told["timed_out"] or told["_shards"]["failed"]:
            raise Incomplete(f"{doing}: not every shard answered; search it again")
        return [_stored(hit) for hit in told["hits"]["hits"]]

    def count(self, index: str, query: Query) -> int:
        """Count the documents of a pattern that a query finds."""
        doing = f"counting in `{index}`"
        answer = self.transport.request("POST", f"/{quote_path(index)}/_count", params=LENIENT, body={"query": query})
        told = accept(answer, doing).body
        if told["_shards"]["failed"]:
            raise Incomplete(f"{doing}: not every shard answered; count again")
        return int(told["count"])

    def counts(self, index: str, query: Query, field: str) -> Mapping[str, int]:
        """Count the documents of a pattern by the values of a keyword field; empty where no index matches."""
        terms = {"terms": {"field": field, "size": MOST_VALUES}}
        params = {**LENIENT, "allow_partial_search_results": "false"}
        body = {"query": query, "size": 0, "aggs": {"values": terms}}
        answer = self.transport.request("POST", f"/{quote_path(index)}/_search", params=params, body=body)
        told = accept(answer, f"counting in `{index}`").body
        if told["timed_out"] or told["_shards"]["failed"]:
            raise Incomplete(f"counting in `{index}`: not every shard answered; try again")
        buckets = (told.get("aggregations") or {"values": {"buckets": []}})["values"]["buckets"]
        return {str(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}

    def refresh(self, index: str) -> None:
        """Make what was written so far visible to `search`."""
        answer = self.transport.request("POST", f"/{quote_path(index)}/_refresh", params=LENIENT)
        accept(answer, f"refreshing `{index}`")

    def template_version(self, name: str) -> int | None:
        """Tell the version of an index template (0 where it bears none), None where it is not installed."""
        answer = self.transport.request("GET", f"/_index_template/{quote_path(name)}")
        if answer.status == 404:
            return None
        listed = accept(answer, f"reading the template `{name}`").body["index_templates"]
        return int(listed[0]["index_template"].get("version", 0))

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        """Install a composable index template."""
        answer = self.transport.request("PUT", f"/_index_template/{quote_path(name)}", body=template)
        accept(answer, f"installing the template `{name}`")

    def indices(self, pattern: str) -> Sequence[str]:
        """Name the indices of a pattern, sorted; none where there is none."""
        answer = self.transport.request("GET", f"/{quote_path(pattern)}/_settings/index.uuid", params=LENIENT)
        return sorted(accept(answer, f"listing `{pattern}`").body)

    def strict(self, pattern: str) -> Sequence[str]:
        """Name the indices of a pattern that take no field but those of their mapping, sorted."""
        params = {**LENIENT, "filter_path": "*.mappings.dynamic"}
        answer = self.transport.request("GET", f"/{quote_path(pattern)}/_mapping", params=params)
        told = accept(answer, f"reading the mapping of `{pattern}`").body
        return sorted(index for index, one in told.items() if one["mappings"]["dynamic"] == "strict")

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        """Add fields to an index that is there."""
        answer = self.transport.request("PUT", f"/{quote_path(index)}/_mapping", body=mapping)
        accept(answer, f"adding fields to `{index}`")

    def drop(self, index: str) -> None:
        """Delete one index; it may be gone already."""
        answer = self.transport.request("DELETE", f"/{quote_path(index)}")
        if answer.status != 404:
            accept(answer, f"deleting `{index}`")

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        """Let ILM or ISM delete indices of a pattern when they are older; None where the cluster has neither."""
        return keep_for(self.transport, name, indices, age)

    def _amend(self, changes: Sequence[PartialUpdate]) -> list[StoredDocument | None]:
        lines: list[Mapping[str, Any]] = []
        for change in changes:
            stored = change.stored
            condition = {"if_seq_no": stored.seq_no, "if_primary_term": stored.primary_term}
            lines += [{"update": {"_index": stored.index, "_id": stored.id, **condition}}, {"doc": change.part}]
        told = accept(self.transport.request("POST", "/_bulk", body=lines), "changing alerts").body["items"]
        return [_amended(change, item["update"]) for change, item in zip(changes, told, strict=True)]

    def _create(self, drafts: Sequence[NewDocument]) -> list[CreateResult]:
        lines: list[Mapping[str, Any]] = []
        for draft in drafts:
            lines += [{"create": {"_index": draft.index, "_id": draft.id}}, draft.document]
        answer = self.transport.request("POST", "/_bulk", body=lines)
        if answer.status == 413 and len(drafts) > 1:
            half = len(drafts) // 2  # a proxy takes less than the engine does
            return [*self._create(drafts[:half]), *self._create(drafts[half:])]
        if answer.status == 413:
            return [CreateResult(id=drafts[0].id, new=False, error="the document is larger than the cluster takes")]
        told = accept(answer, "writing alerts and hits").body["items"]
        return [_created(draft, item["create"]) for draft, item in zip(drafts, told, strict=True)]


def _amended(change: PartialUpdate, told: Mapping[str, Any]) -> StoredDocument | None:
    if told["status"] in (404, 409):
        return None
    if told.get("error"):
        raise cluster_error(Answer(status=told["status"], body=told), f"writing to `{change.stored.index}`")
    return replace(change.stored, document=change.part, seq_no=told["_seq_no"], primary_term=told["_primary_term"])


def _created(draft: NewDocument, told: Mapping[str, Any]) -> CreateResult:
    status, error = told["status"], told.get("error")
    if status == 409:
        return CreateResult(id=draft.id, new=False)
    if not error:
        return CreateResult(id=draft.id, new=True)
    met = cluster_error(Answer(status=status, body=told), f"writing to `{draft.index}`")
    if not isinstance(met, Refused):
        raise met
    if error.get("type") in _NOT_THE_DOCUMENT or "alias" in str(error.get("reason")):
        raise Overloaded(f"{met}; it stays so until an operator acts")
    return CreateResult(id=draft.id, new=False, error=reason(told))


def _runs(drafts: Sequence[NewDocument]) -> Iterator[Sequence[NewDocument]]:
    """Split drafts by count and size."""
    run: list[NewDocument] = []
    used = 0
    for draft in drafts:
        size = len(json.dumps(draft.document)) + len(draft.index) + len(draft.id) + 50
        if run and (len(run) == MOST or used + size > LARGEST):
            yield run
            run, used = [], 0
        run.append(draft)
        used += size
    if run:
        yield run


def _read(told: Mapping[str, Any]) -> StoredDocument | None:
    error = told.get("error")
    if error and error.get("type") != "index_not_found_exception":
        raise cluster_error(Answer(status=error.get("status", 500), body=told), f"reading `{told.get('_index')}`")
    return _stored(told) if told.get("found") else None


def _stored(told: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        index=told["_index"],
        id=told["_id"],
        document=told.get("_source", {}),
        seq_no=told["_seq_no"],
        primary_term=told["_primary_term"],
        sort=tuple(told.get("sort", ())),
    )
