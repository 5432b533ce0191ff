"""The names of the leases by which sidecars share their work."""

from __future__ import annotations

DELIVERY = "delivery"
"""The lease of sending pending deliveries, and notices for operators."""


def live_lease(source: str) -> str:
    """Return the name of the lease of a source's live search."""
    return f"live-{source}"


def past_lease(source: str) -> str:
    """Return the name of the lease of a source's gaps and late events."""
    return f"past-{source}"
