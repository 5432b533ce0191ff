"""watcher.yml and the environment → Settings, frozen; a wrong key or type gets file, line, key and what is allowed."""

from watcher.settings.channel_types import ChannelSettings, ChannelType, channel_type_names, load_channel_type
from watcher.settings.cluster_settings import Cluster, StateSettings
from watcher.settings.environment import ENVIRONMENT
from watcher.settings.monitoring_settings import MonitoringSettings
from watcher.settings.problems import FaultySettingsError
from watcher.settings.rule_selection import (
    Allowance,
    CheckSettings,
    Folder,
    RuleCriteria,
    RuleOptions,
    RuleSelection,
    Selector,
)
from watcher.settings.secret import Secret
from watcher.settings.settings_reader import read, read_file
from watcher.settings.settings_types import RateLimitSettings, Settings
from watcher.settings.source_settings import FieldMap, LateEventSettings, LogSourceMapping, Source

__all__ = [
    "ENVIRONMENT",
    "Allowance",
    "ChannelSettings",
    "ChannelType",
    "CheckSettings",
    "Cluster",
    "FaultySettingsError",
    "FieldMap",
    "Folder",
    "LateEventSettings",
    "LogSourceMapping",
    "MonitoringSettings",
    "RateLimitSettings",
    "RuleCriteria",
    "RuleOptions",
    "RuleSelection",
    "Secret",
    "Selector",
    "Settings",
    "Source",
    "StateSettings",
    "channel_type_names",
    "load_channel_type",
    "read",
    "read_file",
]
