"""A string that is never shown."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.known_secrets import remember_secret


@dataclass(frozen=True, slots=True)
class Secret:
    """A string that no repr, log or error shows."""

    value: str

    def __post_init__(self) -> None:
        """Keep the value out of every text that leaves the process."""
        remember_secret(self.value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__
