"""Settings types → the tables of `docs/settings.md`, each between two markers in the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any

from watcher.errors import InputError
from watcher.settings.annotations import Setting, bare_type, settings_of
from watcher.settings.channel_types import channel_type_names, load_channel_type
from watcher.settings.cluster_settings import Cluster, StateSettings
from watcher.settings.monitoring_settings import MonitoringSettings
from watcher.settings.route_settings import (
    CalendarSettings,
    EscalationSettings,
    InhibitionSettings,
    MaintenanceWindowSettings,
    RouteSettings,
)
from watcher.settings.rule_selection import Allowance, CheckSettings, Folder, RuleCriteria, RuleOptions, RuleSelection
from watcher.settings.setting_texts import has_shown_default, is_section, to_plain, to_yaml
from watcher.settings.settings_types import Settings
from watcher.settings.source_settings import FieldMap, LogSourceMapping, Source

_TABLE = re.compile(r"(<!-- settings: (?P<name>[\w: ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TABLES = {
    kind.__name__: kind
    for kind in (
        Settings,
        Cluster,
        Source,
        LogSourceMapping,
        FieldMap,
        RuleSelection,
        Folder,
        RuleCriteria,
        RuleOptions,
        CheckSettings,
        Allowance,
        StateSettings,
        RouteSettings,
        EscalationSettings,
        CalendarSettings,
        InhibitionSettings,
        MaintenanceWindowSettings,
        MonitoringSettings,
    )
}


def update_page(page: str) -> str:
    """Return the page with its tables written anew; raise an InputError where one is missing or unknown."""
    tables: dict[str, Any] = _TABLES | {
        f"channel {name}": load_channel_type(name).settings for name in channel_type_names()
    }
    names = [match["name"] for match in _TABLE.finditer(page)]
    if sorted(names) != sorted(tables):
        differences = ", ".join(sorted(set(names) ^ set(tables))) or "a table appears twice"
        raise InputError(f"the tables of the page differ from the settings types: {differences}")
    return _TABLE.sub(lambda match: f"{match[1]}{settings_table(tables[match['name']])}{match[3]}", page)


def settings_table(kind: type) -> str:
    """Return the table of a settings type, with the settings of its nested sections."""
    rows = (f"| `{name}` | {default} | {meaning} |\n" for name, default, meaning in _rows(kind, ""))
    return "| setting | default | meaning |\n|---|---|---|\n" + "".join(rows).replace("|  |", "| |")


def _rows(kind: type, prefix: str) -> Iterator[tuple[str, str, str]]:
    for setting in settings_of(kind):
        is_nested = is_section(setting.type) and bare_type(setting.type).__name__ not in _TABLES
        if is_nested:
            yield from _rows(bare_type(setting.type), f"{prefix}{setting.name}.")
        else:
            yield prefix + setting.name, _default(setting), _meaning(setting)


def _default(setting: Setting) -> str:
    if setting.option.default:
        return setting.option.default
    if setting.default is MISSING:
        return "required"
    return f"`{to_yaml(to_plain(setting.default))}`" if has_shown_default(setting) else ""


def _meaning(setting: Setting) -> str:
    notes = [setting.option.help]
    if setting.is_secret:
        notes.append(f"or `{setting.name}_file`")
    if setting.option.needs:
        notes.append(f"needs {', '.join(f'`{name}`' for name in setting.option.needs)}")
    if setting.option.excludes:
        notes.append(f"not together with {', '.join(f'`{name}`' for name in setting.option.excludes)}")
    if setting.option.formerly:
        notes.append(f"formerly `{setting.option.formerly}`")
    return "; ".join(notes)
