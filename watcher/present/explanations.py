"""Why a rule matches an event, or does not: as a tree, as plain lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from watcher.match.descriptions import describe_value
from watcher.match.event_explanation import CheckedClass, CheckedValue, Explanation, ExplanationStep
from watcher.model import And, DetectionItem, Not, Or
from watcher.present.rule_json import rule_json
from watcher.printable import printable_text
from watcher.taxonomy.logsources import EventClass

_LONGEST = 200  # characters of a value
_MOST_FAILED = 5  # tests of one item that failed; those that held are all shown
_MOST_VALUES = 5


def render_explanation(explanation: Explanation) -> RenderableType:
    """Return an explanation as a tree."""
    mark = _mark(holds=explanation.holds, is_undecided=explanation.is_undecided)
    outcome = Text.assemble(mark, printable_text(explanation.rule.title), _outcome(explanation))
    outcome.stylize("bold")
    return Group(outcome, *(_branch(checked, explanation) for checked in explanation.classes))


def _outcome(explanation: Explanation) -> str:
    if explanation.is_undecided:
        return " takes too long on the event: whether it matches is undecided"
    return " matches the event" if explanation.holds else " does not match the event"


def _branch(checked: CheckedClass, explanation: Explanation) -> Tree:
    tree = Tree("", hide_root=True, guide_style="dim")
    log_source = Text.assemble(
        _mark(holds=checked.fits, is_undecided=False), f"log source: {describe_event_class(checked.event_class)}"
    )
    if not checked.fits:
        codes = (explanation.code,) if explanation.code else ()
        actual = describe_event_class(EventClass(channel=explanation.channel or None, codes=codes))
        log_source.append(f"; the event is of {actual}, so the rule does not match, whatever the condition says")
    tree.add(log_source)
    _add(tree, checked.step, "condition")
    return tree


def describe_event_class(event_class: EventClass) -> str:
    """Return which channel and event ids a part of a log source means."""
    channel = f"channel `{event_class.channel}`" if event_class.channel else "any channel"
    codes = f", event {' or '.join(event_class.codes)}" if event_class.codes else ""
    return printable_text(f"{channel}{codes}")


def _add(tree: Tree, step: ExplanationStep, label: str = "") -> None:
    named = f"{label or ('selection `' + step.selection + '`' if step.selection else '')}"
    if isinstance(step.node, DetectionItem):
        _add_item(tree.add(_marked(named, step)) if named else tree, step, step.node)
        return
    operator = {And: "all of", Or: "any of", Not: "not"}[type(step.node)]
    if label and step.selection:
        named = f"{label}: selection `{step.selection}`"
    text = f"{printable_text(named)}: {operator}" if named else operator
    branch = tree.add(_marked(text, step))
    for inner in step.of:
        _add(branch, inner)


def _add_item(tree: Tree, step: ExplanationStep, item: DetectionItem) -> None:
    name = printable_text(item.field) if item.field is not None else "any value of the event"
    count = f" {'every' if item.match_all else 'any'} of {len(step.checked)}" if len(step.checked) > 1 else ""
    if len(step.checked) == 1:
        branch = tree.add(_marked(f"{name} {_described(step.checked[0], item)}", step))
        _add_hint(branch, step.checked[0])
    else:
        branch = tree.add(_marked(f"{name}:{count}", step))
        for tried in _selected(step.checked):
            _add_hint(branch.add(_marked(_described(tried, item), tried)), tried)
        hidden = len(step.checked) - len(_selected(step.checked))
        if hidden:
            branch.add(Text(f"… and {hidden} more that do not hold", style="dim"))
    for line in _values(step, item):
        branch.add(Text(line, style="dim"))


def _add_hint(branch: Tree, tried: CheckedValue) -> None:
    if tried.hint:
        branch.add(Text(tried.hint, style="yellow"))


def _selected(tried: Sequence[CheckedValue]) -> list[CheckedValue]:
    """Return the values that match, those that nearly do, and some that do not."""
    relevant = [value for value in tried if value.holds or value.hint or value.is_undecided]
    return [*relevant, *[value for value in tried if value not in relevant][:_MOST_FAILED]]


def _described(tried: CheckedValue, item: DetectionItem) -> str:
    return printable_text(describe_value(tried.sigma_value, keyword=item.field is None))


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


def _marked(text: str, part: ExplanationStep | CheckedValue) -> Text:
    return Text.assemble(_mark(holds=part.holds, is_undecided=part.is_undecided), text)


def _mark(*, holds: bool, is_undecided: bool) -> tuple[str, str]:
    """Return a mark that is readable without colour, and its style."""
    if is_undecided:
        return "? ", "yellow"
    return ("✓ ", "green") if holds else ("✗ ", "red")


# --------------------------------------------------------------------------- for programs


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON."""
    return {
        "rule": {**rule_json(explanation.rule), "hash": explanation.rule.hash},
        "event": {"channel": explanation.channel, "code": explanation.code},
        "matches": explanation.holds,
        **({"undecided": True} if explanation.is_undecided else {}),
        "logsource": explanation.fits,
        "looked": [
            {
                "channel": checked.event_class.channel,
                "codes": list(checked.event_class.codes),
                "fits": checked.fits,
                "condition": _step_json(checked.step),
            }
            for checked in explanation.classes
        ],
    }


def _step_json(step: ExplanationStep) -> dict[str, Any]:
    outcome: dict[str, Any] = {"holds": step.holds}
    if step.is_undecided:
        outcome["undecided"] = True
    if step.selection:
        outcome["selection"] = step.selection
    if not isinstance(step.node, DetectionItem):
        operator = {And: "all", Or: "any", Not: "not"}[type(step.node)]
        return {**outcome, operator: [_step_json(inner) for inner in step.of]}
    is_keyword = step.node.field is None
    return {
        **outcome,
        "field": step.node.field,
        "every": step.node.match_all,
        "tests": [
            {
                "asks": describe_value(value.sigma_value, keyword=is_keyword),
                "holds": value.holds,
                **({"nearly": value.hint} if value.hint else {}),
                **({"undecided": True} if value.is_undecided else {}),
            }
            for value in step.checked
        ],
        "values": list(step.values),
    }


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Yield an explanation as plain lines, for reports without colours."""
    for checked in explanation.classes:
        yield f"{'yes' if checked.fits else 'no '} log source: {describe_event_class(checked.event_class)}"
        yield from _step_lines(checked.step, 0)


def _step_lines(step: ExplanationStep, depth: int) -> Iterator[str]:
    answer = "undecided" if step.is_undecided else "yes" if step.holds else "no "
    start = f"{'  ' * depth}{answer} "
    selection = f"selection `{printable_text(step.selection)}` " if step.selection else ""
    if isinstance(step.node, DetectionItem):
        yield f"{start}{selection}{_item_line(step, step.node)}"
        return
    operator = {And: "all of", Or: "any of", Not: "not"}[type(step.node)]
    yield f"{start}{selection}{operator}"
    for inner in step.of:
        yield from _step_lines(inner, depth + 1)


def _item_line(step: ExplanationStep, item: DetectionItem) -> str:
    name = printable_text(item.field) if item.field is not None else "any value"
    operator = " and " if item.match_all else " or "
    values = operator.join(_described(value, item) for value in step.checked[:_MOST_FAILED])
    more = f" or {len(step.checked) - _MOST_FAILED} more" if len(step.checked) > _MOST_FAILED else ""
    actual = "; ".join(_values(step, item))
    return f"{name} {values}{more}" + (f" ({actual})" if actual else "")
