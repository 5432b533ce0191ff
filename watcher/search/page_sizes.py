"""How many documents a page may have, so that neither the engine nor the sidecar runs out of memory."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.ports import Page

FIRST_PAGE = 500
"""Documents of the first page of a scan, while the documents have the usual size."""

MOST = 5_000
"""Documents of a page."""

LENGTH = 6_000_000
"""Bytes that a page should have."""

FEW = 10
"""Documents of a first page where large documents were read a short time ago, or an engine gave up."""

_UNKNOWN = 100  # documents of the next page, at least, where the length of the last one is unknown
_HUGE = 5 * LENGTH  # bytes of a page after which pages start small
_CAREFUL = 100  # scans that start small afterwards
_COMPLETE = 10  # the last of these, which read complete documents again


@dataclass(slots=True)
class PageSizes:
    """Whether the pages of a source start small; it outlives the windows, and several threads may share it.

    After a huge page, or a scan that the engine did not finish, the next scans start with few documents, and read only
    what rules read of each. The last of them read complete documents again, still from few on: if these are small, the
    usual size follows.
    """

    _careful: int = 0  # scans that are to start small

    @property
    def first(self) -> int:
        """How many documents a first page has."""
        return FEW if self._careful else FIRST_PAGE

    @property
    def without_unread_fields(self) -> bool:
        """Whether the fields that no rule reads are left out."""
        return self._careful > _COMPLETE

    def finish_scan(self) -> None:
        """Count a scan that was finished."""
        self._careful = max(0, self._careful - 1)

    def note_failure(self) -> None:
        """Note that an engine did not finish a scan."""
        self._careful = _CAREFUL

    def following(self, page: Page, size: int) -> int:
        """Return how many documents the page after this one may have, which was read with a size."""
        if page.length > _HUGE:
            self._careful = _CAREFUL
        count = page.count
        if not page.length or not count:
            return min(size, max(_UNKNOWN, count))
        fitting = count * LENGTH // page.length
        return max(1, min(fitting, MOST, 2 * count))
