"""Documents of the state in one cluster; every write is conditional."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from watcher.cluster.answer_shapes import BroadcastAnswer, CountAnswer, SearchSummary, TermBuckets, decode, malformed
from watcher.cluster.cluster_faults import cluster_error, reason
from watcher.cluster.engine_transport import Answer, Transport, quote_path
from watcher.cluster.index_mappings import LENIENT
from watcher.cluster.state_shapes import (
    ReadDocument,
    ReadDocuments,
    StateHit,
    StateSearchAnswer,
    WrittenDocument,
    WrittenItem,
    WrittenItems,
)
from watcher.errors import Incomplete, Overloaded, Refused
from watcher.model import Query
from watcher.ports import CreateResult, NewDocument, PartialUpdate, Replacement, StateQuery, StoredDocument

MAX_BULK_DOCUMENTS = 500

MAX_BULK_BYTES = 5_000_000
"""Bytes in one bulk request; a larger document gets a request of its own."""

_MAX_READ = 1_000
_FIRST_READ = 50
"""Documents that are read first: an alert may hold a megabyte of its event."""
_READ_BYTES = 6_000_000  # that an answer should have

_READING = "reading the state"

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
        size = _FIRST_READ
        while len(documents) < len(keys):
            answer, items = self._read(keys[len(documents) : len(documents) + size], {})
            documents += map(_document, items)
            size = _following(len(items), len(answer.raw or b""))
        return documents

    def exist(self, keys: Sequence[tuple[str, str]]) -> Sequence[bool]:
        """Return whether documents exist by (index, id), in the order of the keys; their content is not read."""
        starts = range(0, len(keys), _MAX_READ)
        answers = (self._read(keys[start : start + _MAX_READ], {"_source": "false"}) for start in starts)
        return [_exists(item) for _, items in answers for item in items]

    def _read(
        self, keys: Sequence[tuple[str, str]], params: Mapping[str, str]
    ) -> tuple[Answer, Sequence[ReadDocument]]:
        docs = [{"_index": index, "_id": key} for index, key in keys]
        answer = self.transport.request("POST", "/_mget", params=params, body={"docs": docs})
        items = decode(answer, ReadDocuments, _READING).docs
        if [item.id for item in items] != [key for _, key in keys]:
            raise malformed(_READING, "other documents than those that were asked for")
        return answer, items

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        """Write a new version of a document; return false where another process wrote first."""
        condition = {"if_seq_no": str(stored.seq_no), "if_primary_term": str(stored.primary_term)}
        path = f"/{quote_path(stored.index)}/_doc/{quote_path(stored.id)}"
        answer = self.transport.request("PUT", path, params=condition, body=document)
        if answer.status == 409:
            return False
        decode(answer, WrittenDocument, f"writing to `{stored.index}`")
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
        drafts = [
            NewDocument(index=change.stored.index, id=change.stored.id, document=change.part) for change in changes
        ]
        outcomes: list[StoredDocument | None] = []
        for batch in bulk_batches(drafts):
            outcomes += self._update(changes[len(outcomes) : len(outcomes) + len(batch)])
        return outcomes

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
        result = decode(answer, StateSearchAnswer, doing)
        if result.timed_out or result.shards.failed:
            raise Incomplete(f"{doing}: not every shard answered; search it again")
        return [_stored(hit) for hit in result.hits.hits]

    def count(self, index: str, query: Query) -> int:
        """Count the documents of a pattern that match a query."""
        doing = f"counting in `{index}`"
        answer = self.transport.request("POST", f"/{quote_path(index)}/_count", params=LENIENT, body={"query": query})
        result = decode(answer, CountAnswer, doing)
        if result.shards.failed:
            raise Incomplete(f"{doing}: not every shard answered; count again")
        return result.count

    def counts(self, index: str, query: Query, field: str) -> Mapping[str, int]:
        """Count the documents of a pattern by the values of a keyword field; empty where no index matches."""
        terms = {"terms": {"field": field, "size": _MAX_VALUES}}
        params = {**LENIENT, "allow_partial_search_results": "false"}
        body = {"query": query, "size": 0, "aggs": {"values": terms}}
        answer = self.transport.request("POST", f"/{quote_path(index)}/_search", params=params, body=body)
        doing = f"counting in `{index}`"
        result = decode(answer, SearchSummary, doing)
        if result.timed_out or result.shards.failed:
            raise Incomplete(f"{doing}: not every shard answered; try again")
        values = result.aggregation("values", TermBuckets, doing)
        return {str(bucket.key): bucket.doc_count for bucket in values.buckets} if values else {}

    def refresh(self, index: str) -> None:
        """Make everything written so far visible to `search`."""
        answer = self.transport.request("POST", f"/{quote_path(index)}/_refresh", params=LENIENT)
        decode(answer, BroadcastAnswer, f"refreshing `{index}`")

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
        items = _items(answer, "create", len(drafts), "writing alerts and hits")
        return [_created(draft, item) for draft, item in zip(drafts, items, strict=True)]

    def _replace(self, replacements: Sequence[Replacement]) -> list[bool]:
        lines: list[Mapping[str, Any]] = []
        for change in replacements:
            lines += [{"index": _condition(change.stored)}, change.document]
        answer = self.transport.request("POST", "/_bulk", body=lines)
        if answer.status == 413 and len(replacements) > 1:
            half = len(replacements) // 2
            return [*self._replace(replacements[:half]), *self._replace(replacements[half:])]
        items = _items(answer, "index", len(replacements), "rewriting documents of the state")
        return [_written(change.stored, item) for change, item in zip(replacements, items, strict=True)]

    def _update(self, changes: Sequence[PartialUpdate]) -> list[StoredDocument | None]:
        lines: list[Mapping[str, Any]] = []
        for change in changes:
            lines += [{"update": _condition(change.stored)}, {"doc": change.part}]
        answer = self.transport.request("POST", "/_bulk", body=lines)
        if answer.status == 413 and len(changes) > 1:
            half = len(changes) // 2
            return [*self._update(changes[:half]), *self._update(changes[half:])]
        items = _items(answer, "update", len(changes), "changing alerts")
        return [_updated(change, item) for change, item in zip(changes, items, strict=True)]


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


def _items(answer: Answer, action: str, count: int, doing: str) -> list[WrittenItem]:
    """Return the outcomes of a bulk request; raises Malformed where they are not those of its actions."""
    items = decode(answer, WrittenItems, doing).items
    if len(items) != count or any(action not in item for item in items):
        raise malformed(doing, f"{len(items)} outcomes of {count} actions `{action}`")
    return [item[action] for item in items]


def _written(stored: StoredDocument, item: WrittenItem) -> bool:
    """Whether a conditional write succeeded; false where the document was changed or deleted since it was read."""
    if item.status in (404, 409):
        return False
    doing = f"writing to `{stored.index}`"
    if item.error or not item.succeeded:
        raise cluster_error(Answer(status=item.status, value={"error": item.error or {}}), doing)
    return True


def _updated(change: PartialUpdate, item: WrittenItem) -> StoredDocument | None:
    """Return what the next change of a document needs, None where another process wrote first."""
    if not _written(change.stored, item):
        return None
    if item.seq_no is None or item.primary_term is None:
        raise malformed(f"writing to `{change.stored.index}`", "a write without its number")
    return replace(change.stored, document=change.part, seq_no=item.seq_no, primary_term=item.primary_term)


def _created(draft: NewDocument, item: WrittenItem) -> CreateResult:
    if item.status == 409:
        return CreateResult(id=draft.id, new=False)
    if not item.error and item.succeeded:
        return CreateResult(id=draft.id, new=True)
    body = {"error": item.error or {}}
    fault = cluster_error(Answer(status=item.status, value=body), f"writing to `{draft.index}`")
    if not isinstance(fault, Refused):
        raise fault
    error = item.error or {}
    if error.get("type") in _NOT_THE_DOCUMENT or "alias" in str(error.get("reason")):
        raise Overloaded(f"{fault}; it stays so until an operator acts")
    return CreateResult(id=draft.id, new=False, error=reason(body))


def _following(count: int, length: int) -> int:
    """Return how many documents are read after some whose answer had a length."""
    return max(1, min(_MAX_READ, 4 * count, count * _READ_BYTES // max(1, length)))


def _exists(item: ReadDocument) -> bool:
    error = item.error
    if error and error.get("type") != "index_not_found_exception":
        raise cluster_error(Answer(status=500, value={"error": error}), f"reading `{item.index}`")
    if not error and item.exists is None:
        raise malformed(_READING, "a document that neither exists nor is missing")
    return not error and bool(item.exists)


def _document(item: ReadDocument) -> StoredDocument | None:
    if not _exists(item):
        return None
    if item.seq_no is None or item.primary_term is None or item.source is None:
        raise malformed(_READING, "a document without its number")
    return StoredDocument(
        index=item.index, id=item.id, document=item.source, seq_no=item.seq_no, primary_term=item.primary_term
    )


def _stored(hit: StateHit) -> StoredDocument:
    return StoredDocument(
        index=hit.index,
        id=hit.id,
        document=hit.source,
        seq_no=hit.seq_no,
        primary_term=hit.primary_term,
        sort=tuple(hit.sort),
    )
