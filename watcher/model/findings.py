"""Findings about files, and the locations that they name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class Location(Struct, frozen=True, order=True, gc=False):
    """A position in a file: 1-based line and column."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem of a rule or a setting, and what to do about it."""

    code: str  # stable name, e.g. `duplicate-key`
    severity: Severity
    location: Location
    message: str  # one sentence, no full stop
    fix: str = ""  # the next step to take

    def __str__(self) -> str:
        advice = f"; {self.fix}" if self.fix else ""
        return f"{self.location}: {self.severity}: {self.message}{advice} [{self.code}]"
