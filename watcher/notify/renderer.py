"""Templates and the context of a message → a notification; a faulty template is reported with its file and line."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from watcher.errors import InputError
from watcher.known_secrets import without_secrets, without_secrets_inside
from watcher.model import Location, Notification
from watcher.notify.channel_registry import notifier_types, type_of
from watcher.notify.channel_type import NotifierType
from watcher.notify.defanging import defang
from watcher.notify.digest_context import DigestContext
from watcher.notify.escaping import escape_mrkdwn, neutralise_mentions_and_links, single_line
from watcher.notify.links import rule_page_name
from watcher.notify.message_context import AlertContext, OperatorNotice
from watcher.printable import truncate
from watcher.settings import ChannelSettings
from watcher.shipped import shipped

MessageContext = AlertContext | DigestContext | OperatorNotice
"""The values of a message, by its kind."""

_TEXT_FILTERS: Mapping[str, Callable[..., str]] = {
    "cut": truncate,
    "mrkdwn": escape_mrkdwn,
    "oneline": single_line,
    "unmention": neutralise_mentions_and_links,
}
_PREFIXES = {AlertContext: "", DigestContext: "digest.", OperatorNotice: "notice."}
_SUBJECT = "subject.txt.j2"
_FAULTY = "Your template failed, so this is the shipped one"
_FORMER = {  # templates that a folder of one's own may still call by their former names
    "mail.subject.txt.j2": "subject.txt.j2",
    "notice.mail.subject.txt.j2": "notice.subject.txt.j2",
    "storm.mail.subject.txt.j2": "digest.subject.txt.j2",
    "storm.mail.html.j2": "digest.mail.html.j2",
    "storm.mail.txt.j2": "digest.mail.txt.j2",
    "storm.plain.txt.j2": "digest.plain.txt.j2",
    "storm.slack.json.j2": "digest.slack.json.j2",
}


def delivery_key(alert: str, channel: str) -> str:
    """Return the key that is the same for every attempt to send this alert to this channel."""
    return sha256(f"{alert}\0{channel}".encode()).hexdigest()[:32]


class Renderer:
    """Renders with the shipped templates, or the user's of the same name."""

    def __init__(self, templates: Path | None = None) -> None:
        if templates is not None:
            _check_folder(templates)
        folders = (templates, shipped("templates"), *(kind.templates for kind in notifier_types()))
        loaders = [FileSystemLoader(folder) for folder in folders if folder is not None]
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            undefined=StrictUndefined,
            autoescape=lambda name: bool(name) and ".html." in str(name),
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_nothing_for_none,
        )
        self._environment.filters.update({name: _of_text(text_filter) for name, text_filter in _TEXT_FILTERS.items()})
        self._environment.filters["defang"] = _defanged

    def render(self, context: MessageContext, channel: ChannelSettings) -> Notification:
        """Render the message for a channel; raises InputError where a template is faulty."""
        return self.render_type(context, type_of(channel), channel=channel.name)

    def render_type(self, context: MessageContext, notifier_type: NotifierType, *, channel: str) -> Notification:
        """Render the message for a channel of a type, by its name; raises InputError where a template is faulty."""
        prefix = _PREFIXES[type(context)]
        names = _Names(context, channel)
        first = delivery_key(context.alert_id, channel)
        update = context.update if isinstance(context, AlertContext) else 0
        return Notification(
            alert=context.alert_id,
            channel=channel,
            key=delivery_key(f"{context.alert_id} {update}", channel) if update else first,
            thread=first if update else "",
            subject=single_line(without_secrets(self._text(names.of(prefix + _SUBJECT), context))),
            bodies={
                media: self._body(media, names.of(prefix + name), context)
                for media, name in notifier_type.bodies.items()
            },
            level="" if isinstance(context, OperatorNotice) else context.rule.level,
        )

    def render_plainly(self, context: MessageContext, channel: ChannelSettings, fault: InputError) -> Notification:
        """Render the message for a channel with the shipped templates, with a note about the fault of another one."""
        return Renderer().render(_with_note(context, single_line(f"{_FAULTY}: {fault}", 600)), channel)

    def text(self, name: str, context: MessageContext) -> str:
        """Render one template by its name."""
        return self._text((name,), context)

    def _text(self, names: Sequence[str], context: MessageContext) -> str:
        try:
            template = self._environment.select_template(names)
            return template.render({each.name: getattr(context, each.name) for each in fields(context)})
        except Exception as error:  # a template is a program of the user's: it may raise anything
            raise _fault(names[-1], error) from error

    def _body(self, media: str, names: Sequence[str], context: MessageContext) -> str:
        text = self._text(names, context)
        if media != "application/json":
            return without_secrets(text)
        try:
            return json.dumps(without_secrets_inside(json.loads(text)), ensure_ascii=False)
        except ValueError as error:
            location = Location(file=self._file(names), line=getattr(error, "lineno", 1))
            advice = "the line is of what it rendered, see `watcher render`; write values as `{{ value | tojson }}`"
            raise InputError(f"not JSON: {error}", location=location, fix=advice, code="template") from error

    def _file(self, names: Sequence[str]) -> str:
        return self._environment.select_template(names).filename or names[-1]


@dataclass(frozen=True, slots=True)
class _Names:
    """The names under which the templates of a message are looked for, the most special first."""

    context: MessageContext
    channel: str

    def of(self, name: str) -> tuple[str, ...]:
        """Return the names of a template: of the rule, of the channel, of the level, and of all."""
        context = self.context
        folders = [f"channels/{self.channel}"]
        if not isinstance(context, OperatorNotice):
            rule = [f"rules/{rule_page_name(context.rule.id)}"] if context.rule.id else []
            folders = [*rule, *folders, f"levels/{context.rule.level}"]
        return (*(f"{folder}/{name}" for folder in folders), name)


def _with_note(context: MessageContext, note: str) -> MessageContext:
    match context:
        case AlertContext():
            return replace(context, notes=(note, *context.notes))
        case DigestContext():
            return replace(context, reason=f"{context.reason} {note}".strip())
        case OperatorNotice():
            return replace(context, text=f"{context.text}\n{note}")


def _nothing_for_none(value: Any) -> Any:
    """Return what an expression of a template shows: nothing for None."""
    return "" if value is None else value


def _defanged(value: Any, fields: Iterable[str] = ()) -> str:
    """Return a value without addresses that programs make links of; what is escaped already stays so."""
    if isinstance(value, Markup):
        return Markup(defang(str(value), fields))  # noqa: S704 - it was escaped before, and gets brackets only
    return "" if value is None else defang(str(value), fields)


def _of_text(text_filter: Callable[..., str]) -> Callable[..., str]:
    """Return a filter that shows nothing for None, and takes numbers too."""

    def filtered(value: Any, *arguments: Any, **options: Any) -> str:
        return text_filter("" if value is None else str(value), *arguments, **options)

    return filtered


def _check_folder(folder: Path) -> None:
    """Raise InputError where a folder of templates is missing, or holds templates under their former names."""
    if not folder.is_dir():
        raise InputError(
            f"`{folder}` is not a folder", fix="create it, or remove `templates` from the settings", code="template"
        )
    for former, current in _FORMER.items():
        if (folder / former).is_file():
            location = Location(file=str(folder / former), line=1)
            raise InputError("this template has another name now", location=location, fix=f"rename it to `{current}`")


def _fault(name: str, error: Exception) -> InputError:
    if isinstance(error, TemplateNotFound):
        return InputError(f"no template is called `{error.name}`", fix="see docs/templates.md", code="template")
    if isinstance(error, TemplateSyntaxError):
        location = Location(file=error.filename or error.name or name, line=error.lineno)
        return InputError(error.message or "syntax error", location=location, code="template")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    fault_location = Location(file=frames[-1].filename, line=frames[-1].lineno or 1) if frames else None
    advice = "docs/templates.md lists what templates may use"
    return InputError(f"{type(error).__name__}: {error}", location=fault_location, fix=advice, code="template")
