"""The shapes of answers about documents of the state."""

from __future__ import annotations

from typing import Any

import msgspec

from watcher.cluster.answer_shapes import Shape, Shards


class StateHit(Shape, frozen=True):
    """A document with what a conditional write needs."""

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    seq_no: int = msgspec.field(name="_seq_no")
    primary_term: int = msgspec.field(name="_primary_term")
    source: dict[str, Any] = msgspec.field(name="_source", default_factory=dict)
    sort: tuple[Any, ...] = ()


class StateHits(Shape, frozen=True):
    """Documents of the state."""

    hits: list[StateHit]


class StateSearchAnswer(Shape, frozen=True):
    """The answer to a search in the state."""

    timed_out: bool
    shards: Shards = msgspec.field(name="_shards")
    hits: StateHits


class ReadDocument(Shape, frozen=True):
    """A document that was asked for by its id, or why there is none."""

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    exists: bool | None = msgspec.field(name="found", default=None)  # None: there is an error
    seq_no: int | None = msgspec.field(name="_seq_no", default=None)
    primary_term: int | None = msgspec.field(name="_primary_term", default=None)
    source: dict[str, Any] | None = msgspec.field(name="_source", default=None)
    error: dict[str, Any] | None = None


class ReadDocuments(Shape, frozen=True):
    """Documents that were asked for by their ids."""

    docs: list[ReadDocument]


class WrittenItem(Shape, frozen=True):
    """The outcome of one write."""

    status: int
    seq_no: int | None = msgspec.field(name="_seq_no", default=None)
    primary_term: int | None = msgspec.field(name="_primary_term", default=None)
    error: dict[str, Any] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the status is that of a success."""
        return 200 <= self.status < 300


class WrittenItems(Shape, frozen=True):
    """The outcomes of a bulk request, each by the name of its action."""

    items: list[dict[str, WrittenItem]]


class WrittenDocument(Shape, frozen=True):
    """The outcome of the write of one document."""

    seq_no: int = msgspec.field(name="_seq_no")
    primary_term: int = msgspec.field(name="_primary_term")


class TemplateBody(Shape, frozen=True):
    """A composable index template."""

    version: int = 0


class NamedTemplate(Shape, frozen=True):
    """An index template and its name."""

    name: str
    index_template: TemplateBody


class Templates(Shape, frozen=True):
    """Index templates."""

    index_templates: list[NamedTemplate]
