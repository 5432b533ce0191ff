"""What people ask of an event first: which host, which account, which process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """The most informative values of one event; a value that is missing is the empty string."""

    host: str = ""
    user: str = ""  # without the domain
    domain: str = ""
    process: str = ""  # path of the executable
    command_line: str = ""
    parent_process: str = ""
    parent_command_line: str = ""
    channel: str = ""
    code: str = ""
    provider: str = ""
    service: str = ""  # the name of a Windows service
    agent: str = ""  # the name of the agent that sent the event
    message: str = ""  # as rendered by Windows
    details: tuple[tuple[str, str], ...] = ()  # label and value of further fields, in the event's order

    @property
    def account(self) -> str:
        r"""The user with the domain, where one is known: `DOMAIN\user`."""
        return f"{self.domain}\\{self.user}" if self.domain and self.user else self.user

    def as_document(self) -> dict[str, Any]:
        """Return the summary as JSON, without what is empty."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "details"}
        document: dict[str, Any] = {name: value for name, value in values.items() if value}
        if self.details:
            document["details"] = [{"label": label, "value": value} for label, value in self.details]
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> EventSummary:
        """Return the summary that `as_document` wrote; unknown names are ignored."""
        names = {field.name for field in fields(cls)} - {"details"}
        values = {name: str(value) for name, value in document.items() if name in names}
        details = tuple((str(detail["label"]), str(detail["value"])) for detail in document.get("details", ()))
        return cls(**values, details=details)
