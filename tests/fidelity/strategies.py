"""Strategies for random rules and events that share fields and words, so that many events match."""

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
LOG_SOURCE_OF = {
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
LOG_SOURCES = tuple(dict.fromkeys((*LOG_SOURCE_OF.values(), ANYTHING)))
# letters with special case rules, dashes, special characters of patterns and expressions, and one beyond the BMP
LETTERS = "aAbBkKsSiI01 .-/\\*?()|éÉßẞǅ日😀\n\N{EN DASH}\N{KELVIN SIGN}\u0130\u0131\u017fς\u03c3Σ"

WORDS = ("a", "A", "1", "01", "5", "1.5", "0x10", "true", "-", "10.0.0.1", "::1", "::ffff:10.0.0.1", "powershell")
LOOKALIKES = str.maketrans({"k": "\N{KELVIN SIGN}", "s": "\u017f", "i": "\u0130", "I": "\u0131", "\u03c3": "ς"})

# integers written as fractions (`5.0`) are left out: the engines keep them in another form than Python
numbers = st.one_of(st.integers(-2, 12), st.sampled_from([1.5, -2.25, 0.5, 2**53 + 1, 2**63 - 1, 49152]))


def spellings(word: str) -> tuple[str, ...]:
    """Return the spellings of a word that may compare as equal."""
    return tuple(dict.fromkeys((word, word.lower(), word.upper(), word.swapcase(), word.translate(LOOKALIKES))))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The fields, event classes and words that the rules and events of one case share."""

    fields: tuple[str, ...]
    event_classes: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def word(self) -> st.SearchStrategy[str]:
        """Return a strategy for the words."""
        return st.sampled_from(self.words)

    def text(self) -> st.SearchStrategy[str]:
        """Return a strategy for strings of these words, often longer than `ignore_above`."""
        word = self.word()
        return st.one_of(
            word,
            word,
            st.builds("".join, st.lists(word, min_size=2, max_size=3)),
            st.builds(lambda repeated, times: repeated * times, word, st.integers(LIMIT - 2, LIMIT + 2)),
            st.builds(lambda left, right: f"{left}{'x' * 2 * LIMIT}{right}", word, word),
            st.builds(lambda inner: f"{'x' * 254}{inner}{'x' * 9}", word),
            st.sampled_from(["2026-03-01T12:00:00Z", "HASH=abc,IMPHASH=def"]),
        )

    def value(self) -> st.SearchStrategy[Any]:
        """Return a strategy for the values that an event may hold at a path."""
        text = self.text()
        scalar = st.one_of(text, text, text, text, numbers, st.sampled_from([True, False, None, ""]))
        return st.one_of(scalar, scalar, st.lists(scalar, max_size=3))


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    """Draw the vocabulary of a case."""
    words = draw(
        st.lists(st.one_of(st.text(LETTERS, min_size=1, max_size=3), st.sampled_from(WORDS)), min_size=2, max_size=4)
    )
    return Vocabulary(
        fields=tuple(draw(st.lists(st.sampled_from(FIELDS), min_size=2, max_size=4, unique=True))),
        event_classes=tuple(draw(st.lists(st.sampled_from(list(LOG_SOURCE_OF)), min_size=1, max_size=3, unique=True))),
        words=tuple(dict.fromkeys(spelling for word in words for spelling in spellings(word))),
    )


@dataclass(frozen=True, slots=True)
class GeneratedCase:
    """Rules and events."""

    rules: tuple[Rule, ...]
    events: tuple[Mapping[str, Any], ...]


# --------------------------------------------------------------------------- events


def set_value(document: dict[str, Any], path: str, value: Any, spelling: int) -> None:
    """Set a value at a path: nested, dotted, or dotted after the first or the second name."""
    names = path.split(".")
    heads = {0: len(names) - 1, 1: 0, 2: 1, 3: 2}[spelling]
    node = document
    for name in names[: min(heads, len(names) - 1)]:
        node = node.setdefault(name, {})
    node[".".join(names[min(heads, len(names) - 1) :])] = value


def moved_to(field: str, channel: str, code: str) -> str | None:
    """Return the path that a module moves a field's value to."""
    locations = field_locations(field, EventClass(channel=channel or None, codes=(code,) if code else ()))
    return next((path for path in locations.direct if not path.startswith(DATA)), None)


@st.composite
def events(draw: st.DrawFn, vocabulary: Vocabulary) -> Mapping[str, Any]:
    """Draw an event, raw or changed by the modules."""
    channel, code = draw(st.sampled_from(vocabulary.event_classes))
    spelling = draw(st.integers(0, 3))
    document: dict[str, Any] = {}
    if channel:
        set_value(document, "winlog.channel", draw(st.sampled_from([channel, channel, channel.upper()])), spelling)
        kept = draw(st.sampled_from(["both", "both", "event", "winlog", "different"]))
        if kept in ("both", "event", "different"):
            set_value(document, "event.code", code, spelling)
        if kept in ("both", "winlog", "different"):
            set_value(document, "winlog.event_id", "1" if kept == "different" else code, spelling)
    modules = draw(st.booleans())
    for field in draw(st.lists(st.sampled_from(vocabulary.fields), min_size=1, unique=True)):
        value = draw(vocabulary.value())
        path = _place(draw, field, moved_to(field, channel, code) if modules else None, document)
        if path is None:
            continue
        set_value(document, path, value, draw(st.integers(0, 3)))
        if path != f"winlog.event_data.{field}" and not path.startswith(("own", *DATA)) and draw(st.booleans()):
            set_value(document, f"winlog.event_data.{field}", value, spelling)  # copied, not moved
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


def string_parts(vocabulary: Vocabulary) -> st.SearchStrategy[tuple[str | Wildcard, ...]]:
    """Return a strategy for the parts of a string."""
    word, any_run = vocabulary.word(), Wildcard.ANY
    return st.one_of(
        st.lists(st.one_of(word, word, st.sampled_from(list(Wildcard))), min_size=1, max_size=4),
        word.map(lambda inner: [any_run, inner, any_run]),
        word.map(lambda end: [any_run, end]),
        word.map(lambda start: [start, any_run]),
        vocabulary.text().map(lambda literal: [literal]),
    ).map(_joined)


def sigma_values(vocabulary: Vocabulary) -> st.SearchStrategy[SigmaValue]:
    """Return a strategy for values of any type; half of them are strings, as in real rules."""
    parts = string_parts(vocabulary)
    text = st.builds(SigmaString, parts, st.sampled_from([False, False, True]))
    other: list[st.SearchStrategy[SigmaValue]] = [
        st.builds(SigmaNumber, numbers),
        st.just(SigmaNull()),
        st.builds(SigmaExists, st.booleans()),
        st.builds(
            SigmaRegex, st.one_of(regexes, vocabulary.word().map(re.escape)), st.sampled_from(["", "", "i", "m", "s"])
        ),
        st.builds(SigmaCidr, st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "::/0", "::1/128"]).map(ip_network)),
        st.builds(SigmaCompare, st.sampled_from(["lt", "lte", "gt", "gte"]), st.one_of(numbers, st.just(1e30))),
        st.builds(
            SigmaFieldReference,
            st.sampled_from(vocabulary.fields),
            st.sampled_from(["equals", "contains", "startswith", "endswith"]),
        ),
        st.builds(SigmaTimestampPart, st.sampled_from(["hour", "year"]), st.sampled_from([12, 2026])),
    ]
    return st.one_of(text, st.one_of(other))


def _item(field: str | None, values: Sequence[SigmaValue], every: bool) -> DetectionItem:  # noqa: FBT001 - Hypothesis passes it by position
    if field is None:
        values = [value for value in values if isinstance(value, SigmaString | SigmaNumber)] or [SigmaString(("a",))]
    return DetectionItem(field=field, values=tuple(values), match_all=every)


def nodes(vocabulary: Vocabulary) -> st.SearchStrategy[ConditionNode]:
    """Return a strategy for condition trees."""
    fields = st.sampled_from((*vocabulary.fields, *vocabulary.fields, None))
    item = st.builds(_item, fields, st.lists(sigma_values(vocabulary), min_size=1, max_size=2), st.booleans())
    return st.recursive(
        st.one_of(item, item, st.builds(Not, item)),
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(lambda of: And(tuple(of)), st.lists(inner, min_size=2, max_size=3)),
            st.builds(lambda of: Or(tuple(of)), st.lists(inner, min_size=2, max_size=3)),
        ),
        max_leaves=4,
    )


def rule(node: ConditionNode, source: LogSource, name: str = "generated") -> Rule:
    """Return a rule with a condition tree."""
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
def cases(draw: st.DrawFn) -> GeneratedCase:
    """Draw rules and events of one vocabulary."""
    vocabulary = draw(vocabularies())
    log_source = st.sampled_from((*(LOG_SOURCE_OF[kind] for kind in vocabulary.event_classes), ANYTHING))
    return GeneratedCase(
        rules=tuple(draw(st.lists(st.builds(rule, nodes(vocabulary), log_source), min_size=10, max_size=12))),
        events=tuple(draw(st.lists(events(vocabulary), min_size=20, max_size=25))),
    )
