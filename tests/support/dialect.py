"""Words that the glossary bans, looked for in identifiers, strings, comments and prose."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("watcher", "tests", "bench", "examples", "deploy")

# Pages, settings, build files and style sheets: what people read beside code and templates.
PROSE_FILES = (
    "*.md",
    "*.toml",
    "Makefile",
    ".ci/*",
    ".gitignore",
    ".pre-commit-hooks.yaml",
    "deploy/**/*.yml",
    "deploy/**/*.json",
    "deploy/Dockerfile",
    "deploy/.env.example",
    "docs/**/*.md",
    "examples/**/*.toml",
    "rules/*.md",
    "templates/**/*.css",
    "tests/conformance/**/*.md",
)

# Names that say nothing of what a value is, or that belong to no field.
BANNED_NAMES = frozenset({"one", "found", "made", "known", "told", "whole"})

# Words without a place anywhere: identifiers (split at underscores), strings, comments and prose.
BANNED_WORDS = frozenset(
    "gale gales storm storms brake brakes debt debts owed atlas sight sights lens lenses clue clues mortal mortals "
    "kitchen fate hole holes told telling strike struck housed".split()
)

_WORD = re.compile(r"[A-Za-z]+")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_JINJA_CODE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_SCRIPT_COMMENT = re.compile(r"(?<!:)//.*|/\*.*?\*/")
_VERBS = ("Give", "Tell", "Say")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Offence:
    """A place where the dialect is still spoken."""

    file: str
    line: int
    word: str
    kind: str  # name, word or docstring

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind} `{self.word}`"


def code_offences(path: Path, *, name: str) -> Iterator[Offence]:
    """Yield what the identifiers, strings and comments of a Python file say in the dialect."""
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if token.type == tokenize.NAME:
            if token.string in BANNED_NAMES:
                yield Offence(file=name, line=line, word=token.string, kind="name")
            yield from _words(_split(token.string), name, line)
        elif token.type in (tokenize.STRING, tokenize.COMMENT):
            yield from _words(_WORD.findall(token.string), name, line)
            if token.type == tokenize.STRING:
                yield from _names_in_braces(token.string, name, line)
    yield from _docstrings(ast.parse(text), name)


def prose_offences(path: Path, *, name: str) -> Iterator[Offence]:
    """Yield the banned words of a page, a settings file or a build file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        yield from _words(_WORD.findall(line), name, number)


def template_offences(path: Path, *, name: str) -> Iterator[Offence]:
    """Yield the banned words of a template, and the banned names of its expressions and statements."""
    yield from prose_offences(path, name=name)
    text = path.read_text(encoding="utf-8")
    for code in _JINJA_CODE.finditer(text):
        first = text.count("\n", 0, code.start()) + 1
        for number, line in enumerate(code[0].splitlines(), start=first):
            yield from _names(_QUOTED.sub('""', line), name, number)


def script_offences(path: Path, *, name: str) -> Iterator[Offence]:
    """Yield the banned words of a JavaScript file, and its banned names."""
    yield from prose_offences(path, name=name)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        code = _SCRIPT_COMMENT.sub("", _QUOTED.sub('""', line))
        yield from _names(code.replace("...", " "), name, number)


def _split(identifier: str) -> list[str]:
    return [word for part in identifier.split("_") for word in _CAMEL.findall(part)]


def _words(words: list[str], name: str, line: int) -> Iterator[Offence]:
    for word in words:
        if word.lower() in BANNED_WORDS:
            yield Offence(file=name, line=line, word=word, kind="word")


def _names_in_braces(literal: str, name: str, line: int) -> Iterator[Offence]:
    """Yield the banned names of a formatted string's expressions (one token up to Python 3.11)."""
    if not re.match(r"[rR]?[fF]", literal):
        return
    for expression in re.findall(r"\{([^{}]*)\}", literal):
        yield from _names(_QUOTED.sub('""', expression), name, line)


def _names(code: str, name: str, line: int) -> Iterator[Offence]:
    for word in _NAME.findall(code):
        if word in BANNED_NAMES:
            yield Offence(file=name, line=line, word=word, kind="name")


def _docstrings(tree: ast.AST, name: str) -> Iterator[Offence]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            first = docstring.split(" ", 1)[0]
            if first in _VERBS:
                line = getattr(node, "lineno", 1)
                yield Offence(file=name, line=line, word=first, kind="docstring")


def offences() -> tuple[Offence, ...]:
    """Return every offence of the repository, sorted."""
    seen: list[Offence] = []
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in ALLOWED_FILES:
                seen.extend(code_offences(path, name=name))
    for path, read in _other_files():
        name = path.relative_to(ROOT).as_posix()
        if name not in ALLOWED_FILES:
            seen.extend(read(path, name=name))
    return tuple(sorted(seen))


# The glossary names the banned words. The others read the former names of settings, templates and stored fields, or
# compute a digest's id, of which a former word is a part.
ALLOWED_FILES: frozenset[str] = frozenset(
    {
        "docs/decisions/005-checkpoints.md",
        "docs/decisions/012-state-version-3.md",
        "docs/glossary.md",
        "docs/templates.md",
        "tests/checkpoints/test_checkpoint_upgrade.py",
        "tests/docs/test_glossary.py",
        "tests/e2e/test_migrated_state.py",
        "tests/notify/test_notify_render.py",
        "tests/settings/test_settings.py",
        "tests/state/test_migration.py",
        "tests/support/dialect.py",
        "tests/support/older_sandbox.py",
        "tests/usecases/test_settings_loading.py",
        "watcher/alerts/alert_upgrade.py",
        "watcher/checkpoints/checkpoint_upgrade.py",
        "watcher/delivery/delivery_queries.py",
        "watcher/notify/renderer.py",
        "watcher/settings/settings_types.py",
        "CHANGELOG.md",
    }
)


def _other_files() -> Iterator[tuple[Path, Callable[..., Iterator[Offence]]]]:
    """Yield every file that people write and that is not Python, with the function that reads it."""
    for pattern in PROSE_FILES:
        yield from ((path, prose_offences) for path in sorted(ROOT.glob(pattern)))
    for folder in ("templates", "watcher", "examples"):
        yield from ((path, template_offences) for path in sorted((ROOT / folder).rglob("*.j2")))
    yield from ((path, script_offences) for path in sorted((ROOT / "templates").rglob("*.js")))


if __name__ == "__main__":
    rooms = Counter("/".join(offence.file.split("/")[:2]) for offence in offences())
    for room, count in rooms.most_common():
        print(f"{count:6} {room}")  # noqa: T201 - a report for people
