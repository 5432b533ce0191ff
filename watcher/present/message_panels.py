"""A mail and a Slack message as panels."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule as Line
from rich.text import Text

from watcher.printable import printable_text

_FRAME = 4  # columns of a panel's border and padding
_LABEL = re.compile(r"[A-Z][\w' ]{0,14} +(?=\S)")
_LABEL_WIDTH = 16


def mail_panel(mail: EmailMessage, *, width: int) -> Panel:
    """Return a mail as a panel: its headers, its parts and its text."""
    headers = [_row(name, printable_text(mail[name]), width) for name in ("From", "To", "Subject", "Message-ID")]
    kinds = ", ".join(part.get_content_type() for part in mail.iter_parts())
    body = mail.get_body(preferencelist=("plain",))
    lines = body.get_content().splitlines() if body is not None else ()
    shown = [_line(printable_text(line), width) for line in lines]
    return Panel(
        Group(*headers, _row("Parts", kinds, width), Line(style="dim"), *shown), title="Mail", title_align="left"
    )


def _row(label: str, value: str, width: int) -> Text:
    return _line(f"{label:<{_LABEL_WIDTH}}{value}", width)


def _line(line: str, width: int) -> Text:
    """Fold a line so that continuation lines are aligned with its value."""
    label = _LABEL.match(line)
    labelled = label is not None and label.end() == _LABEL_WIDTH
    start = line[:_LABEL_WIDTH] if labelled else line[: len(line) - len(line.lstrip())]
    indent = " " * (_LABEL_WIDTH if labelled else len(start) + 2)
    columns = max(width - _FRAME - len(indent), _LABEL_WIDTH)
    folded = textwrap.wrap(line[len(start) :], columns, break_on_hyphens=False)
    text = Text(start + f"\n{indent}".join(folded))
    if labelled:
        text.stylize("cyan", 0, _LABEL_WIDTH)
    elif line[:1].isalpha():
        text.stylize("bold")
    return text


def slack_panel(message: Mapping[str, Any]) -> Panel:
    """Return a Block Kit message as a panel, block by block."""
    shown: list[RenderableType] = []
    for block in message["blocks"]:
        shown.extend((*_block(block), Text()))
    return Panel(Group(*shown[:-1]), title="Slack message", title_align="left")


def _block(block: Mapping[str, Any]) -> Iterator[RenderableType]:
    if block["type"] == "rich_text":
        for element in block["elements"]:
            yield _rich(element)
    elif block["type"] == "actions":
        for button in block["elements"]:
            yield Text(f"[ {_plain(button['text'])} ]", style="bold green")
    elif block["type"] == "context":
        for element in block["elements"]:
            yield Text(_plain(element), style="dim")
    else:
        yield Text(_plain(block["text"]), style="bold" if block["type"] == "header" else "")


def _rich(element: Mapping[str, Any]) -> RenderableType:
    """Return a section of runs, or a preformatted text on lines of its own."""
    text = Text("").join(map(_run, element["elements"]))
    text.rstrip()
    while text.plain.startswith(" "):
        text = text[1:]
    return Padding(text, (0, 2)) if element["type"] == "rich_text_preformatted" else text


def _run(run: Mapping[str, Any]) -> Text:
    bold = "bold" if run.get("style", {}).get("bold") else ""
    return Text(_lines(run["text"]), style="blue" if run["type"] == "link" else bold)


def _plain(text: Mapping[str, Any]) -> str:
    return _lines(text["text"])


def _lines(text: str) -> str:
    return "\n".join(map(printable_text, text.split("\n")))
