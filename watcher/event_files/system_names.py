"""Names that Windows gives to numbers of an event's System part, and Winlogbeat writes in their place."""

from __future__ import annotations

from collections.abc import Mapping

LEVELS: Mapping[int, str] = {
    0: "information",
    1: "critical",
    2: "error",
    3: "warning",
    4: "information",
    5: "verbose",
}
OPCODES: Mapping[int, str] = {
    0: "Info",
    1: "Start",
    2: "Stop",
    3: "DCStart",
    4: "DCStop",
    5: "Extension",
    6: "Reply",
    7: "Resume",
    8: "Suspend",
    9: "Send",
}
KEYWORDS: Mapping[int, str] = {
    1 << 48: "Response Time",
    1 << 50: "WDI Diag",
    1 << 51: "SQM",
    1 << 52: "Audit Failure",
    1 << 53: "Audit Success",
    1 << 54: "Correlation Hint",
    1 << 55: "Classic",
}
"""Bits of the keywords that have a name in every log."""
