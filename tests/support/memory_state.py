"""Fakes of the ports to the state: a fake per port, over documents in memory that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from threading import RLock
from typing import Any

from watcher.model import Query
from watcher.ports import CreateResult, NewDocument, PartialUpdate, Replacement, StateQuery, StoredDocument
from watcher.state.index_templates import VERSION, templates

_TEMPLATES = templates("watcher")


def leaves(document: Any, path: str) -> list[Any]:
    """Return every value at a path."""
    if isinstance(document, list):
        return [leaf for item in document for leaf in leaves(item, path)]
    if not path:
        return [document]
    head, _, rest = path.partition(".")
    return leaves(document[head], rest) if isinstance(document, Mapping) and head in document else []


def matches(document: Mapping[str, Any], query: Query) -> bool:
    """Whether a document matches a query."""
    ((kind, body),) = query.items()
    match kind:
        case "match_all":
            return True
        case "bool":
            needed = all(matches(document, clause) for clause in body.get("filter", ()))
            refused = any(matches(document, clause) for clause in body.get("must_not", ()))
            should = body.get("should", ())
            return needed and not refused and (not should or any(matches(document, clause) for clause in should))
        case "exists":
            return bool(leaves(document, body["field"]))
    ((path, wanted),) = body.items()
    values = leaves(document, path)
    match kind:
        case "term":
            if isinstance(wanted, Mapping):  # compared without case
                return wanted["value"].casefold() in (str(value).casefold() for value in values)
            return wanted in values
        case "terms":
            return any(value in wanted for value in values)
        case "range":
            bounds = {"lte": str.__le__, "gte": str.__ge__, "lt": str.__lt__}
            return any(all(bounds[name](str(value), str(edge)) for name, edge in wanted.items()) for value in values)
    raise ValueError(f"the fake state has no `{kind}`")


def merged(document: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document after a partial update: objects are merged, other values replaced."""
    result = dict(document)
    for name, value in part.items():
        previous = document.get(name)
        both = isinstance(value, Mapping) and isinstance(previous, Mapping)
        result[name] = merged(previous, value) if both else value
    return result


def _comes_after(values: Sequence[Any], cursor: Sequence[Any], ways: Sequence[str]) -> bool:
    for value, edge, way in zip(values, cursor, ways, strict=True):
        if value != edge:
            return bool(value > edge) is (way == "asc")
    return False


def unmapped(document: Any, mapping: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of a document that a strict mapping does not have."""
    properties = mapping.get("properties")
    if isinstance(document, list):
        for item in document:
            yield from unmapped(item, mapping, path)
    elif isinstance(document, Mapping) and properties is not None:
        for name, value in document.items():
            if name in properties:
                yield from unmapped(value, properties[name], f"{path}{name}.")
            else:
                yield f"{path}{name}"


def _mapping(index: str) -> Mapping[str, Any]:
    """Return the mapping of an index of alerts or hits; any other takes all documents."""
    for name, template in _TEMPLATES.items():
        if index.startswith(f"{name}-"):
            mapping: Mapping[str, Any] = template["template"]["mappings"]
            return mapping
    return {}


@dataclass
class MemoryStore:
    """The documents that the fakes share; `log` lists the writes in order."""

    documents: dict[tuple[str, str], StoredDocument] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock, repr=False, compare=False)  # channels are written at the same time

    def put(self, index: str, name: str, document: Mapping[str, Any], seq_no: int) -> None:
        """Store a version of a document: the only place where one is written; as strict as the mapping."""
        if document.get("watcher", {}).get("version", VERSION) >= VERSION:  # older ones have an older mapping
            assert list(unmapped(document, _mapping(index))) == []
        self.documents[index, name] = StoredDocument(
            index=index, id=name, document=document, seq_no=seq_no, primary_term=1
        )


@dataclass
class MemoryReader(MemoryStore):
    """The DocumentReader port."""

    def get(self, keys: Sequence[tuple[str, str]]) -> Sequence[StoredDocument | None]:
        return [self.documents.get(key) for key in keys]

    def exist(self, keys: Sequence[tuple[str, str]]) -> Sequence[bool]:
        return [key in self.documents for key in keys]

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        """Return the documents that match the clauses that watcher uses."""
        orders = [(path, way) for order in state_query.sort for path, way in order.items()]
        stored = [
            replace(document, sort=tuple("".join(map(str, leaves(document.document, path)[:1])) for path, _ in orders))
            for document in self._matching(state_query.index, state_query.query)
        ]
        if state_query.after:
            ways = [way for _, way in orders]
            stored = [document for document in stored if _comes_after(document.sort, state_query.after, ways)]
        for number, (_, way) in reversed(list(enumerate(orders))):
            stored.sort(key=lambda document: document.sort[number], reverse=way == "desc")
        return stored[: state_query.size]

    def count(self, index: str, query: Query) -> int:
        return len(self._matching(index, query))

    def counts(self, index: str, query: Query, field: str) -> Mapping[str, int]:
        texts = (leaf for stored in self._matching(index, query) for leaf in leaves(stored.document, field))
        return Counter(text for text in texts if isinstance(text, str))

    def refresh(self, index: str) -> None:
        pass

    def _matching(self, index: str, query: Query) -> list[StoredDocument]:
        with self.lock:
            documents = list(self.documents.values())
        return [stored for stored in documents if fnmatchcase(stored.index, index) and matches(stored.document, query)]


@dataclass
class MemoryWriter(MemoryStore):
    """The DocumentWriter port."""

    refused: tuple[str, ...] = ()  # parts of documents that this engine refuses

    def create(self, drafts: Sequence[NewDocument]) -> Sequence[CreateResult]:
        self.log.extend(f"create {draft.index}" for draft in drafts)
        return [self._create(draft) for draft in drafts]

    def replace(self, stored: StoredDocument, document: Mapping[str, Any]) -> bool:
        self.log.append(f"replace {stored.index}")
        with self.lock:
            current = self.documents[stored.index, stored.id]
            if current.seq_no != stored.seq_no:
                return False
            self.put(stored.index, stored.id, document, current.seq_no + 1)
        return True

    def replace_many(self, replacements: Sequence[Replacement]) -> Sequence[bool]:
        return [self.replace(change.stored, change.document) for change in replacements]

    def update(self, changes: Sequence[PartialUpdate]) -> Sequence[StoredDocument | None]:
        return [self._update(change) for change in changes]

    def _create(self, draft: NewDocument) -> CreateResult:
        if bad := next((part for part in self.refused if part in str(draft.document)), None):
            return CreateResult(id=draft.id, new=False, error=f"no `{bad}` here")
        with self.lock:
            if (draft.index, draft.id) in self.documents:
                return CreateResult(id=draft.id, new=False)
            self.put(draft.index, draft.id, draft.document, 0)
        return CreateResult(id=draft.id, new=True)

    def _update(self, change: PartialUpdate) -> StoredDocument | None:
        key = (change.stored.index, change.stored.id)
        self.log.append(f"amend {key[0]}")
        with self.lock:
            current = self.documents.get(key)
            if current is None or current.seq_no != change.stored.seq_no:
                return None
            self.put(*key, merged(current.document, change.part), current.seq_no + 1)
            return replace(self.documents[key], document=change.part)


@dataclass
class MemoryDocuments(MemoryReader, MemoryWriter):
    """The Documents port."""


@dataclass
class LaggingDocuments(MemoryDocuments):
    """A state whose searches see what was written before the last refresh, as engines' do."""

    visible: dict[tuple[str, str], StoredDocument] = field(default_factory=dict)

    def refresh(self, index: str) -> None:  # noqa: ARG002 - the port's names
        self.visible = {**self.documents}

    def search(self, state_query: StateQuery) -> Sequence[StoredDocument]:
        return MemoryReader(self.visible).search(state_query)


@dataclass
class MemoryTemplates(MemoryStore):
    """The IndexTemplates port."""

    templates: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)  # indices that the engine created without a template

    def template_version(self, name: str) -> int | None:
        template = self.templates.get(name)
        return template["version"] if template else None

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        self.templates[name] = template

    def strict(self, pattern: str) -> Sequence[str]:
        return sorted(index for index in _indices(self, pattern) if index not in self.loose)

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        self.log.append(f"map {index} {sorted(mapping)}")
        self.loose.discard(index)


@dataclass
class MemoryIndices(MemoryStore):
    """The IndexAdmin port, of a cluster that does not delete by age."""

    def indices(self, pattern: str) -> Sequence[str]:
        return sorted(_indices(self, pattern))

    def drop(self, index: str) -> None:
        self.documents = {key: stored for key, stored in self.documents.items() if key[0] != index}

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        self.log.append(f"keep {name} {indices} {age.days}d")
        return None


@dataclass
class MemoryState(MemoryDocuments, MemoryTemplates, MemoryIndices):
    """The State port: all of them together."""


def _indices(store: MemoryStore, pattern: str) -> set[str]:
    return {index for index, _ in store.documents if fnmatchcase(index, pattern)}
