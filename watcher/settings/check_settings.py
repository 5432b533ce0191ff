"""The findings that watcher.yml allows."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.model import Level
from watcher.settings.rule_settings import STATUSES
from watcher.settings.sections import Section
from watcher.settings.settings_types import Allowance, Selector
from watcher.settings.value_readers import choice, line, some


def allowances(check: Section) -> Iterator[Allowance]:
    """Read what is allowed, in the order of the file."""
    for section in check.sections("allow"):
        yield Allowance(
            code=section.need("code", some(line), ()),
            because=section.take("because", line, ""),
            where=Selector(
                line=section.location.line,
                folder=section.take("folder", some(line), ()),
                id=section.take("id", some(line), ()),
                tag=section.take("tag", some(line), ()),
                level=section.take("level", some(choice(*Level)), ()),
                status=section.take("status", some(choice(*STATUSES)), ()),
                author=section.take("author", some(line), ()),
                path=section.take("path", some(line), ()),
            ),
        )
        section.close()
