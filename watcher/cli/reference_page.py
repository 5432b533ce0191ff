"""The generated parts of docs/cli.md: the sentence and the options of each command.

`python -m watcher.cli.reference_page docs/cli.md` writes them anew; the text between them is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from watcher.cli import COMMANDS, load_command

_BEGIN = "<!-- generated: {name} -->"
_END = "<!-- end -->"
_PART = re.compile(r"<!-- generated: (\S+) -->\n.*?<!-- end -->", re.DOTALL)


def with_generated_parts(page: str) -> str:
    """Return a page with its generated parts written anew; raises ValueError where a command has none."""
    missing = [name for name in COMMANDS if _BEGIN.format(name=name) not in page]
    if missing:
        raise ValueError(f"docs/cli.md has no generated part for {', '.join(missing)}")
    return _PART.sub(lambda match: generated_part(match[1]), page)


def generated_part(name: str) -> str:
    """Return the usage, the help and the options of a command, between their markers."""
    command = load_command(name)
    lines = [_BEGIN.format(name=name), *_help(command)]
    rows = list(_rows(command))
    if rows:
        lines += ["", "| option | meaning |", "|---|---|", *rows]
    return "\n".join((*lines, _END))


def _help(command: Any) -> Iterator[str]:
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ""
        yield " ".join(paragraph.split())


def _rows(command: Any) -> Iterator[str]:
    for parameter in command.params:
        is_argument = parameter.param_type_name == "argument"
        names = [str(parameter.name).upper()] if is_argument else sorted(parameter.opts, key=len, reverse=True)
        spelled = ", ".join(f"`{name}`" for name in names)
        yield f"| {spelled} | {parameter.help}{_default(parameter)} |"


def _default(parameter: Any) -> str:
    """Return the default of an option that takes a value, where its help does not say it."""
    default = parameter.default
    if getattr(parameter, "is_flag", True):  # an argument is no flag, and has no such attribute
        return ""
    return "" if default is None or default == "" or callable(default) else f" Default: `{default}`."


def main() -> None:
    """Write the generated parts of a page anew."""
    path = Path(sys.argv[1])
    path.write_text(with_generated_parts(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
