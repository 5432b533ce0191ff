"""Whether the state can be written: by an update of a document that does not exist, which changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.errors import ClusterError, Forbidden
from watcher.health.recorded_problems import Problem, ProblemKind
from watcher.ports import PartialUpdate, State, StoredDocument

_ABSENT = "watcher-probe"  # the id of a document that never exists


def state_problem(state: State, prefix: str) -> Problem | None:
    """Return the problem of a state that accepts no writes, None where it does.

    A user who may not write it, such as a reader who asks for the status, learns nothing.
    """
    try:
        indices = _newest(state.indices(f"{prefix}-*"), prefix)
        state.update([PartialUpdate(stored=_absent(index), part={}) for index in indices])
    except Forbidden:
        return None
    except ClusterError as fault:
        return not_writable(fault)
    return None


def not_writable(fault: object) -> Problem:
    """Return the problem of a state that answers a write by an error."""
    title = "the state cannot be written"
    return Problem(
        kind=ProblemKind.STATE_NOT_WRITABLE,
        title=title,
        message=f"{title}: {fault}; nothing is searched or sent meanwhile, and no events are lost",
    )


def _newest(indices: Sequence[str], prefix: str) -> tuple[str, ...]:
    """Return the state index, and the newest index of alerts and of hits."""
    names = sorted(indices)
    newest = (
        [name for name in names if name.startswith(f"{prefix}-{kind}")][-1:] for kind in ("state", "alerts-", "hits-")
    )
    return tuple(name for part in newest for name in part)


def _absent(index: str) -> StoredDocument:
    return StoredDocument(index=index, id=_ABSENT, document={}, seq_no=0, primary_term=1)
