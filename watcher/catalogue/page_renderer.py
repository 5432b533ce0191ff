"""Rendering of templates to HTML: everything is escaped, including control characters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from watcher.catalogue.page_text import visible, web
from watcher.counted_nouns import counted
from watcher.shipped import shipped

_FOLDER = "templates/catalogue"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(shipped(_FOLDER)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escaped,
    )
    environment.filters.update(thousands=_thousands, plural=counted, paragraphs=_paragraphs, web=web)
    return environment


def render(name: str, values: Mapping[str, Any]) -> str:
    """Render one template."""
    return _environment().get_template(f"{name}.html.j2").render(values)


def asset(name: str) -> str:
    """Return a file that is copied to the site unchanged."""
    return (shipped(_FOLDER) / name).read_text(encoding="utf-8")


def _escaped(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _thousands(number: int) -> str:
    return f"{number:,}"


def _paragraphs(text: str) -> tuple[str, ...]:
    """Split a text at its empty lines."""
    return tuple(part for part in (" ".join(part.split()) for part in text.split("\n\n")) if part)
