"""The ports to the indices of the state: templates, mappings and deletion by age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from watcher.ports.document_ports import Documents


class IndexTemplates(Protocol):
    """Templates and mappings of the state's indices."""

    def template_version(self, name: str) -> int | None:
        """Return the version of an index template, None where it is not installed."""
        ...

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        """Install a composable index template."""
        ...

    def strict(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern that refuse unmapped fields."""
        ...

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        """Add fields to an existing index."""
        ...


class IndexAdmin(Protocol):
    """The indices of the state and their deletion by age."""

    def indices(self, pattern: str) -> Sequence[str]:
        """Return the sorted names of the indices of a pattern."""
        ...

    def drop(self, index: str) -> None:
        """Delete one index; no error where it is gone already."""
        ...

    def keep_for(self, name: str, indices: str, age: timedelta) -> Mapping[str, Any] | None:
        """Let the cluster delete indices of a pattern at an age; None where it has no such service.

        Returns the settings that new indices need for it.
        """
        ...


class State(Documents, IndexTemplates, IndexAdmin, Protocol):
    """Everything that one cluster offers for the state; a consumer asks for the smallest port that it needs."""
