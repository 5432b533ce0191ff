"""watcher.yml and the environment → Settings, frozen; a wrong key or type gets file, line, key and what is allowed."""

from watcher.settings.nouns import (
    Allowance,
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
    StormSettings,
)
from watcher.settings.read import read, read_file
from watcher.settings.section import FaultySettingsError

__all__ = [
    "Allowance",
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
    "StormSettings",
    "read",
    "read_file",
]
