"""`watcher render`."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from watcher.cli.common import SettingsFile, open_watcher, read_settings, terminal
from watcher.errors import InputError
from watcher.model import Notification
from watcher.present.rendered_messages import body_for_file, html_body, message_lines
from watcher.usecases.render import MessageKind, render_sample


def render(  # noqa: PLR0913 - the options of the command line
    channel: Annotated[str, typer.Argument(help="Name of a channel in settings, or a channel type such as `mail`.")],
    *,
    settings_file: SettingsFile = None,
    message: Annotated[MessageKind, typer.Option(help="Sample to render.")] = MessageKind.ALERT,
    alert: Annotated[str | None, typer.Option(help="Id of a stored alert to render in place of the sample.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for one body; its suffix `.txt`, `.html` or `.json` names which.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Open the HTML body in a browser.")] = False,
) -> None:
    """Render a message by its templates, without sending it.

    Without --alert it is a sample. A faulty template is reported with its file and line.
    """
    if alert is not None and message is not MessageKind.ALERT:
        raise InputError("`--alert` renders an alert", fix="leave `--message` out")
    notification = _notification(channel, message, alert, settings_file)
    if out is not None:
        _write(out, body_for_file(notification, out))
    if browser:
        _open_browser(html_body(notification))
    if out is None and not browser:
        for line in message_lines(notification):
            terminal().print(line, soft_wrap=True)


def _notification(channel: str, message: MessageKind, alert: str | None, settings_file: Path | None) -> Notification:
    settings = read_settings(settings_file)
    if alert is None:
        return render_sample(channel, message, settings)
    with open_watcher(settings) as app:
        return app.render_alert(alert, channel=channel)


def _write(file: Path, body: str) -> None:
    try:
        file.write_text(body, encoding="utf-8")
    except OSError as fault:
        raise InputError(f"`{file}` cannot be written: {fault.strerror}", fix="name another file") from fault
    terminal().print(f"written to `{file}`", soft_wrap=True)


def _open_browser(page: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="watcher-", encoding="utf-8", delete=False) as file:
        file.write(page)  # kept: the browser reads it after this command ended
    if not webbrowser.open(Path(file.name).as_uri()):
        raise InputError(f"no browser opens `{file.name}`", fix="open the file yourself")
    terminal().print(f"opened `{file.name}`", soft_wrap=True)
