"""Test functions without an assertion, looked for in the syntax trees of the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

# Calls that fail a test by themselves.
_ASSERTING_CALLS = frozenset({"fail", "raises", "warns"})


def assertionless_tests(sources: Mapping[str, str]) -> tuple[str, ...]:
    """Return `file:line: name` of each test that neither asserts nor calls a function that asserts."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    helpers = asserting_helpers(trees.values())
    return tuple(
        f"{name}:{function.lineno}: {function.name}"
        for name, tree in trees.items()
        for function in _functions(tree)
        if function.name.startswith("test_") and not _asserts(function, helpers)
    )


def asserting_helpers(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Return the names of functions and methods that assert, also through one another."""
    functions = [node for tree in trees for node in _functions(tree) if not node.name.startswith("test_")]
    helpers: frozenset[str] = frozenset()
    while True:
        more = frozenset(node.name for node in functions if _asserts(node, helpers))
        if more == helpers:
            return helpers
        helpers = more


def read_sources(folder: Path) -> dict[str, str]:
    """Return the text of each Python file in a folder, by its path."""
    files: Sequence[Path] = sorted(folder.rglob("*.py"))
    return {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in files}


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _asserts(function: ast.FunctionDef, helpers: frozenset[str]) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and _called_name(node) in helpers | _ASSERTING_CALLS)
        for node in ast.walk(function)
    )


def _called_name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
