"""Random rules and events, made so that they often have to do with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from watcher.match.event import values_at
from watcher.model import (
    All,
    AnyOf,
    Cidr,
    Compare,
    Empty,
    Exists,
    FieldRef,
    Item,
    LogSource,
    Node,
    Not,
    Number,
    Place,
    Regex,
    Rule,
    Test,
    Text,
    TimePart,
    Wildcard,
)
from watcher.settings import LogSourceMapping, Source
from watcher.taxonomy.fields import DATA, reading
from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, SECURITY, SYSMON, Where

SOURCE = Source(
    fields={"Mine": ("own.value", "own.alias")},
    logsources=(LogSourceMapping(category="own", channels=("Own/Log",), event_codes=("7",)),),
)
LIMIT = 8  # `ignore_above` of the mappings in these tests: short, so that values are often longer

FIELDS = (
    *("Image", "CommandLine", "ParentImage", "NewProcessName", "User", "Hashes", "Details", "TargetObject"),
    *("LogonType", "EventID", "Data", "ThreatName", "Threat Name", "Channel", "SourceIp", "DestinationPort"),
    *("ProcessId", "ScriptBlockText", "Custom", "Other", "Mine", "process.command_line", "param1", "Level"),
)
KINDS = (
    *((SYSMON, "1"), (SYSMON, "3"), (SYSMON, "13"), (SECURITY, "4688"), (SECURITY, "4624"), (POWERSHELL, "4104")),
    *((POWERSHELL_CLASSIC, "400"), ("System", "104"), ("Own/Log", "7"), ("", "")),
)
LOG_SOURCES = (
    LogSource(product="windows", category=("process_creation",)),
    LogSource(product="windows", category=("registry_set",)),
    LogSource(product="windows", category=("network_connection",)),
    LogSource(product="windows", service=("security",)),
    LogSource(product="windows", category=("ps_script",)),
    LogSource(product="windows", service=("powershell-classic", "system")),
    LogSource(product="windows", category=("own",)),
    LogSource(product="windows"),
)
# letters that fold in unlike ways, dashes, what patterns and expressions write specially, and what is not in the BMP
LETTERS = "aAbBkKsSiI01 .-/\\*?()|éÉßẞǅ日😀\n\N{EN DASH}\N{KELVIN SIGN}\u0130\u0131\u017fς\u03c3Σ"

words = st.text(alphabet=LETTERS, min_size=1, max_size=4)
plain = st.sampled_from(
    ["a", "A", "1", "01", "5", "1.5", "0x10", "true", "-", "10.0.0.1", "::1", "::ffff:10.0.0.1", "powershell"]
)
texts = st.one_of(
    words,
    plain,
    st.builds("".join, st.lists(words, min_size=2, max_size=3)),
    st.builds(lambda word, times: word * times, words, st.integers(LIMIT - 2, LIMIT + 2)),
    st.builds(lambda left, right: f"{left}{'x' * 2 * LIMIT}{right}", words, words),
    st.sampled_from(["2026-03-01T12:00:00Z", "x" * 254 + "abc" + "x" * 9, "HASH=abc,IMPHASH=def"]),
)
# whole numbers written as fractions (`5.0`) are left out: what an engine keeps of them is not what Python reads
numbers = st.one_of(st.integers(-2, 12), st.sampled_from([1.5, -2.25, 0.5, 2**53 + 1, 2**63 - 1, 49152]))
scalars = st.one_of(texts, texts, texts, numbers, st.booleans(), st.none(), st.just(""))
values = st.one_of(scalars, scalars, st.lists(scalars, max_size=3))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rules and events."""

    rules: tuple[Rule, ...]
    events: tuple[Mapping[str, Any], ...]


# --------------------------------------------------------------------------- events


def put(document: dict[str, Any], path: str, value: Any, spelling: int) -> None:
    """Put a value at a path: nested, dotted, or dotted behind the first or the second name."""
    names = path.split(".")
    heads = {0: len(names) - 1, 1: 0, 2: 1, 3: 2}[spelling]
    node = document
    for name in names[: min(heads, len(names) - 1)]:
        node = node.setdefault(name, {})
    node[".".join(names[min(heads, len(names) - 1) :])] = value


def moved_to(field: str, channel: str, code: str) -> str | None:
    """Give the path that a module moves a field's value to."""
    there = reading(field, Where(channel=channel or None, codes=(code,) if code else ()))
    return next((path for path in there.direct if not path.startswith(DATA)), None)


@st.composite
def events(draw: st.DrawFn) -> Mapping[str, Any]:
    """Draw an event, raw or as the modules leave it."""
    channel, code = draw(st.sampled_from(KINDS))
    spelling = draw(st.integers(0, 3))
    document: dict[str, Any] = {}
    if channel:
        put(document, "winlog.channel", draw(st.sampled_from([channel, channel, channel.upper()])), spelling)
        kept = draw(st.sampled_from(["both", "both", "event", "winlog", "apart"]))
        if kept in ("both", "event", "apart"):
            put(document, "event.code", code, spelling)
        if kept in ("both", "winlog", "apart"):
            put(document, "winlog.event_id", "1" if kept == "apart" else code, spelling)
    modules = draw(st.booleans())
    for field in draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4, unique=True)):
        value = draw(values)
        path = _place(draw, field, moved_to(field, channel, code) if modules else None, document)
        if path is None:
            continue
        put(document, path, value, draw(st.integers(0, 3)))
        if path != f"winlog.event_data.{field}" and not path.startswith(("own", *DATA)) and draw(st.booleans()):
            put(document, f"winlog.event_data.{field}", value, spelling)  # copied, not moved
    return document


def _place(draw: st.DrawFn, field: str, moved: str | None, document: Mapping[str, Any]) -> str | None:
    if field == "Mine":
        return draw(st.sampled_from(["own.value", "own.target"]))
    if moved is not None:
        return None if values_at(document, moved) else moved
    if "." in field:
        return None
    if field == "Data":
        return f"winlog.{draw(st.sampled_from(['event_data', 'user_data']))}.param2"
    return f"winlog.{draw(st.sampled_from(['event_data', 'event_data', 'event_data', 'user_data']))}.{field}"


# --------------------------------------------------------------------------- rules


def _joined(parts: Sequence[str | Wildcard]) -> tuple[str | Wildcard, ...]:
    joined: list[str | Wildcard] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


pieces = st.one_of(words, plain, st.sampled_from(list(Wildcard)), st.just(Wildcard.ANY))
patterns = st.one_of(
    st.lists(pieces, min_size=1, max_size=4),
    st.builds(lambda word: [Wildcard.ANY, word, Wildcard.ANY], st.one_of(words, plain)),
    st.builds(lambda word: [Wildcard.ANY, word], words),
    st.builds(lambda word: [word, Wildcard.ANY], words),
    st.builds(lambda text: [text], texts),
).map(_joined)
regexes = st.sampled_from(
    [
        *("a", "^a", "(?:a|b)+", "ab?k", "[a-c]{2}", "k.*s", r"\d+", "(?s)a.b", "powershell", "x{3,}abc", "^$", "."),
        *("(ab)+c", "a(?=b)", "(?i:a)b", r"\\", r"\.", "abc|def", "İ", "s$", "HASH=[a-z]+,", r"a\nb", "(a)|b"),
    ]
)
tests = st.one_of(
    st.builds(Text, patterns, st.booleans()),
    st.builds(Text, patterns),
    st.builds(Text, patterns),
    st.builds(Number, numbers),
    st.just(Empty()),
    st.builds(Exists, st.booleans()),
    st.builds(Regex, regexes, st.sampled_from(["", "", "i", "m", "s", "im"])),
    st.builds(Cidr, st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "::/0", "::1/128"]).map(ip_network)),
    st.builds(Compare, st.sampled_from(["lt", "lte", "gt", "gte"]), st.one_of(numbers, st.just(1e30))),
    st.builds(FieldRef, st.sampled_from(FIELDS), st.sampled_from(["equals", "contains", "startswith", "endswith"])),
    st.builds(TimePart, st.sampled_from(["hour", "year"]), st.sampled_from([12, 2026])),
)


def _item(field: str | None, asked: list[Test], every: bool) -> Item:  # noqa: FBT001 - as hypothesis hands it over
    if field is None:
        asked = [test for test in asked if isinstance(test, Text | Number)] or [Text(("a",))]
    return Item(field=field, tests=tuple(asked), every=every)


items = st.builds(
    _item, st.sampled_from((*FIELDS, *FIELDS, None)), st.lists(tests, min_size=1, max_size=3), st.booleans()
)
nodes: st.SearchStrategy[Node] = st.recursive(
    items,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda of: All(tuple(of)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda of: AnyOf(tuple(of)), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)


def rule(node: Node, source: LogSource, name: str = "drawn") -> Rule:
    """Make a rule of a condition tree."""
    return Rule(
        id=name,
        title=name,
        logsource=source,
        selections=(),
        conditions=(),
        node=node,
        place=Place(file=name, line=1),
        text="",
        hash=name,
    )


rules = st.builds(rule, nodes, st.sampled_from(LOG_SOURCES))
drawn = st.builds(
    lambda some, others: Drawn(tuple(some), tuple(others)),
    st.lists(rules, min_size=8, max_size=12),
    st.lists(events(), min_size=20, max_size=30),
)
