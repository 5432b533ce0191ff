"""What happened, as rows of a message: the matched fields first, then the most informative values of the event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from watcher.match.event_view import EventView
from watcher.model import Hit, MatchedField, MatchedValue
from watcher.notify.decoded_commands import decoded_texts
from watcher.notify.escaping import bounded_text, single_line
from watcher.taxonomy.informative_fields import INFORMATIVE_FIELDS
from watcher.taxonomy.summary_fields import EMPTY_VALUE
from watcher.taxonomy.windows_codes import spelled

_MAX_INFORMATIVE = 12
_MAX_DETAILS = 12  # of an event without informative fields
_MAX_VALUE = 600  # characters
_MAX_MATCHED = 1_500
_MAX_DECODED = 1_500
_KEYWORD = "Event text"
_OF_THE_LOG = frozenset({"Channel", "EventID", "EventCode", "Provider_Name"})  # they say little of what happened
_ABSENT = "(no value)"
_ROOM = 14_000  # characters of all matched values together
_LEAST = 100  # characters that each of them has


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A value of the event with its label; what templates show as a row."""

    label: str
    text: str  # the value, visible and bounded
    parts: tuple[tuple[str, bool], ...] = ()  # the same in parts, each with whether the rule asks for it
    meaning: str = ""  # what codes in the value mean
    why: str = ""  # what the rule asks of the field; of several values at the last one
    is_field: bool = False  # the label is a field of the rule, and nothing that an event names


def matched_facts(fields: Sequence[MatchedField]) -> tuple[Fact, ...]:
    """Return the matched fields of a hit, a fact for each value; those of the log itself come last."""
    count = sum(len(matched.values) for matched in fields)
    limit = min(_MAX_MATCHED, max(_ROOM // max(count, 1), _LEAST))
    informative_first = sorted(fields, key=lambda matched: matched.field in _OF_THE_LOG)
    return tuple(fact for matched in informative_first for fact in _facts_of(matched, limit))


def further_facts(hit: Hit) -> tuple[Fact, ...]:
    """Return the informative fields of a hit's event that no matched field shows, and what its commands decode to."""
    return tuple(_Further(hit).facts())


def why_lines(hit: Hit) -> tuple[str, ...]:
    """Return the predicates that held, in the words of the rule."""
    return tuple(bounded_text(f"{matched.field or _KEYWORD} {_words(matched)}", _MAX_VALUE) for matched in hit.matched)


def _facts_of(matched: MatchedField, limit: int) -> Iterator[Fact]:
    label = single_line(matched.field or _KEYWORD, 120)
    why = bounded_text(_words(matched), _MAX_VALUE)
    if not matched.values:
        yield Fact(label=label, text=_ABSENT, parts=((_ABSENT, False),), why=why, is_field=True)
    for number, value in enumerate(matched.values, start=1):
        parts = tuple(_shortened(value, limit))
        yield Fact(
            label=label,
            text="".join(text for text, _ in parts),
            parts=parts,
            meaning=spelled(matched.field, value.text),
            why=why if number == len(matched.values) else "",
            is_field=True,
        )


def _shortened(value: MatchedValue, limit: int) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a value, visible, until they have so many characters."""
    room = limit
    for text, is_marked in value.segments():
        if room <= 0:
            return
        shown = bounded_text(text, room)
        room -= len(shown)
        yield shown, is_marked


def _words(matched: MatchedField) -> str:
    return "; ".join(matched.words)


@dataclass(slots=True)
class _Further:
    """The facts of an event beside the matched ones; each value is shown once."""

    hit: Hit
    shown: set[str] = field(default_factory=set)

    def facts(self) -> Iterator[Fact]:
        hit, summary = self.hit, self.hit.summary
        values = [value.text for matched in hit.matched for value in matched.values]
        self.shown.update(map(str.casefold, (*values, summary.host, summary.user, summary.account)))
        yield from self._decoded(*values, summary.command_line, summary.parent_command_line)
        informative = [fact for fact in self._informative() if fact is not None]
        yield from informative[:_MAX_INFORMATIVE]
        for label, value in (
            ("Process", summary.process),
            ("Command line", summary.command_line),
            ("Parent", summary.parent_process),
            ("Parent's command line", summary.parent_command_line),
        ):
            yield from self._fact(label, "", value, _MAX_MATCHED)
        if not hit.matched and not informative:
            for label, value in summary.details[:_MAX_DETAILS]:
                yield from self._fact(label, label, value)

    def _informative(self) -> Iterator[Fact]:
        view = EventView(self.hit.event)
        for label, names in INFORMATIVE_FIELDS:
            for name in names:
                values = [value for value in view.values(name) if value != EMPTY_VALUE]
                if values:
                    yield from self._fact(label, name, ", ".join(value[:_MAX_VALUE] for value in values[:5]))
                    break

    def _decoded(self, *texts: str) -> Iterator[Fact]:
        for text in decoded_texts(texts):
            yield from self._fact("Decoded", "", text, _MAX_DECODED)

    def _fact(self, label: str, name: str, value: str, limit: int = _MAX_VALUE) -> Iterator[Fact]:
        if not value or value.casefold() in self.shown:
            return
        self.shown.add(value.casefold())
        text = bounded_text(value, limit)
        yield Fact(label=single_line(label, 120), text=text, parts=((text, False),), meaning=spelled(name, value))
