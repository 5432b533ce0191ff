"""JSON lines, in a file or on standard output."""

from __future__ import annotations

import json
import sys

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.file.durable_line import append_line
from watcher.notify.file.settings import FileChannel
from watcher.notify.json_document import document_of
from watcher.ports import Clock


class FileNotifier:
    """Appends each notification as one line of JSON; a failure is tried again."""

    def __init__(self, channel: FileChannel, _clock: Clock) -> None:
        self._channel = channel

    @property
    def name(self) -> str:
        """The channel's name in settings."""
        return self._channel.name

    def send(self, notification: Notification) -> None:
        """Append the line; it is sent when it is on the disk, or when standard output took it."""
        document = document_of(notification)
        try:
            if self._channel.is_standard_output:
                _print(json.dumps(document))  # ASCII, whatever the terminal can show
            else:
                append_line(self._channel.path, json.dumps(document, ensure_ascii=False))
        except (OSError, ValueError) as error:  # ValueError: standard output is closed
            subject = "standard output" if self._channel.is_standard_output else f"`{self._channel.path}`"
            reason = f"cannot write to {subject}: {type(error).__name__}: {error}"
            raise DeliveryError(f"channel `{self.name}`: {reason}", permanent=False) from None


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
