"""Documents of the state in one cluster; every write is conditional."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watcher.cluster.cluster_faults import accept, cluster_error, reason
from watcher.cluster.engine_transport import Answer, Transport, quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.errors import Incomplete, Overloaded, Refused
from watcher.model import Query
from watcher.ports import CreateResult, NewDocument, PartialUpdate, Replacement, StateQuery, StoredDocument

MAX_BULK_DOCUMENTS = 500

MAX_BULK_BYTES = 5_000_000
"""Bytes in one bulk request; a larger document gets a request of its own."""

_MAX_READ = 1_000

_MAX_VALUES = 10_000
"""Distinct values of a field that are counted: more than there are rules."""

# A 400 that is not about the document: it passes once an operator acted, and the document is not to blame.
_NOT_THE_DOCUMENT = frozenset({"validation_exception", "index_closed_exception", "index_not_found_exception"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCluster:
    """Reads and writes documents over one transport."""

    transport: Transport

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        """Create documents; return an outcome for each, in the order given."""
        return [created for batch in bulk_batches(drafts) for created in self._create(batch)]

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        """Read documents by (index, id), realtime, in the order of the keys; None where there is none."""
        documents: list[StoredDocument | None] = []
        for start in range(0, len(keys), _MAX_READ):
            docs = [{"_index": index, "_id": key} for index, key in keys[start : start + _MAX_READ]]
            answer = accept(self.transport.request("POST", "/_mget", body={"docs": docs}), "reading the state")
            documents += [_read(item) for item in answer.body["docs"]]
        return documents

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        """Write a new version of a document; return false where another process wrote first."""
        condition = {"if_seq_no": str(stored.seq_no), "if_primary_term": str(stored.primary_term)}
        path = f"/{quote_path(stored.index)}/_doc/{quote_path(stored.id)}"
        answer = self.transport.request("PUT", path, params=condition, body=document)
        if answer.status == 409:
            return False
        accept(answer, f"writing to `{stored.index}`")
        return True

    def replace_many(self, replacements: Sequence[Replacement]) -> Sequence[bool]:
        """Write new versions of documents; return an outcome for each, in the order given."""
        drafts = [
            NewDocument(index=change.stored.index, id=change.stored.id, document=change.document)
            for change in replacements
        ]
        outcomes: list[bool] = []
        for batch in bulk_batches(drafts):
            outcomes += self._replace(replacements[len(outcomes) : len(outcomes) + len(batch)])
        return outcomes

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        """Write parts of documents; return an outcome for each, in the order given."""
        starts = range(0, len(changes), MAX_BULK_DOCUMENTS)
        return [stored for start in starts for stored in self._update(changes[start : start + MAX_BULK_DOCUMENTS])]

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        """Return candidates in a pattern; empty where no index matches."""
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
        result = accept(answer, doing).body
        if result["timed_out"] or result["_shards"]["failed"]:
            raise Incomplete(f"{doing}: not every shard answered; search it again")
        return [_stored(hit) for hit in result["hits"]["hits"]]

    def count(self, index: str, query: Query) -> int:
        """Count the documents of a pattern that match a query."""
        doing = f"counting in `{index}`"
        answer = self.transport.request("POST", f"/{quote_path(index)}/_count", params=LENIENT, body={"query": query})
        result = accept(answer, doing).body
        if result["_shards"]["failed"]:
            raise Incomplete(f"{doing}: not every shard answered; count again")
        return int(result["count"])

    def counts(self, index: str, query: Query, field: str) -> Mapping[str, int]:
        """Count the documents of a pattern by the values of a keyword field; empty where no index matches."""
        terms = {"terms": {"field": field, "size": _MAX_VALUES}}
        params = {**LENIENT, "allow_partial_search_results": "false"}
        body = {"query": query, "size": 0, "aggs": {"values": terms}}
        answer = self.transport.request("POST", f"/{quote_path(index)}/_search", params=params, body=body)
        result = accept(answer, f"counting in `{index}`").body
        if result["timed_out"] or result["_shards"]["failed"]:
            raise Incomplete(f"counting in `{index}`: not every shard answered; try again")
        buckets = (result.get("aggregations") or {"values": {"buckets": []}})["values"]["buckets"]
        return {str(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}

    def refresh(self, index: str) -> None:
        """Make everything written so far visible to `search`."""
        answer = self.transport.request("POST", f"/{quote_path(index)}/_refresh", params=LENIENT)
        accept(answer, f"refreshing `{index}`")

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
        items = accept(answer, "writing alerts and hits").body["items"]
        return [_created(draft, item["create"]) for draft, item in zip(drafts, items, strict=True)]

    def _replace(self, replacements: Sequence[Replacement]) -> list[bool]:
        lines: list[Mapping[str, Any]] = []
        for change in replacements:
            lines += [{"index": _condition(change.stored)}, change.document]
        answer = self.transport.request("POST", "/_bulk", body=lines)
        if answer.status == 413 and len(replacements) > 1:
            half = len(replacements) // 2
            return [*self._replace(replacements[:half]), *self._replace(replacements[half:])]
        items = accept(answer, "rewriting documents of the state").body["items"]
        return [_written(change.stored, item["index"]) for change, item in zip(replacements, items, strict=True)]

    def _update(self, changes: Sequence[PartialUpdate]) -> list[StoredDocument | None]:
        lines: list[Mapping[str, Any]] = []
        for change in changes:
            lines += [{"update": _condition(change.stored)}, {"doc": change.part}]
        items = accept(self.transport.request("POST", "/_bulk", body=lines), "changing alerts").body["items"]
        return [
            replace(
                change.stored,
                document=change.part,
                seq_no=item["update"]["_seq_no"],
                primary_term=item["update"]["_primary_term"],
            )
            if _written(change.stored, item["update"])
            else None
            for change, item in zip(changes, items, strict=True)
        ]


def bulk_batches(drafts: Sequence[NewDocument]) -> Iterator[Sequence[NewDocument]]:
    """Yield the drafts in batches that fit into one bulk request each, by count and by size."""
    batch: list[NewDocument] = []
    used = 0
    for draft in drafts:
        size = len(json.dumps(draft.document)) + len(draft.index) + len(draft.id) + 50
        if batch and (len(batch) == MAX_BULK_DOCUMENTS or used + size > MAX_BULK_BYTES):
            yield batch
            batch, used = [], 0
        batch.append(draft)
        used += size
    if batch:
        yield batch


def _condition(stored: StoredDocument) -> Mapping[str, Any]:
    return {
        "_index": stored.index,
        "_id": stored.id,
        "if_seq_no": stored.seq_no,
        "if_primary_term": stored.primary_term,
    }


def _written(stored: StoredDocument, item: Mapping[str, Any]) -> bool:
    """Whether a conditional write succeeded; false where the document was changed or deleted since it was read."""
    if item["status"] in (404, 409):
        return False
    if item.get("error"):
        raise cluster_error(Answer(status=item["status"], body=item), f"writing to `{stored.index}`")
    return True


def _created(draft: NewDocument, item: Mapping[str, Any]) -> CreateResult:
    status, error = item["status"], item.get("error")
    if status == 409:
        return CreateResult(id=draft.id, new=False)
    if not error:
        return CreateResult(id=draft.id, new=True)
    fault = cluster_error(Answer(status=status, body=item), f"writing to `{draft.index}`")
    if not isinstance(fault, Refused):
        raise fault
    if error.get("type") in _NOT_THE_DOCUMENT or "alias" in str(error.get("reason")):
        raise Overloaded(f"{fault}; it stays so until an operator acts")
    return CreateResult(id=draft.id, new=False, error=reason(item))


def _read(item: Mapping[str, Any]) -> StoredDocument | None:
    error = item.get("error")
    if error and error.get("type") != "index_not_found_exception":
        raise cluster_error(Answer(status=error.get("status", 500), body=item), f"reading `{item.get('_index')}`")
    return _stored(item) if item.get("found") else None


def _stored(item: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        index=item["_index"],
        id=item["_id"],
        document=item.get("_source", {}),
        seq_no=item["_seq_no"],
        primary_term=item["_primary_term"],
        sort=tuple(item.get("sort", ())),
    )
