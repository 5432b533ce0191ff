"""The leases of the sidecars of a sandbox, as the state holds them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from support.sandbox import RunningSidecar, Sandbox
from watcher.errors import ClusterError
from watcher.state.leases import rightful_holder

LEASES = ("lease-delivery-slack", "lease-live-windows", "lease-past-windows")


def bodies(sandbox: Sandbox, *names: str) -> dict[str, Mapping[str, Any]]:
    """Return the bodies of the existing state documents."""
    try:
        documents = sandbox.admin.state().get([(f"{sandbox.prefix}-state", name) for name in names])
    except ClusterError:  # the index is being created
        return {}
    return {document.id: document.document["body"] for document in documents if document is not None}


def holders(sandbox: Sandbox, leases: Collection[str] = LEASES) -> dict[str, str]:
    """Return the holder of each lease."""
    return {name: str(body["holder"]) for name, body in bodies(sandbox, *leases).items()}


def process_of(holder: str) -> int:
    """Return the process id in a holder's name, 0 where the lease has no holder."""
    return int(holder.rsplit("-", 2)[1]) if holder else 0


def evenly_held(sandbox: Sandbox, loops: Sequence[RunningSidecar], leases: Collection[str] = LEASES) -> bool:
    """Whether every lease is held by its rightful holder."""
    listed = bodies(sandbox, "members").get("members", {}).get("names", ())
    held = holders(sandbox, leases)
    pids = {loop.process.pid for loop in loops}
    return (
        len(held) == len(leases)
        and {process_of(name) for name in listed} == pids
        and all(holder == rightful_holder(name.removeprefix("lease-"), listed) for name, holder in held.items())
    )
