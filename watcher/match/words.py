"""The tests of a rule in words."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.model import (
    DASHES,
    Cidr,
    Compare,
    Empty,
    Exists,
    FieldRef,
    Number,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
)

_SIGNS: Mapping[str, str] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "="}
_HOW: Mapping[str, str] = {"equals": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with"}


def words(test: Test, *, keyword: bool = False) -> str:
    r"""Say what a test asks of a value, e.g. "ends with `\cmd.exe`"; a keyword may stand anywhere."""
    match test:
        case Text():
            said = _text(test, keyword=keyword)
            return f"{said} (in this case)" if test.cased else said
        case Number(value=value):
            return f"contains `{value}`" if keyword else f"is `{value}`"
        case Empty():
            return "is absent or empty"
        case Exists(expected=expected):
            return "is there" if expected else "is absent"
        case Regex(pattern=pattern, flags=flags):
            return f"matches the expression `{pattern}`" + (f" (flags {flags})" if flags else "")
        case Cidr(network=network):
            return f"is an address of `{network}`"
        case Compare(operator=operator, bound=bound):
            return f"{_SIGNS[operator]} {bound}"
        case FieldRef(field=field, how=how):
            return f"{_HOW[how]} the value of `{field}`"
        case TimePart(part=part, value=value, operator=operator):
            return f"{part} {_SIGNS[operator]} {value} (UTC)"


def _text(test: Text, *, keyword: bool) -> str:
    match test.parts:
        case (str(literal),):
            return f"contains `{literal}`" if keyword else f"is `{literal}`"
        case (Wildcard.ANY, str(literal)) if not keyword:
            return f"ends with `{literal}`"
        case (str(literal), Wildcard.ANY) if not keyword:
            return f"starts with `{literal}`"
        case (Wildcard.ANY, str(literal), Wildcard.ANY):
            return f"contains `{literal}`"
        case (Wildcard.ANY,):
            return "is anything"
    shown = f"`{test}`"
    if Wildcard.DASH in test.parts:
        shown += f" (`-` at a word's start: any of `{DASHES}`)"
    return f"{'contains' if keyword else 'is like'} {shown}"
