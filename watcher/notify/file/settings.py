"""The settings of the file channel."""

from dataclasses import dataclass
from typing import Annotated

from watcher.settings.annotations import Option
from watcher.settings.channel_types import ChannelSettings
from watcher.settings.formats import AnyPath

_PATH = (
    'file that gets a line of JSON for each message, or `"-"` for standard output; it is opened anew for each line, '
    "so that logrotate can move it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChannel(ChannelSettings):
    """A file of JSON lines, or standard output."""

    path: Annotated[AnyPath, Option(_PATH, example="alerts.ndjson")]

    @property
    def is_standard_output(self) -> bool:
        """Whether the lines go to standard output; paths of settings are absolute, so the name decides."""
        return self.path.name == "-"
