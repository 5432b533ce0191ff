"""JSON lines, in a file or on standard output."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.file.settings import FileChannel
from watcher.ports import Clock, Notifier


def _build(channel: FileChannel, clock: Clock) -> Notifier:
    from watcher.notify.file.transport import FileNotifier  # noqa: PLC0415 - loaded when a channel is built

    return FileNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="file",
    settings=FileChannel,
    build=_build,
    bodies={"application/json": "file.json.j2"},
    templates=Path(__file__).parent / "templates",
)

__all__ = ["CHANNEL_TYPE", "FileChannel"]
