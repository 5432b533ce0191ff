"""Installation of the state's index templates, and deletion of what is older than the retention."""

from __future__ import annotations

import structlog

from watcher.components import Components
from watcher.errors import Forbidden, SettingsError
from watcher.state.installation import InstallResult

log = structlog.get_logger("watcher")


def set_up(components: Components) -> InstallResult:
    """Install the index templates and lifecycle policies; raises Forbidden where the user may not."""
    return components.installation().install()


def delete_expired(components: Components) -> tuple[str, ...]:
    """Delete the months of alerts and hits that are older than the retention, and return their indices."""
    return components.installation().clear(now=components.events().now())


def prepare_state(components: Components) -> None:
    """Install missing index templates and migrate a state of an older version.

    Raises SettingsError where they are missing and the user may not install them.
    """
    try:
        result = components.installation().install()
    except Forbidden as fault:
        prefix = components.settings.state.prefix
        raise SettingsError(
            f"the index templates of `{prefix}-*` are not installed, and this user may not: {fault}",
            fix="let an administrator call `watcher setup`",
        ) from fault
    if result.templates or result.updated or result.migrated:
        log.info(
            "state.templates", installed=list(result.templates), updated=list(result.updated), migrated=result.migrated
        )
