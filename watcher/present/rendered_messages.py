"""A rendered message for the terminal, and the body for a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from watcher.errors import InputError
from watcher.model import Notification
from watcher.printable import printable_text

HTML = "text/html"
_SUFFIXES = {".txt": "text/plain", ".html": HTML, ".json": "application/json"}


def message_lines(notification: Notification) -> Iterator[str]:
    """Yield the subject and every body as lines in which control characters are visible."""
    yield f"Subject: {printable_text(notification.subject)}"
    for media, body in notification.bodies.items():
        yield ""
        yield f"--- {media} ---"
        yield from map(printable_text, body_text(media, body).splitlines())


def body_text(media: str, body: str) -> str:
    """Return a body as people read it: JSON is indented."""
    if media != "application/json":
        return body
    return json.dumps(json.loads(body), ensure_ascii=False, indent=2)


def body_for_file(notification: Notification, file: Path) -> str:
    """Return the body whose type the suffix of a file names; raises InputError where the message has none."""
    media = _SUFFIXES.get(file.suffix.lower(), "")
    if media not in notification.bodies:
        suffixes = [suffix for suffix, candidate in _SUFFIXES.items() if candidate in notification.bodies]
        raise InputError(
            f"`{file}`: no body of the message is of this type", fix=f"end the file name in {' or '.join(suffixes)}"
        )
    return body_text(media, notification.bodies[media])


def html_body(notification: Notification) -> str:
    """Return the HTML body; raises InputError where the message has none."""
    if HTML not in notification.bodies:
        raise InputError(
            f"messages of `{notification.channel}` have no HTML body", fix="leave `--browser` out, or pass `--out FILE`"
        )
    return notification.bodies[HTML]
