"""Why an event matched a rule, or did not, as a tree on the terminal and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from watcher.match.descriptions import describe_value
from watcher.match.event_explanation import CheckedClass, CheckedValue, Explanation, ExplanationStep
from watcher.model import And, DetectionItem, Not, Or
from watcher.printable import printable_text
from watcher.taxonomy.logsources import EventClass

_LONGEST = 200  # characters of a value
_MOST_FAILED = 5  # tests of one item that failed; those that held are all shown
_MOST_VALUES = 5


def render_explanation(told: Explanation) -> RenderableType:
    """Show an explanation as a tree."""
    verdict = _marked(printable_text(told.rule.title), holds=told.holds, is_undecided=told.is_undecided)
    verdict.append(_verdict(told))
    verdict.stylize("bold")
    return Group(verdict, *(_branch(one, told) for one in told.looked))


def _verdict(told: Explanation) -> str:
    if told.is_undecided:
        return " takes too long on the event: whether it matches is undecided"
    return " matches the event" if told.holds else " does not match the event"


def _branch(one: CheckedClass, told: Explanation) -> Tree:
    tree = Tree("", hide_root=True, guide_style="dim")
    source = _marked(f"log source: {where_words(one.where)}", holds=one.fits)
    if not one.fits:
        own = where_words(EventClass(channel=told.channel or None, codes=(told.code,) if told.code else ()))
        source.append(f"; the event is of {own}, so the rule does not match, whatever the condition says")
    tree.add(source)
    _add(tree, one.step, "condition")
    return tree


def where_words(where: EventClass) -> str:
    """Say which events one part of a log source means."""
    channel = f"channel `{where.channel}`" if where.channel else "any channel"
    codes = f", event {' or '.join(where.codes)}" if where.codes else ""
    return printable_text(f"{channel}{codes}")


def _add(tree: Tree, step: ExplanationStep, label: str = "") -> None:
    named = f"{label or ('selection `' + step.selection + '`' if step.selection else '')}"
    if isinstance(step.node, DetectionItem):
        _add_item(
            tree.add(_marked(named, holds=step.holds, is_undecided=step.is_undecided)) if named else tree,
            step,
            step.node,
        )
        return
    how = {And: "all of", Or: "any of", Not: "not"}[type(step.node)]
    if label and step.selection:
        named = f"{label}: selection `{step.selection}`"
    branch = tree.add(
        _marked(f"{printable_text(named)}: {how}" if named else how, holds=step.holds, is_undecided=step.is_undecided)
    )
    for one in step.of:
        _add(branch, one)


def _add_item(tree: Tree, step: ExplanationStep, item: DetectionItem) -> None:
    name = printable_text(item.field) if item.field is not None else "any value of the event"
    how = f" {'every' if item.match_all else 'any'} of {len(step.tried)}" if len(step.tried) > 1 else ""
    if len(step.tried) == 1:
        head = _marked(f"{name} {_asked(step.tried[0], item)}", holds=step.holds, is_undecided=step.is_undecided)
        branch = tree.add(head)
        _add_hint(branch, step.tried[0])
    else:
        branch = tree.add(_marked(f"{name}:{how}", holds=step.holds, is_undecided=step.is_undecided))
        for tried in _chosen(step.tried):
            _add_hint(
                branch.add(_marked(_asked(tried, item), holds=tried.holds, is_undecided=tried.is_undecided)), tried
            )
        left = len(step.tried) - len(_chosen(step.tried))
        if left:
            branch.add(Text(f"… and {left} more that do not hold", style="dim"))
    for line in _values(step, item):
        branch.add(Text(line, style="dim"))


def _add_hint(branch: Tree, tried: CheckedValue) -> None:
    if tried.nearly:
        branch.add(Text(tried.nearly, style="yellow"))


def _chosen(tried: Sequence[CheckedValue]) -> list[CheckedValue]:
    """Give what held, what nearly did, and some of what did not."""
    telling = [one for one in tried if one.holds or one.nearly or one.is_undecided]
    return [*telling, *[one for one in tried if one not in telling][:_MOST_FAILED]]


def _asked(tried: CheckedValue, item: DetectionItem) -> str:
    return printable_text(describe_value(tried.test, keyword=item.field is None))


def _values(step: ExplanationStep, item: DetectionItem) -> Iterator[str]:
    if item.field is None:
        return
    if not step.values:
        yield f"the event has no `{printable_text(item.field)}`"
    for value in step.values[:_MOST_VALUES]:
        more = f"… ({len(value):,} characters)" if len(value) > _LONGEST else ""
        yield f"the event has `{printable_text(value[:_LONGEST])}{more}`"
    if len(step.values) > _MOST_VALUES:
        yield f"… and {len(step.values) - _MOST_VALUES} more values"


def _marked(text: str, *, holds: bool, is_undecided: bool = False) -> Text:
    if is_undecided:
        return Text.assemble(("? ", "yellow"), text)
    return Text.assemble(("✓ ", "green") if holds else ("✗ ", "red"), text)


# --------------------------------------------------------------------------- for programs


def as_json(told: Explanation) -> dict[str, Any]:
    """Give an explanation as data."""
    return {
        "rule": {"id": told.rule.id, "title": told.rule.title, "path": told.rule.path, "hash": told.rule.hash},
        "event": {"channel": told.channel, "code": told.code},
        "matches": told.holds,
        **({"undecided": True} if told.is_undecided else {}),
        "logsource": told.fits,
        "looked": [
            {
                "channel": one.where.channel,
                "codes": list(one.where.codes),
                "fits": one.fits,
                "condition": _step_json(one.step),
            }
            for one in told.looked
        ],
    }


def _step_json(step: ExplanationStep) -> dict[str, Any]:
    made: dict[str, Any] = {"holds": step.holds}
    if step.is_undecided:
        made["undecided"] = True
    if step.selection:
        made["selection"] = step.selection
    if not isinstance(step.node, DetectionItem):
        made[{And: "all", Or: "any", Not: "not"}[type(step.node)]] = [_step_json(one) for one in step.of]
        return made
    keyword = step.node.field is None
    return {
        **made,
        "field": step.node.field,
        "every": step.node.match_all,
        "tests": [
            {
                "asks": describe_value(one.test, keyword=keyword),
                "holds": one.holds,
                **({"nearly": one.nearly} if one.nearly else {}),
                **({"undecided": True} if one.is_undecided else {}),
            }
            for one in step.tried
        ],
        "values": list(step.values),
    }


def lines(told: Explanation) -> Iterator[str]:
    """Give an explanation as plain lines, for a report that knows no colours."""
    for one in told.looked:
        yield f"{'yes' if one.fits else 'no '} log source: {where_words(one.where)}"
        yield from _lines(one.step, 0)


def _lines(step: ExplanationStep, depth: int) -> Iterator[str]:
    answer = "undecided" if step.is_undecided else "yes" if step.holds else "no "
    told = f"{'  ' * depth}{answer} "
    named = f"selection `{printable_text(step.selection)}` " if step.selection else ""
    if isinstance(step.node, DetectionItem):
        name = printable_text(step.node.field) if step.node.field is not None else "any value"
        asked = f" {'and' if step.node.match_all else 'or'} ".join(
            _asked(one, step.node) for one in step.tried[:_MOST_FAILED]
        )
        more = f" or {len(step.tried) - _MOST_FAILED} more" if len(step.tried) > _MOST_FAILED else ""
        has = "; ".join(_values(step, step.node))
        yield f"{told}{named}{name} {asked}{more}" + (f" ({has})" if has else "")
        return
    yield f"{told}{named}{ {And: 'all of', Or: 'any of', Not: 'not'}[type(step.node)] }"
    for one in step.of:
        yield from _lines(one, depth + 1)
