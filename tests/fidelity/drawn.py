"""Random rules and events, made so that they often have to do with each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from watcher.match.flat_event import values_at
from watcher.model import (
    And,
    ConditionNode,
    DetectionItem,
    Location,
    LogSource,
    Not,
    Or,
    Rule,
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
from watcher.settings import LogSourceMapping, Source
from watcher.taxonomy.field_locations import DATA, field_locations
from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, SECURITY, SYSMON, EventClass

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
PROCESS = LogSource(product="windows", category=("process_creation",))
SECURITY_LOG = LogSource(product="windows", service=("security",))
CLASSIC = LogSource(product="windows", service=("powershell-classic", "system"))
ANYTHING = LogSource(product="windows")
KINDS = {
    (SYSMON, "1"): PROCESS,
    (SYSMON, "3"): LogSource(product="windows", category=("network_connection",)),
    (SYSMON, "13"): LogSource(product="windows", category=("registry_set",)),
    (SECURITY, "4688"): PROCESS,
    (SECURITY, "4624"): SECURITY_LOG,
    (POWERSHELL, "4104"): LogSource(product="windows", category=("ps_script",)),
    (POWERSHELL_CLASSIC, "400"): CLASSIC,
    ("System", "104"): CLASSIC,
    ("Own/Log", "7"): LogSource(product="windows", category=("own",)),
    ("", ""): ANYTHING,
}
LOG_SOURCES = tuple(dict.fromkeys((*KINDS.values(), ANYTHING)))
# letters that fold in unlike ways, dashes, what patterns and expressions write specially, and what is not in the BMP
LETTERS = "aAbBkKsSiI01 .-/\\*?()|éÉßẞǅ日😀\n\N{EN DASH}\N{KELVIN SIGN}\u0130\u0131\u017fς\u03c3Σ"

PLAIN = ("a", "A", "1", "01", "5", "1.5", "0x10", "true", "-", "10.0.0.1", "::1", "::ffff:10.0.0.1", "powershell")
LOOKALIKES = str.maketrans({"k": "\N{KELVIN SIGN}", "s": "\u017f", "i": "\u0130", "I": "\u0131", "\u03c3": "ς"})

# whole numbers written as fractions (`5.0`) are left out: what an engine keeps of them is not what Python reads
numbers = st.one_of(st.integers(-2, 12), st.sampled_from([1.5, -2.25, 0.5, 2**53 + 1, 2**63 - 1, 49152]))


def spelt(word: str) -> tuple[str, ...]:
    """Write a word in all the ways that may, or may not, be the same."""
    return tuple(dict.fromkeys((word, word.lower(), word.upper(), word.swapcase(), word.translate(LOOKALIKES))))


@dataclass(frozen=True, slots=True)
class Matter:
    """What the rules and the events of one case are about."""

    fields: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def word(self) -> st.SearchStrategy[str]:
        """Draw one of the words."""
        return st.sampled_from(self.words)

    def text(self) -> st.SearchStrategy[str]:
        """Draw a text made of the words, often longer than what an index keeps."""
        word = self.word()
        return st.one_of(
            word,
            word,
            st.builds("".join, st.lists(word, min_size=2, max_size=3)),
            st.builds(lambda one, times: one * times, word, st.integers(LIMIT - 2, LIMIT + 2)),
            st.builds(lambda left, right: f"{left}{'x' * 2 * LIMIT}{right}", word, word),
            st.builds(lambda one: f"{'x' * 254}{one}{'x' * 9}", word),
            st.sampled_from(["2026-03-01T12:00:00Z", "HASH=abc,IMPHASH=def"]),
        )

    def value(self) -> st.SearchStrategy[Any]:
        """Draw what an event may hold at a path."""
        text = self.text()
        scalar = st.one_of(text, text, text, text, numbers, st.sampled_from([True, False, None, ""]))
        return st.one_of(scalar, scalar, st.lists(scalar, max_size=3))


@st.composite
def matters(draw: st.DrawFn) -> Matter:
    """Draw what a case is about."""
    some = draw(
        st.lists(st.one_of(st.text(LETTERS, min_size=1, max_size=3), st.sampled_from(PLAIN)), min_size=2, max_size=4)
    )
    return Matter(
        fields=tuple(draw(st.lists(st.sampled_from(FIELDS), min_size=2, max_size=4, unique=True))),
        kinds=tuple(draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3, unique=True))),
        words=tuple(dict.fromkeys(way for word in some for way in spelt(word))),
    )


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
    there = field_locations(field, EventClass(channel=channel or None, codes=(code,) if code else ()))
    return next((path for path in there.direct if not path.startswith(DATA)), None)


@st.composite
def events(draw: st.DrawFn, matter: Matter) -> Mapping[str, Any]:
    """Draw an event, raw or as the modules leave it."""
    channel, code = draw(st.sampled_from(matter.kinds))
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
    for field in draw(st.lists(st.sampled_from(matter.fields), min_size=1, unique=True)):
        value = draw(matter.value())
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


regexes = st.sampled_from(
    [
        *("a", "^a", "(?:a|b)+", "ab?k", "[a-c]{2}", "k.*s", r"\d+", "(?s)a.b", "powershell", "x{3,}abc", "^$", "."),
        *("(ab)+c", "a(?=b)", "(?i:a)b", r"\\", r"\.", "abc|def", "İ", "s$", "HASH=[a-z]+,", r"a\nb", "(a)|b"),
    ]
)


def patterns(matter: Matter) -> st.SearchStrategy[tuple[str | Wildcard, ...]]:
    """Draw the parts of a text."""
    word, any_run = matter.word(), Wildcard.ANY
    return st.one_of(
        st.lists(st.one_of(word, word, st.sampled_from(list(Wildcard))), min_size=1, max_size=4),
        word.map(lambda one: [any_run, one, any_run]),
        word.map(lambda one: [any_run, one]),
        word.map(lambda one: [one, any_run]),
        matter.text().map(lambda one: [one]),
    ).map(_joined)


def tests(matter: Matter) -> st.SearchStrategy[SigmaValue]:
    """Draw a test of any kind; half of them are texts, as in real rules."""
    parts = patterns(matter)
    text = st.builds(SigmaString, parts, st.sampled_from([False, False, True]))
    other: list[st.SearchStrategy[SigmaValue]] = [
        st.builds(SigmaNumber, numbers),
        st.just(SigmaNull()),
        st.builds(SigmaExists, st.booleans()),
        st.builds(
            SigmaRegex, st.one_of(regexes, matter.word().map(re.escape)), st.sampled_from(["", "", "i", "m", "s"])
        ),
        st.builds(SigmaCidr, st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "::/0", "::1/128"]).map(ip_network)),
        st.builds(SigmaCompare, st.sampled_from(["lt", "lte", "gt", "gte"]), st.one_of(numbers, st.just(1e30))),
        st.builds(
            SigmaFieldReference,
            st.sampled_from(matter.fields),
            st.sampled_from(["equals", "contains", "startswith", "endswith"]),
        ),
        st.builds(SigmaTimestampPart, st.sampled_from(["hour", "year"]), st.sampled_from([12, 2026])),
    ]
    return st.one_of(text, st.one_of(other))


def _item(field: str | None, asked: Sequence[SigmaValue], every: bool) -> DetectionItem:  # noqa: FBT001 - as hypothesis hands it over
    if field is None:
        asked = [test for test in asked if isinstance(test, SigmaString | SigmaNumber)] or [SigmaString(("a",))]
    return DetectionItem(field=field, values=tuple(asked), match_all=every)


def nodes(matter: Matter) -> st.SearchStrategy[ConditionNode]:
    """Draw a condition tree."""
    fields = st.sampled_from((*matter.fields, *matter.fields, None))
    item = st.builds(_item, fields, st.lists(tests(matter), min_size=1, max_size=2), st.booleans())
    return st.recursive(
        st.one_of(item, item, st.builds(Not, item)),
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(lambda of: And(tuple(of)), st.lists(inner, min_size=2, max_size=3)),
            st.builds(lambda of: Or(tuple(of)), st.lists(inner, min_size=2, max_size=3)),
        ),
        max_leaves=4,
    )


def rule(node: ConditionNode, source: LogSource, name: str = "drawn") -> Rule:
    """Make a rule of a condition tree."""
    return Rule(
        id=name,
        title=name,
        logsource=source,
        selections=(),
        conditions=(),
        node=node,
        location=Location(file=name, line=1),
        text="",
        hash=name,
    )


@st.composite
def cases(draw: st.DrawFn) -> Drawn:
    """Draw rules and events that have to do with each other."""
    matter = draw(matters())
    log_source = st.sampled_from((*(KINDS[kind] for kind in matter.kinds), ANYTHING))
    return Drawn(
        rules=tuple(draw(st.lists(st.builds(rule, nodes(matter), log_source), min_size=10, max_size=12))),
        events=tuple(draw(st.lists(events(matter), min_size=20, max_size=25))),
    )
