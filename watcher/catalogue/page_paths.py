"""Paths of the indicator pages: one page per field and kind, one anchor per value."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from watcher.catalogue.indicators import IndicatorKey
from watcher.catalogue.navigator_layers import file_name


class PagePaths:
    """The pages of shared indicators; names depend only on the rules."""

    __slots__ = ("_pages",)

    def __init__(self, keys: Iterable[IndicatorKey]) -> None:
        self._pages: dict[tuple[str, str], str] = {}
        taken: set[str] = set()
        for field, kind in sorted({(key.field, key.kind) for key in keys}):
            name = file_name(f"{field} {kind}") or "other"
            if name in taken:
                name = f"{name}-{sha256(f'{field}{chr(0)}{kind}'.encode('utf-8', 'replace')).hexdigest()[:6]}"
            taken.add(name)
            self._pages[field, kind] = f"indicators/{name}.html"

    def page(self, key: IndicatorKey) -> str:
        """Return the path of an indicator's page within the site."""
        return self._pages[key.field, key.kind]

    @staticmethod
    def anchor(key: IndicatorKey) -> str:
        """Return the anchor of an indicator on its page, which is also its id in the site's data."""
        text = f"{key.field}\0{key.kind}\0{key.value}"
        return f"v{sha256(text.encode('utf-8', 'replace')).hexdigest()[:10]}"
