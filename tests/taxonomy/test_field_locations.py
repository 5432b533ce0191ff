"""The paths where the values of a Sigma field may be, and whether that is certain."""

from __future__ import annotations

import pytest

from watcher.taxonomy.field_locations import field_locations, is_certain, moved_field_names
from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, SECURITY, SYSMON, EventClass

CREATED = EventClass(channel=SYSMON, codes=("1",))
AUDITED = EventClass(channel=SECURITY, codes=("4688",), process_audit=True)
ANYWHERE = EventClass()


@pytest.mark.parametrize(
    ("field", "event_class", "direct"),
    [
        ("Image", CREATED, ("winlog.event_data.Image", "winlog.user_data.Image", "process.executable")),
        (
            "Image",
            EventClass(channel=SYSMON.lower(), codes=("1",)),
            ("winlog.event_data.Image", "winlog.user_data.Image", "process.executable"),
        ),
        ("Image", EventClass(channel="System"), ("winlog.event_data.Image", "winlog.user_data.Image")),
        (
            "Image",
            AUDITED,
            ("winlog.event_data.NewProcessName", "winlog.user_data.NewProcessName", "process.executable"),
        ),
        ("ImageLoaded", CREATED, ("winlog.event_data.ImageLoaded", "winlog.user_data.ImageLoaded")),
        (
            "process.command_line",
            ANYWHERE,
            ("process.command_line", "winlog.event_data.process.command_line", "winlog.user_data.process.command_line"),
        ),
    ],
)
def test_the_direct_paths_of_a_field_depend_on_the_event_class(
    field: str, event_class: EventClass, direct: tuple[str, ...]
) -> None:
    assert field_locations(field, event_class).direct == direct


@pytest.mark.parametrize(
    ("field", "path", "event_class", "expected"),
    [
        ("Image", "winlog.event_data.Image", CREATED, True),  # its own name
        ("Image", "process.executable", CREATED, True),  # where every such event has it
        ("Image", "process.executable", ANYWHERE, False),  # another log may mean something else
        ("OriginalFileName", "file.pe.original_file_name", EventClass(channel=SYSMON, codes=("1", "7")), False),
        ("Image", "winlog.event_data.Image", AUDITED, False),  # the audit has another name for it
        ("Image", "winlog.event_data.NewProcessName", AUDITED, True),
        ("@timestamp", "@timestamp", ANYWHERE, True),  # a path of the document
    ],
)
def test_a_path_is_certain_only_if_every_event_of_the_class_has_the_field_at_it(
    field: str, path: str, event_class: EventClass, *, expected: bool
) -> None:
    assert is_certain(field, path, event_class) is expected


def test_a_system_field_is_read_only_if_the_event_data_has_no_such_field() -> None:
    locations = field_locations("Channel", EventClass(channel="System", codes=("104",)))
    assert locations.direct == ("winlog.event_data.Channel", "winlog.user_data.Channel")
    assert locations.fallback == ("winlog.channel",)


def test_names_that_differ_by_spaces_are_a_fallback() -> None:
    assert "winlog.event_data.Threat Name" in field_locations("ThreatName", ANYWHERE).fallback
    assert "winlog.event_data.ThreatName" in field_locations("Threat Name", ANYWHERE).fallback
    assert "winlog.event_data.Platform version" in field_locations("Platformversion", ANYWHERE).fallback


def test_a_computed_field_names_the_paths_of_its_parts() -> None:
    (computed_field,) = field_locations("Details", EventClass(channel=SYSMON, codes=("13",))).computed
    assert computed_field.paths == ("registry.data.strings", "registry.data.type")
    assert field_locations("Details", EventClass(channel="System")).computed == ()


@pytest.mark.parametrize("path", ["log.level", "event.code", "@timestamp", "winlog.channel", "host.name"])
def test_no_part_is_a_path_that_every_event_has(path: str) -> None:
    """The existence of the parts narrows the search: such a path would narrow nothing."""
    for event_class in (
        EventClass(channel=POWERSHELL, codes=("4103",)),
        EventClass(channel=POWERSHELL_CLASSIC, codes=("400",)),
    ):
        for field in ("ContextInfo", "Payload", "Data", "param3", "HostApplication"):
            assert all(path not in part.paths for part in field_locations(field, event_class).computed)


def test_moved_fields_are_listed_by_the_names_of_windows() -> None:
    names = moved_field_names(CREATED)
    assert {"Image", "CommandLine", "Hashes", "User", "ParentImage"} <= set(names)
    assert {"ImageLoaded", "TargetObject", "md5", "NewProcessName"}.isdisjoint(names)
    assert moved_field_names(EventClass(channel="System")) == ()


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("Image", "process.executable"),
        ("a0", "auditd.data.a0"),
        ("query", "dns.question.name"),
        ("c-uri", "url.original"),
        ("cs-method", "http.request.method"),
        ("id.orig_h", "source.ip"),
        ("eventName", "event.action"),
        ("eventName", "eventName"),  # as other shippers name it
    ],
)
def test_fields_of_other_products_are_read_at_ecs_paths(field: str, path: str) -> None:
    assert path in field_locations(field, EventClass(non_windows=True)).direct
    assert not is_certain(field, path, EventClass(non_windows=True))


def test_events_of_a_channel_are_not_read_as_those_of_other_products() -> None:
    assert "event.action" not in field_locations("eventName", CREATED).direct
