"""The values of a rule in words."""

from __future__ import annotations

from collections.abc import Mapping

from watcher.model import (
    DASHES,
    SigmaCidr,
    SigmaCompare,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegex,
    SigmaString,
    SigmaTimestampPart,
    SigmaValue,
    Wildcard,
)

_SIGNS: Mapping[str, str] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "="}
_HOW: Mapping[str, str] = {"equals": "is", "contains": "contains", "startswith": "starts with", "endswith": "ends with"}


def describe_value(sigma_value: SigmaValue, *, keyword: bool = False) -> str:
    r"""Return what a value must be to match, e.g. "ends with `\cmd.exe`"; a keyword may be anywhere."""
    match sigma_value:
        case SigmaString():
            description = _describe_string(sigma_value, keyword=keyword)
            return f"{description} (in this case)" if sigma_value.cased else description
        case SigmaNumber(value=value):
            return f"contains `{value}`" if keyword else f"is `{value}`"
        case SigmaNull():
            return "is absent or empty"
        case SigmaExists(expected=expected):
            return "is there" if expected else "is absent"
        case SigmaRegex(pattern=pattern, flags=flags):
            return f"matches the expression `{pattern}`" + (f" (flags {flags})" if flags else "")
        case SigmaCidr(network=network):
            return f"is an address of `{network}`"
        case SigmaCompare(operator=operator, bound=bound):
            return f"{_SIGNS[operator]} {bound}"
        case SigmaFieldReference(field=field, how=how):
            return f"{_HOW[how]} the value of `{field}`"
        case SigmaTimestampPart(part=part, value=value, operator=operator):
            return f"{part} {_SIGNS[operator]} {value} (UTC)"


def _describe_string(string: SigmaString, *, keyword: bool) -> str:
    match string.parts:
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
    shown = f"`{string}`"
    if Wildcard.DASH in string.parts:
        shown += f" (`-` at a word's start: any of `{DASHES}`)"
    return f"{'contains' if keyword else 'is like'} {shown}"
