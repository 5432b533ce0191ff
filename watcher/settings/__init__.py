"""watcher.yml and the environment → Settings, frozen; a wrong key or type gets file, line, key and what is allowed."""

from watcher.settings.channel_settings import AppriseChannel, Channel, MailChannel, SlackChannel
from watcher.settings.channel_types import ChannelSettings, ChannelType, channel_type_names, load_channel_type
from watcher.settings.secret import Secret
from watcher.settings.sections import FaultySettingsError
from watcher.settings.settings_reader import read, read_file
from watcher.settings.settings_types import (
    Allowance,
    Cluster,
    Folder,
    LogSourceMapping,
    RateLimitSettings,
    Selector,
    Settings,
    Source,
    StateSettings,
)

__all__ = [
    "Allowance",
    "AppriseChannel",
    "Channel",
    "ChannelSettings",
    "ChannelType",
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
    "channel_type_names",
    "load_channel_type",
    "read",
    "read_file",
]
