"""watcher.yml and the environment → Settings, frozen; a wrong key or type gets file, line, key and what is allowed."""

from watcher.settings.sections import FaultySettingsError
from watcher.settings.settings_reader import read, read_file
from watcher.settings.settings_types import (
    Allowance,
    AppriseChannel,
    Channel,
    Cluster,
    Folder,
    LogSourceMapping,
    MailChannel,
    RateLimitSettings,
    Secret,
    Selector,
    Settings,
    SlackChannel,
    Source,
    StateSettings,
)

__all__ = [
    "Allowance",
    "AppriseChannel",
    "Channel",
    "Cluster",
    "FaultySettingsError",
    "Folder",
    "LogSourceMapping",
    "MailChannel",
    "RateLimitSettings",
    "Secret",
    "Selector",
    "Settings",
    "SlackChannel",
    "Source",
    "StateSettings",
    "read",
    "read_file",
]
