"""How many documents a page may have, so that neither the engine nor the sidecar runs out of memory."""

from __future__ import annotations

from dataclasses import dataclass

from watcher.ports import Page
from watcher.search.write_growth import Growth

FIRST_PAGE = 500
"""Documents of the first page of a scan, where no huge documents were written since the last one."""

MOST = 5_000
"""Documents of a page."""

LENGTH = 6_000_000
"""Bytes that a page should have."""

FEW = 10
"""Documents of a first page where it is not known what was written, huge documents were, or an engine gave up."""

_UNKNOWN = 100  # documents of the next page, at least, where the length of the last one is unknown
_HUGE = 5 * LENGTH  # bytes of a page after which pages start small
_CAREFUL = 100  # scans that start small afterwards
_COMPLETE = 10  # the last of these, which read complete documents again
_PAGES = 500  # small ones, into which a scan may divide its documents
_STEEP, _FLAT = 8, 2  # how many times longer a page may be than the one before


@dataclass(slots=True)
class PageSizes:
    """Whether the pages of a source start small; it outlives the windows, and several threads may share it.

    After huge writes, a huge page, or a scan that the engine did not finish, the next scans start with small pages, and
    read only what rules read of each document. The last of them read complete documents again: if these are small, the
    usual size follows. After huge writes and engines that did not finish, all pages are small: there may be a burst of
    huge documents behind many small ones.
    """

    _careful: int = 0  # scans that are to start with small pages
    _limited: int = 0  # scans whose pages are all to be small

    @property
    def are_small(self) -> bool:
        """Whether all pages are small."""
        return self._limited > 0

    @property
    def without_unread_fields(self) -> bool:
        """Whether the fields that no rule reads are left out."""
        return self._careful > _COMPLETE

    def first(self, growth: Growth) -> int:
        """Return how many documents a first page has, by what was written since the last search."""
        return FIRST_PAGE if growth is Growth.USUAL and not self._careful else FEW

    def finish_scan(self) -> None:
        """Count a scan that was finished."""
        self._careful = max(0, self._careful - 1)
        self._limited = max(0, self._limited - 1)

    def start_small(self) -> None:
        """Let the next scans have small pages: an engine did not finish a scan, or huge documents were written."""
        self._careful = self._limited = _CAREFUL

    def following(self, page: Page, size: int, total: int) -> int:
        """Return how many documents the page after this one may have, which was read with a size.

        `total` is the number of documents of the scan.
        """
        if page.length > _HUGE:
            self._careful = _CAREFUL
        count = page.count
        if not page.length or not count:
            return min(size, max(_UNKNOWN, count))
        fitting = count * LENGTH // page.length
        most = max(FEW, total // _PAGES) if self._limited else MOST
        steepness = _STEEP if count < FIRST_PAGE and not self._careful else _FLAT
        return max(1, min(fitting, most, steepness * count))
