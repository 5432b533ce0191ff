"""The files of the repository that people read, for the tests of this folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A Markdown page of the repository."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """Return the text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def links(self) -> tuple[str, ...]:
        return tuple(_LINK.findall(self.prose))

    def code_spans(self) -> tuple[str, ...]:
        return tuple(_CODE_SPAN.findall(self.prose))

    def fences(self, language: str) -> tuple[str, ...]:
        return tuple(body for _, name, body in _FENCE.findall(self.text) if name == language)

    def anchors(self) -> frozenset[str]:
        """Return the anchors of its headings, as code hosts form them."""
        titles = (re.sub(r"[`*]", "", title).strip().lower() for title in _HEADING.findall(self.prose))
        return frozenset(re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles)


def page(name: str) -> Page:
    path = ROOT / name
    return Page(path=path, text=path.read_text(encoding="utf-8"))


def pages() -> Iterator[Page]:
    """Yield every page outside of folders that tools create."""
    for folder in (ROOT, ROOT / "deploy", ROOT / "rules", ROOT / "examples"):
        yield from (page(path.relative_to(ROOT).as_posix()) for path in sorted(folder.glob("*.md")))
    yield from (page(path.relative_to(ROOT).as_posix()) for path in sorted((ROOT / "docs").rglob("*.md")))
