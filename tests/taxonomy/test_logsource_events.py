"""Sigma's log sources → channels and event codes."""

from __future__ import annotations

import pytest

from watcher.model import LogSource
from watcher.settings import LogSourceMapping
from watcher.taxonomy.logsources import (
    POWERSHELL,
    POWERSHELL_CLASSIC,
    POWERSHELL_CORE,
    SECURITY,
    SYSMON,
    EventClass,
    LogSourceEvents,
    events_of,
)


def events_for(product: str | None = "windows", category: str = "", service: str = "") -> LogSourceEvents:
    return events_of(LogSource(product=product, category=tuple(category.split()), service=tuple(service.split())))


def sysmon(*codes: str) -> EventClass:
    return EventClass(channel=SYSMON, codes=codes)


AUDIT = EventClass(channel=SECURITY, codes=("4688",), process_audit=True)


@pytest.mark.parametrize(
    ("category", "event_classes"),
    [
        ("process_creation", (sysmon("1"), AUDIT)),
        ("file_change", (sysmon("2"),)),
        ("network_connection", (sysmon("3"),)),
        ("sysmon_status", (sysmon("4", "16"),)),
        ("process_termination", (sysmon("5"),)),
        ("driver_load", (sysmon("6"),)),
        ("image_load", (sysmon("7"),)),
        ("create_remote_thread", (sysmon("8"),)),
        ("raw_access_thread", (sysmon("9"),)),
        ("process_access", (sysmon("10"),)),
        ("file_event", (sysmon("11"),)),
        ("registry_add", (sysmon("12"),)),
        ("registry_delete", (sysmon("12"),)),
        ("registry_set", (sysmon("13"),)),
        ("registry_rename", (sysmon("14"),)),
        ("registry_event", (sysmon("12", "13", "14"),)),
        ("create_stream_hash", (sysmon("15"),)),
        ("pipe_created", (sysmon("17", "18"),)),
        ("wmi_event", (sysmon("19", "20", "21"),)),
        ("dns_query", (sysmon("22"),)),
        ("file_delete", (sysmon("23"),)),
        ("clipboard_capture", (sysmon("24"),)),
        ("process_tampering", (sysmon("25"),)),
        ("file_delete_detected", (sysmon("26"),)),
        ("file_block_executable", (sysmon("27"),)),
        ("file_block_shredding", (sysmon("28"),)),
        ("file_executable_detected", (sysmon("29"),)),
        ("sysmon_error", (sysmon("255"),)),
        (
            "ps_module",
            (EventClass(channel=POWERSHELL, codes=("4103",)), EventClass(channel=POWERSHELL_CORE, codes=("4103",))),
        ),
        (
            "ps_script",
            (EventClass(channel=POWERSHELL, codes=("4104",)), EventClass(channel=POWERSHELL_CORE, codes=("4104",))),
        ),
        ("ps_classic_start", (EventClass(channel=POWERSHELL_CLASSIC, codes=("400",)),)),
        ("ps_classic_provider_start", (EventClass(channel=POWERSHELL_CLASSIC, codes=("600",)),)),
        ("ps_classic_script", (EventClass(channel=POWERSHELL_CLASSIC, codes=("800",)),)),
        ("file_creation", (sysmon("11"),)),  # another spelling
    ],
)
def test_a_category_means_channel_and_codes(category: str, event_classes: tuple[EventClass, ...]) -> None:
    assert events_for(category=category) == LogSourceEvents(event_classes=event_classes, product="windows")


@pytest.mark.parametrize(
    ("service", "channels"),
    [
        ("security", ("Security",)),
        ("system", ("System",)),
        ("application", ("Application",)),
        ("sysmon", (SYSMON,)),
        ("powershell", (POWERSHELL, POWERSHELL_CORE)),
        ("powershell-classic", (POWERSHELL_CLASSIC,)),
        ("windefend", ("Microsoft-Windows-Windows Defender/Operational",)),
        ("taskscheduler", ("Microsoft-Windows-TaskScheduler/Operational",)),
        ("dns-server", ("DNS Server",)),
        ("bits-client", ("Microsoft-Windows-Bits-Client/Operational",)),
        ("wmi", ("Microsoft-Windows-WMI-Activity/Operational",)),
        ("ntlm", ("Microsoft-Windows-NTLM/Operational",)),
        (
            "applocker",
            (
                "Microsoft-Windows-AppLocker/EXE and DLL",
                "Microsoft-Windows-AppLocker/MSI and Script",
                "Microsoft-Windows-AppLocker/Packaged app-Deployment",
                "Microsoft-Windows-AppLocker/Packaged app-Execution",
            ),
        ),
        ("iis-configuration", ("Microsoft-IIS-Configuration/Operational",)),
    ],
)
def test_a_service_means_its_channels(service: str, channels: tuple[str, ...]) -> None:
    events = events_for(service=service)
    assert events.event_classes == tuple(EventClass(channel=channel) for channel in channels)
    assert events.unknown == ()


def test_a_category_within_a_service_is_narrowed_to_its_channels() -> None:
    assert events_for(category="process_creation", service="sysmon").event_classes == (sysmon("1"),)
    assert events_for(category="process_creation", service="security").event_classes == (AUDIT,)


def test_several_categories_or_services_mean_any_of_them() -> None:
    assert events_for(category="file_event file_change").event_classes == (sysmon("11"), sysmon("2"))
    assert events_for(service="system security").event_classes == (
        EventClass(channel="System"),
        EventClass(channel="Security"),
    )
    listed = events_of(LogSource(product="windows", service=("security, system",)))
    assert listed.event_classes == (EventClass(channel="Security"), EventClass(channel="System"))


@pytest.mark.parametrize(
    ("product", "category", "service", "unknown"),
    [
        ("windows", "file_access", "", ("file_access",)),
        ("windows", "antivirus", "", ("antivirus",)),
        ("windows", "", "rdp", ("rdp",)),
        (None, "database", "", ("database",)),
    ],
)
def test_unlisted_names_select_every_event_and_are_reported(
    product: str | None, category: str, service: str, unknown: tuple[str, ...]
) -> None:
    events = events_for(product, category, service)
    assert events.event_classes == (EventClass(),)
    assert events.unknown == unknown


@pytest.mark.parametrize(
    ("product", "category", "service", "unknown"),
    [
        ("linux", "process_creation", "", ()),
        ("linux", "", "auditd", ()),
        ("macos", "file_event", "", ()),
        ("aws", "", "cloudtrail", ()),
        ("zeek", "", "http", ()),
        ("fortios", "", "sslvpnd", ("fortios", "sslvpnd")),  # no table
        ("cisco", "", "aaa", ("cisco", "aaa")),
        (None, "proxy", "", ()),
        (None, "webserver", "", ()),
        (None, "dns", "", ()),
        (None, "firewall", "", ()),
    ],
)
def test_other_products_mean_events_without_a_channel(
    product: str | None, category: str, service: str, unknown: tuple[str, ...]
) -> None:
    assert events_for(product, category, service) == LogSourceEvents(
        event_classes=(EventClass(non_windows=True),), unknown=unknown, product=product
    )


def test_a_windows_category_without_product_means_windows() -> None:
    assert events_for(None, "process_creation").event_classes == (sysmon("1"), AUDIT)


def test_a_listed_name_beside_an_unlisted_name_narrows() -> None:
    events = events_for(category="file_access", service="sysmon")
    assert events.event_classes == (EventClass(channel=SYSMON),)
    assert events.unknown == ("file_access",)


def test_a_product_alone_means_every_event() -> None:
    assert events_for() == LogSourceEvents(event_classes=(EventClass(),), product="windows")


def test_settings_take_precedence_over_the_table() -> None:
    own = (
        LogSourceMapping(product="windows", category="process_creation", channels=("Mine",), event_codes=("7",)),
        LogSourceMapping(product="linux", service="auditd", channels=("audit",)),
        LogSourceMapping(service="everything"),
    )
    logsource = LogSource(product="windows", category=("process_creation",))
    assert events_of(logsource, own).event_classes == (EventClass(channel="Mine", codes=("7",)),)
    logsource = LogSource(product="linux", service=("auditd",))
    assert events_of(logsource, own) == LogSourceEvents(event_classes=(EventClass(channel="audit"),), product="linux")
    assert events_of(LogSource(service=("everything",)), own).event_classes == (EventClass(),)
    assert events_of(LogSource(product="windows", category=("file_event",)), own).event_classes == (sysmon("11"),)
