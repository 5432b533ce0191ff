"""What templates may use; `docs/templates.md` is held against the help texts here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from watcher.model import Alert, AlertKind, AlertUpdate, RuleMetadata
from watcher.nesting import NOTE
from watcher.notify.alert_rows import alert_rows
from watcher.notify.counted_texts import counted_rows
from watcher.notify.escaping import bounded_text, folded
from watcher.notify.event_texts import event_texts
from watcher.notify.facts import Fact, further_facts, matched_facts, why_lines
from watcher.notify.joined_texts import closed_before, further_hits, new_values
from watcher.notify.links import (
    Links,
    MessageLink,
    discover_link,
    message_links,
    reference_link,
    tactic_link,
    technique_link,
)
from watcher.taxonomy.windows_codes import spelled
from watcher.timestamps import format_milliseconds

_CUT = "The event is too large, or nested too deep, to be stored completely; the complete event is {id} in {index}."
_UNDECIDED = (
    "It is not certain that the rule matches: it took too long on this event. Look at the event, and rewrite the rule "
    "without repetitions inside repetitions."
)
_WITHOUT_KEY = "The event has none of these fields: hits of all computers join this alert. Correct `group_by`."

_CLOSED = "The alert was closed on {closed} and stays closed: this is the first hit afterwards."


_MAX_REFERENCES = 5
_AHEAD = timedelta(minutes=1)  # clocks differ by less


def _help(text: str) -> Any:
    return field(metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleContext:
    """What templates may use of a rule."""

    title: str = _help("the rule's title")
    id: str = _help("the rule's id")
    level: str = _help("`informational`, `low`, `medium`, `high` or `critical`")
    status: str = _help("e.g. `stable` or `experimental`; may be empty")
    description: str = _help("what the author says about the rule, without hard line breaks; may be empty")
    author: str = _help("who wrote it; may be empty")
    tags: tuple[str, ...] = _help("all tags, e.g. `attack.t1059.001`")
    techniques: tuple[MessageLink, ...] = _help(
        "ATT&CK techniques; `.text` is e.g. `T1033 System Owner/User Discovery`, `.name` its id, `.url` its page"
    )
    tactics: tuple[MessageLink, ...] = _help(
        "ATT&CK tactics; `.text` is e.g. `Persistence`, `.name` its short name, `.url` its page"
    )
    references: tuple[MessageLink, ...] = _help(
        "the author's references, at most five; `.url` is empty unless it is http or https"
    )
    falsepositives: tuple[str, ...] = _help("what else may look like this, in the author's words")
    path: str = _help("the rule's file, relative to its folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContext:
    """What the templates of an alert may use; a value that is missing is the empty string."""

    rule: RuleContext = field(metadata={"help": "the rule that matched, see below"})
    host: str = _help("the computer that wrote the event")
    user: str = _help("the account, as `DOMAIN\\name`")
    process: str = _help("the program's path")
    command_line: str = _help("the command line")
    parent_process: str = _help("the path of the program that started it")
    parent_command_line: str = _help("the command line of that program")
    time: str = _help("the event's time in UTC, ISO 8601")
    time_readable: str = _help(
        "the same for people in `time_zone` and UTC, e.g. `Sat 6 Dec 2025, 21:11:02 UTC`; says by how much it is ahead "
        "of when it was found"
    )
    log_channel: str = _help("the Windows channel, e.g. `Security`")
    event_code: str = _help("the event's number, e.g. `4688`")
    provider: str = _help("the provider that wrote the event")
    message: str = _help("the event's rendered message, where Winlogbeat sent one")
    details: tuple[tuple[str, str], ...] = _help("the provider's own data that is not listed above, as (name, value)")
    matched: tuple[Fact, ...] = _help(
        "the fields for which the rule matched, in its order: `.label`, `.text`, `.parts` as (text, whether the rule "
        "asks for it), `.meaning` of codes, `.why` in the words of the rule"
    )
    facts: tuple[Fact, ...] = _help(
        "further informative values, like `matched`: decoded Base64, service, registry key, file, script, process …"
    )
    why: tuple[str, ...] = _help("what the rule asks for and the event fulfils, a line for each field")
    user_meaning: str = _help("what the account is where it is a well-known identifier; else empty")
    event: Mapping[str, str] = _help("every value of the event by its dotted path, as text; ask with `event.get(…)`")
    index: str = _help("the index that holds the event")
    event_id: str = _help("the event's `_id`")
    alert_id: str = _help("the alert's id, the same in `watcher alerts`")
    key: tuple[tuple[str, str], ...] = _help("what the alert is grouped by, as (field, value)")
    key_note: str = _help("a warning where the event has none of these fields, so hits of all computers join the alert")
    undecided_note: str = _help("a warning where the rule took too long on the event to be decided; else empty")
    event_note: str = _help("where the complete event is, if only a part of it is stored and sent; else empty")
    update: int = _help("0 in the first message of an alert; else the number of its updates, of which this is the last")
    news: tuple[tuple[str, str], ...] = _help(
        "new values of hits that joined since the message before, as (`user`, `process`, `parent` or `agent`, value)"
    )
    also: tuple[tuple[str, str], ...] = _help("further hits with new values, as (what is new, what happened)")
    joined: tuple[tuple[str, str], ...] = _help(
        "what is known of the alert as (label, text): `Hits`, `Users` … where it has several hits, `Seen` for how "
        "often its rule fired before, `Triage` for the command that acknowledges it"
    )
    counted: tuple[tuple[str, str], ...] = _help(
        "what a correlation counted, as (label, text): `Group`, `Counted`, `First`, `Last`, `Events`; else empty"
    )
    closed_note: str = _help("where the alert was closed before this hit joined it; else empty")
    origin: str = _help("`live`, `backfill`, or `test` for the message of `watcher notify`")
    notes: tuple[str, ...] = _help("every warning and note above that is not empty")
    links: tuple[MessageLink, ...] = _help(
        "where to go on, each with `.text` and `.url`: the event, its host and user in Discover, the rule, its runbook"
    )
    discover: str = _help("link to the event in Discover; empty without `discover_url` in settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotice:
    """What the `notice.*` templates may use: word of watcher itself."""

    subject: str = _help("what it is about, in a line")
    text: str = _help("what there is to say; may have several lines")
    time: str = _help("when it was written, in UTC, ISO 8601")
    alert_id: str = _help("the id of this notice")


def operator_notice(subject: str, text: str, *, moment: datetime, digest: str) -> OperatorNotice:
    """Return what templates may use of a notice about watcher itself."""
    lines = "\n".join(bounded_text(line) for line in text.splitlines())
    return OperatorNotice(subject=bounded_text(subject), text=lines, time=format_milliseconds(moment), alert_id=digest)


def field_help(of: type[Any]) -> dict[str, str]:
    """Return the help text of every field, in order."""
    return {item.name: item.metadata["help"] for item in fields(of)}


def alert_context(alert: Alert, *, links: Links, news: Sequence[AlertUpdate] = (), update: int = 0) -> AlertContext:
    """Return what templates may use of an alert.

    `news` are the updates that no message contained before; with `update` this is a message about them alone, and the
    first hit of the alert is that of the last one.
    """
    hit = alert.first
    summary = hit.summary
    rule = rule_context(alert.rule)
    is_undecided = hit.kind is AlertKind.UNDECIDED
    context = AlertContext(
        rule=replace(rule, title=f"Undecided: {rule.title}") if is_undecided else rule,
        host=bounded_text(summary.host),
        user=bounded_text(summary.account),
        process=bounded_text(summary.process),
        command_line=bounded_text(summary.command_line),
        parent_process=bounded_text(summary.parent_process),
        parent_command_line=bounded_text(summary.parent_command_line),
        time=format_milliseconds(hit.time),
        time_readable=_readable(hit.time, alert.opened, links.time_zone),
        log_channel=bounded_text(summary.channel),
        event_code=bounded_text(summary.code),
        provider=bounded_text(summary.provider),
        message=bounded_text(summary.message),
        details=tuple((bounded_text(label), bounded_text(value)) for label, value in summary.details),
        matched=matched_facts(hit.matched),
        facts=further_facts(hit),
        why=why_lines(hit),
        user_meaning=spelled("", summary.user),
        event=event_texts(hit.event),
        index=bounded_text(hit.index),
        event_id=bounded_text(hit.event_id),
        alert_id=alert.id,
        key=tuple((bounded_text(name), bounded_text(value)) for name, value in alert.key),
        key_note="" if alert.has_key else _WITHOUT_KEY,
        undecided_note=_UNDECIDED if is_undecided else "",
        event_note=_CUT.format(id=bounded_text(hit.event_id), index=bounded_text(hit.index))
        if NOTE in hit.event
        else "",
        update=update,
        news=new_values(news),
        also=further_hits(news[:-1] if update else news),
        joined=alert_rows(alert),
        counted=counted_rows(hit.correlation, alert.key),
        closed_note=_CLOSED.format(closed=closed) if (closed := closed_before(news)) else "",
        origin=alert.origin,
        notes=(),
        links=message_links(links, hit),
        discover=discover_link(links, hit),
    )
    notes = (context.closed_note, context.key_note, context.undecided_note, context.event_note)
    return replace(context, notes=tuple(filter(None, notes)))


def rule_context(rule: RuleMetadata) -> RuleContext:
    """Return what templates may use of a rule."""
    return RuleContext(
        title=bounded_text(rule.title),
        id=bounded_text(rule.id),
        level=rule.level.value,
        status=bounded_text(rule.status),
        description=bounded_text(folded(rule.description)),
        author=bounded_text(rule.author),
        tags=tuple(bounded_text(tag) for tag in rule.tags),
        techniques=tuple(technique_link(name) for name in rule.techniques),
        tactics=tuple(tactic_link(name) for name in rule.tactics),
        references=tuple(reference_link(text) for text in rule.references[:_MAX_REFERENCES]),
        falsepositives=tuple(bounded_text(text) for text in rule.falsepositives),
        path=bounded_text(rule.path),
    )


def _readable(time: datetime, opened: datetime | None, zone: tzinfo | None) -> str:
    utc = time.astimezone(UTC)
    text = f"{utc:%a} {utc.day} {utc:%b %Y, %H:%M:%S} UTC"
    if zone is not None:
        local = time.astimezone(zone)
        other = f"{utc:%H:%M:%S} UTC" if local.date() == utc.date() else text
        text = f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z} ({other})"
    if opened is None or time - opened < _AHEAD:
        return text
    return f"{text}, {_span(time - opened)} ahead of the time at which it was found"


def _span(length: timedelta) -> str:
    minutes = length // timedelta(minutes=1)
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)
