"""Mutants of a module: in each, one comparison, operator, condition, number or statement is changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

Change = Callable[[ast.AST], None]

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.Add,
}
_CALLS = {"all": "any", "any": "all", "min": "max", "max": "min"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A changed module."""

    line: int
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module; how its types are declared is no subject of tests."""
    tree = ast.parse(source)
    declared = {
        id(part)
        for node in ast.walk(tree)
        for decorator in getattr(node, "decorator_list", ())
        for part in ast.walk(decorator)
    }
    for position, node in enumerate(ast.walk(tree)):
        if id(node) in declared:
            continue
        for change in _changes(node):
            copy = deepcopy(tree)
            change(next(other for number, other in enumerate(ast.walk(copy)) if number == position))
            yield Mutant(line=getattr(node, "lineno", 0), source=ast.unparse(ast.fix_missing_locations(copy)))


def _changes(node: ast.AST) -> Iterator[Change]:
    """Yield the changes of a node; each changes the node of the same place in a copy."""
    match node:
        case ast.Compare(ops=[operator, *_]) if type(operator) in _SWAPS:
            yield _swap_comparison
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in _SWAPS:
            yield _swap_operator
        case ast.If() | ast.IfExp():
            yield _negate
        case ast.comprehension(ifs=conditions):
            for position in range(len(conditions)):
                yield lambda other, position=position: _drop_condition(other, position)  # type: ignore[misc]
        case ast.Constant(value=bool() | int()):
            yield _change_constant
        case ast.Break() | ast.Continue():
            yield lambda other: setattr(other, "__class__", ast.Pass)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield _swap_call


def _swap_comparison(node: ast.AST) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[0] = _SWAPS[type(node.ops[0])]()  # type: ignore[assignment]


def _swap_operator(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp | ast.BinOp)
    node.op = _SWAPS[type(node.op)]()  # type: ignore[assignment]


def _negate(node: ast.AST) -> None:
    assert isinstance(node, ast.If | ast.IfExp)
    node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)


def _drop_condition(node: ast.AST, position: int) -> None:
    assert isinstance(node, ast.comprehension)
    node.ifs.pop(position)


def _change_constant(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    node.value = not node.value if isinstance(node.value, bool) else node.value + 1


def _swap_call(node: ast.AST) -> None:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    node.func.id = _CALLS[node.func.id]
