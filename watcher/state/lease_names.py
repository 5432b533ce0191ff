"""The names of the leases by which sidecars share their work."""

from __future__ import annotations

DELIVERY = "delivery"
"""The lease of notices for operators, and of what concerns the deliveries of all channels."""


def delivery_lease(channel: str) -> str:
    """Return the name of the lease of sending the deliveries of a channel."""
    return f"{DELIVERY}-{channel}"


def live_lease(source: str) -> str:
    """Return the name of the lease of a source's live search."""
    return f"live-{source}"


def past_lease(source: str) -> str:
    """Return the name of the lease of a source's gaps and late events."""
    return f"past-{source}"
