"""Messages that were given up, and sending them again."""

from __future__ import annotations

from collections.abc import Sequence

from watcher.components import Components
from watcher.delivery.failed_deliveries import FailedDelivery, Resender, ResendFilter
from watcher.errors import InputError, SettingsError
from watcher.near_names import near_name_fix
from watcher.usecases.person import person_of


def find_failed(components: Components, selected: ResendFilter) -> tuple[FailedDelivery, ...]:
    """Return the deliveries that were given up.

    Raises SettingsError where settings have no such channel, InputError where an alert of the filter does not exist.
    """
    components.installation().version.require_current()
    failed = _resender(components).failed(selected)
    channels = {channel.name for channel in components.settings.channels} | {delivery.channel for delivery in failed}
    if selected.channel is not None and selected.channel not in channels:
        names = ", ".join(f"`{name}`" for name in sorted(channels)) or "none"
        fix = near_name_fix(selected.channel, sorted(channels), "name one of them")
        raise SettingsError(f"no channel is called `{selected.channel}`; settings have {names}", fix=fix)
    unknown = [alert for alert in selected.alerts if components.alert_store().alert(alert) is None]
    if unknown:
        raise InputError(f"no alert has the id `{unknown[0]}`", fix="`watcher alerts` lists the ids")
    return failed


def resend(components: Components, failed: Sequence[FailedDelivery]) -> tuple[FailedDelivery, ...]:
    """Make deliveries pending again, and return those that changed; a running sidecar sends them within seconds."""
    return _resender(components).resend(failed, by=person_of(components.settings.person), now=components.events().now())


def _resender(components: Components) -> Resender:
    return Resender(components.state(), components.state_documents(), components.settings.state.prefix)
