"""Texts in the length that a service of Apprise takes."""

from __future__ import annotations

from html import escape

from apprise import NotifyBase, NotifyFormat
from apprise.conversion import convert_between

from watcher.printable import truncate

_TITLE_ROOM = 20  # characters that a service puts around a title that becomes a part of the text


def fitted(service: NotifyBase, title: str, body: str) -> tuple[str, str]:
    """Return title and text, shortened to the limits of a service; the last line, with the alert's id, is kept.

    Services that want HTML or Markdown escape the text, which makes it longer: its length is that after escaping.
    """
    title_limit = service.title_maxlen if service.title_maxlen > 0 else service.body_maxlen // 4
    title = truncate(title, title_limit) if title_limit > 0 else title
    shares_room = service.title_maxlen <= 0 or service.overflow_amalgamate_title
    room = service.body_maxlen - (_length(service, title) + _TITLE_ROOM if shares_room else 0)
    if room <= 0 or _length(service, body) <= room:
        return title, body
    text, _, last = body.rstrip().rpartition("\n")
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _length(service, _shortened(text, last, middle)) <= room:
            fits = middle
        else:
            too_long = middle
    shortened = _shortened(text, last, fits)
    return title, shortened if _length(service, shortened) <= room else truncate(body, room)


def _shortened(text: str, last: str, length: int) -> str:
    return f"{truncate(text, length)}\n{last}"


def _length(service: NotifyBase, text: str) -> int:
    written: str = convert_between(NotifyFormat.TEXT, service.notify_format, text)  # type: ignore[no-untyped-call]
    # some translate the Markdown once more, and write `&`, `<` and `>` as entities, e.g. Google Chat
    return len(escape(written, quote=False) if service.notify_format == NotifyFormat.MARKDOWN else written)
