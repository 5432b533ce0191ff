"""The shapes of the engines' answers: every answer is decoded here, and one of another shape is an error.

Keys that the product does not read are left out; a key without a default must be there.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, TypeVar

import msgspec

from watcher.cluster.cluster_faults import accept
from watcher.cluster.engine_transport import Answer
from watcher.errors import Malformed

_REASON = 200
"""How much of a decoder's sentence is repeated: it may quote a key that an attacker wrote."""


FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, since 1970."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The base of all shapes; no answer refers to itself, so that the garbage collector need not look at them."""


ShapeT = TypeVar("ShapeT")


def decode(answer: Answer, shape: type[ShapeT], doing: str) -> ShapeT:
    """Return the body of a successful answer in its shape.

    Raises the error of an answer of another status, Malformed where the body has another shape, Undecodable where it
    is declared as JSON and is not.
    """
    accepted = accept(answer, doing)
    if accepted.raw is not None:
        with suppress(msgspec.MsgspecError, ValueError, RecursionError):
            return msgspec.json.decode(accepted.raw, type=shape, strict=False)
    return shaped(accepted.body, shape, doing)  # by a reader that takes what the quick one refuses


def shaped(body: Any, shape: type[ShapeT], doing: str) -> ShapeT:
    """Return a value in a shape; raises Malformed where it has another one. Numbers may be written as text."""
    try:
        return msgspec.convert(body, shape, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise malformed(doing, f"{error}") from None


def malformed(doing: str, why: str) -> Malformed:
    """Return the error of an answer that is not what the engine documents."""
    clean = "".join(char if char.isprintable() else " " for char in why)[:_REASON]
    return Malformed(
        f"{doing}: status 200, but not an answer of the engine ({clean}); a proxy may have sent it; ask again"
    )


# --------------------------------------------------------------------------- searches


class Shards(Shape, frozen=True):
    """How many shards answered."""

    total: int
    failed: int
    successful: int | None = None
    failures: tuple[dict[str, Any], ...] = ()


class Clusters(Shape, frozen=True):
    """How many clusters of a cross-cluster search answered."""

    total: int = 0
    skipped: int = 0
    partial: int = 0
    failed: int = 0
    details: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)  # by cluster; Elasticsearch alone


class Total(Shape, frozen=True):
    """The number of documents that match."""

    value: int


class ReturnedDocument(Shape, frozen=True):
    """A document of a search."""

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    source: dict[str, Any] = msgspec.field(name="_source", default_factory=dict)
    fields: dict[str, list[Any]] | None = None
    sort: tuple[Any, ...] = ()


class ReturnedDocuments(Shape, frozen=True):
    """The documents of a page, and the number of all."""

    hits: list[ReturnedDocument]
    total: Total | None = None


class SearchAnswer(Shape, frozen=True):
    """The answer to a search for documents."""

    timed_out: bool
    shards: Shards = msgspec.field(name="_shards")
    hits: ReturnedDocuments
    took: float = 0.0
    clusters: Clusters = msgspec.field(name="_clusters", default=Clusters())
    pit_id: str = ""


class OpenedSnapshot(Shape, frozen=True):
    """The answer to opening a point in time."""

    id: str = ""  # of Elasticsearch
    pit_id: str = ""  # of OpenSearch
    shards: Shards | None = msgspec.field(name="_shards", default=None)


class SearchSummary(Shape, frozen=True):
    """The answer to a search that returns no documents."""

    timed_out: bool
    shards: Shards = msgspec.field(name="_shards")
    clusters: Clusters = msgspec.field(name="_clusters", default=Clusters())
    pit_id: str = ""
    aggregations: dict[str, Any] | None = None

    def aggregation(self, name: str, shape: type[ShapeT], doing: str) -> ShapeT | None:
        """Return an aggregation; None where no shard was searched. Raises Malformed where it is missing otherwise."""
        if self.aggregations is None and not self.shards.total:
            return None
        return shaped((self.aggregations or {}).get(name), shape, doing)


class MultiSearchAnswer(Shape, frozen=True):
    """The answers to several searches, each of which may be an error."""

    responses: list[dict[str, Any]]


class PageAnswer(Shape, frozen=True):
    """One of several answers: a page of documents, or an error."""

    status: int = 200
    error: Any = None
    timed_out: bool | None = None
    shards: Shards | None = msgspec.field(name="_shards", default=None)
    hits: ReturnedDocuments | None = None
    took: float = 0.0
    clusters: Clusters = msgspec.field(name="_clusters", default=Clusters())
    pit_id: str = ""


class PageAnswers(Shape, frozen=True):
    """The answers to the requests for several pages."""

    responses: list[PageAnswer]


class CountAnswer(Shape, frozen=True):
    """The answer to a count."""

    count: int
    shards: Shards = msgspec.field(name="_shards")


class TimeBucket(Shape, frozen=True):
    """The number of documents of a step of time."""

    key: Annotated[int, msgspec.Meta(ge=FIRST_SECOND * 1000, le=LAST_SECOND * 1000)]
    doc_count: int


class TimeBuckets(Shape, frozen=True):
    """The steps of a date histogram."""

    buckets: list[TimeBucket]


class TermBucket(Shape, frozen=True):
    """The number of documents of a value."""

    key: str | int | float
    doc_count: int


class TermBuckets(Shape, frozen=True):
    """The values of a field."""

    buckets: list[TermBucket]


class Cardinality(Shape, frozen=True):
    """The number of different values of a field."""

    value: int


class CodeBucket(TermBucket, frozen=True):
    """The events of an event id."""

    hosts: Cardinality


class CodeBuckets(Shape, frozen=True):
    """The events of a channel by event id."""

    buckets: list[CodeBucket]


class ChannelBucket(TermBucket, frozen=True):
    """The events of a channel."""

    hosts: Cardinality
    codes: CodeBuckets


class ChannelBuckets(Shape, frozen=True):
    """The events by channel."""

    buckets: list[ChannelBucket]


class BroadcastAnswer(Shape, frozen=True):
    """The answer of a request to all shards."""

    shards: Shards = msgspec.field(name="_shards")
