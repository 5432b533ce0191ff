from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables
from support.hostile_text import EVENT, NOW, alert

from watcher.model import Window
from watcher.notify.channel_registry import notifier_types
from watcher.notify.digest_context import DigestContext, digest_context
from watcher.notify.links import Links
from watcher.notify.message_context import (
    AlertContext,
    OperatorNotice,
    RuleContext,
    alert_context,
    field_help,
)
from watcher.notify.renderer import Renderer
from watcher.shipped import shipped

PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
FOLDERS = (shipped("templates"), *(kind.templates for kind in notifier_types()))
TEMPLATES = {path.name: path for folder in FOLDERS for path in folder.glob("*.j2")}
SHIPPED = sorted(TEMPLATES)


@pytest.mark.parametrize(
    ("heading", "of"),
    [("Alerts", AlertContext), ("Rules", RuleContext), ("Digests", DigestContext), ("Notices", OperatorNotice)],
)
def test_the_page_lists_what_templates_may_use(
    heading: str, of: type[AlertContext | RuleContext | DigestContext | OperatorNotice]
) -> None:
    """The page's tables are the help texts of the code, word for word, and nothing more."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    prefix = "rule." if of is RuleContext else ""
    assert rows == [f"| `{prefix}{name}` | {text} |" for name, text in field_help(of).items()]


def test_the_page_lists_every_shipped_template() -> None:
    """Every template that can be overridden is named on the page."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Files\n")[1].split("\n## ")[0]
    assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == SHIPPED


def test_what_is_passed_is_what_is_promised() -> None:
    """Every promised value is there, in its promised type: texts are never None."""
    window = Window(start=NOW, end=NOW.replace(hour=10))
    for context in (
        alert_context(alert(EVENT), links=Links()),
        alert_context(alert({}), links=Links()),
        digest_context(alert({}).rule, digest="d", count=2, window=window, keys=()),
    ):
        for promised in fields(context):
            value = getattr(context, promised.name)
            kind = {"str": str, "int": int, "AboutRule": RuleContext}.get(str(promised.type))
            assert value is not None
            assert kind is None or isinstance(value, kind), promised.name
        assert all(value is not None for value in (getattr(context.rule, each.name) for each in fields(RuleContext)))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_templates_use_only_what_is_promised(name: str) -> None:
    """No shipped template names a value that is not documented."""
    tree = Renderer()._environment.parse(TEMPLATES[name].read_text(encoding="utf-8"))
    of = {"digest": DigestContext, "notice": OperatorNotice}.get(name.split(".", maxsplit=1)[0], AlertContext)
    rule = {node.attr for node in tree.find_all(nodes.Getattr) if getattr(node.node, "name", "") == "rule"}
    assert rule <= {each.name for each in fields(RuleContext)}
    layout = {"sans", "mono", "wrap", "ink", "fact", "code", "heading", "linked"}  # set by layout.html.j2
    assert find_undeclared_variables(tree) <= {each.name for each in fields(of)} | layout
