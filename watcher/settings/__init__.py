"""watcher.yml and the environment → Settings, frozen; a wrong key or type gets file, line, key and what is allowed."""

from watcher.settings.nouns import (
    AppriseChannel,
    Channel,
    Cluster,
    Folder,
    LogSourceMapping,
    MailChannel,
    Secret,
    Selector,
    Settings,
    SlackChannel,
    Source,
    StateSettings,
)
from watcher.settings.read import read, read_file
from watcher.settings.section import FaultySettingsError

__all__ = [
    "AppriseChannel",
    "Channel",
    "Cluster",
    "FaultySettingsError",
    "Folder",
    "LogSourceMapping",
    "MailChannel",
    "Secret",
    "Selector",
    "Settings",
    "SlackChannel",
    "Source",
    "StateSettings",
    "read",
    "read_file",
]
