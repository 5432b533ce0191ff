"""PagerDuty by its Events API v2."""

from __future__ import annotations

from pathlib import Path

from watcher.notify.channel_type import NotifierType
from watcher.notify.pagerduty.settings import PagerDutyChannel
from watcher.ports import Clock, Notifier


def _build(channel: PagerDutyChannel, clock: Clock) -> Notifier:
    from watcher.notify.pagerduty.transport import PagerDutyNotifier  # noqa: PLC0415 - its client is loaded when a channel is built

    return PagerDutyNotifier(channel, clock)


CHANNEL_TYPE = NotifierType(
    name="pagerduty",
    settings=PagerDutyChannel,
    build=_build,
    bodies={"application/json": "pagerduty.json.j2"},
    templates=Path(__file__).parent / "templates",
    follows=lambda _settings: True,
)

__all__ = ["CHANNEL_TYPE", "PagerDutyChannel"]
