"""What correlations count of an event: the values of its fields, as often as the event has them."""

from __future__ import annotations

import pytest

from watcher.alerts.base_hits import field_values
from watcher.alerts.group_keys import group_key, key_parts
from watcher.match.event_view import EventView


@pytest.mark.parametrize("field", ["BytesSent", "winlog.event_data.BytesSent"])
def test_a_value_that_a_field_repeats_is_read_each_time(field: str) -> None:
    view = EventView({"winlog": {"event_data": {"BytesSent": [5, 5, 7]}}})
    assert field_values(view, (field, "Absent")) == {field: ("5", "5", "7")}
    assert group_key(key_parts(view, (field,))) == ((field, "5\n7"),)  # of a group it is one value


def test_a_value_that_several_paths_hold_is_read_once() -> None:
    sysmon = {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": "1"}
    data = {"Image": ["a.exe", "b.exe", "b.exe"]}
    view = EventView({"process": {"executable": "a.exe"}, "winlog": {**sysmon, "event_data": data}})
    assert field_values(view, ("Image",)) == {"Image": ("a.exe", "b.exe")}
