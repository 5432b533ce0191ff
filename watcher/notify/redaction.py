"""What a server said, fit to be shown: one line, of bounded length, without the secrets that we sent it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from watcher.known_secrets import without_secrets
from watcher.notify.escaping import single_line
from watcher.settings import Secret

_HIDDEN = "***"


def redact_reply(reply: object, *secrets: Secret | None) -> str:
    """Show a server's reply; a secret in it, whole or one part of a secret URL, is starred out."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    for secret in secrets:
        for part in _parts(secret):
            text = text.replace(part, _HIDDEN)
    return single_line(without_secrets(text), 300)


def _parts(secret: Secret | None) -> list[str]:
    if secret is None or not secret.value:
        return []
    if "://" not in secret.value:
        return [secret.value]
    rest = secret.value.split("://", 1)[1]
    parts = [part for part in re.split(r"[/:@?&=]+", rest) if len(part) > 3]  # shorter ones hide nothing but words
    return sorted({secret.value, *parts, *map(unquote, parts)}, key=len, reverse=True)
