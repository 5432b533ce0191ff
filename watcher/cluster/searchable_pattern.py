"""An index pattern without the indices that cannot be searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from watcher.cluster.engine_transport import LINE, Answer, Transport, quote_path
from watcher.cluster.failing_indices import unavailable_indices
from watcher.cluster.index_states import open_indices
from watcher.model import UnsearchableIndex


@dataclass(slots=True)
class SearchablePattern:
    """A pattern, and the indices that are left out of it because a search of them fails."""

    transport: Transport
    pattern: str
    reasons: dict[str, str] = field(default_factory=dict)  # index → why it is left out
    expression: str = field(init=False)  # what is searched; empty: no index is left
    _is_listed: bool = False  # names the remaining indices: what an alias stands for cannot be left out otherwise

    def __post_init__(self) -> None:
        self.expression = self.pattern
        if self.reasons:
            self._express()

    @property
    def unsearchable(self) -> tuple[UnsearchableIndex, ...]:
        """The indices that are left out."""
        return tuple(UnsearchableIndex(index=index, reason=self.reasons[index]) for index in sorted(self.reasons))

    def leave_out(self, reasons: Mapping[str, str]) -> bool:
        """Leave out further indices; return false where that cannot help."""
        if not reasons:
            return False
        further = {index: reason for index, reason in reasons.items() if index not in self.reasons}
        if not further and self._is_listed:
            return False
        self._is_listed = self._is_listed or not further
        self.reasons |= further
        return self._express()

    def answer(self, request: Callable[[str], Answer]) -> Answer | None:
        """Return the answer to a request for a pattern, without the indices that cannot be opened.

        Returns None where no index is left, and the answer of an error where its cause is another one.
        """
        while self.expression:
            answer = request(self.expression)
            if 200 <= answer.status < 300 or not self.leave_out(unavailable_indices(answer.body)):
                return answer
        return None

    def _express(self) -> bool:
        """Write the expression; return false where the remaining indices cannot be expressed."""
        if not self._is_listed and "*" in self.pattern:
            expression = ",".join((self.pattern, *map(_excluded, sorted(self.reasons))))
            if len(quote_path(expression)) <= LINE:
                self.expression = expression
                return True
        self._is_listed = True
        listed = open_indices(self.transport, self.pattern)
        expression = ",".join(index for index in listed or () if index not in self.reasons)
        if listed is None or len(quote_path(expression)) > LINE:
            return False
        self.expression = expression
        return True


def _excluded(index: str) -> str:
    """Return the part of a pattern that leaves out an index, which may belong to another cluster."""
    cluster, _, name = index.rpartition(":")
    return f"{cluster}:-{name}" if cluster else f"-{index}"
