"""Sigma's log sources → the channels and event codes that Windows writes.

Sources: Sigma taxonomy appendix 2.1 and the Windows event documentation of each provider. Channels are named as Windows
writes them, which is also the name of the EVTX file (`%4` there is `/`). Where the taxonomy names them differently, its
name is kept beside: a shipper may be configured with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from watcher.model import LogSource
from watcher.settings import LogSourceMapping
from watcher.taxonomy.ecs_fields import LISTED_LOGSOURCES

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
POWERSHELL_CORE = "PowerShellCore/Operational"
POWERSHELL_CLASSIC = "Windows PowerShell"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventClass:
    """The events of one channel, or of some of its event codes; without a channel, the events of any channel."""

    channel: str | None = None
    codes: tuple[str, ...] = ()
    non_windows: bool = False  # only events without `winlog`, which Windows did not write
    process_audit: bool = False  # Security 4688 read as process creation: `Image` is `NewProcessName` …


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSourceEvents:
    """The events that a log source means: those of any of its event classes."""

    event_classes: tuple[EventClass, ...]
    unknown: tuple[str, ...] = ()  # names that no table lists; alone they select every event
    product: str | None = None


_SERVICE_BUS = (
    "Microsoft-ServiceBus-Client/Admin",
    "Microsoft-ServiceBus-Client/Operational",
    "Microsoft-ServiceBus-Client",
)
_SERVICES: Mapping[str, tuple[str, ...]] = {
    "application": ("Application",),
    "application-experience": (
        "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
        "Microsoft-Windows-Application-Experience/Program-Telemetry",
    ),
    "applocker": (
        "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment",
        "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
    "bitlocker": ("Microsoft-Windows-BitLocker/BitLocker Management",),
    "bits": ("Microsoft-Windows-Bits-Client/Operational",),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    ),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational",),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "dns-client": ("Microsoft-Windows-DNS-Client/Operational", "Microsoft-Windows-DNS Client Events/Operational"),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": ("Microsoft-Windows-DNSServer/Analytical", "Microsoft-Windows-DNS-Server/Analytical"),
    "dns-server-audit": ("Microsoft-Windows-DNSServer/Audit", "Microsoft-Windows-DNS-Server/Audit"),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "hyper-v-worker": (
        "Microsoft-Windows-Hyper-V-Worker-Admin",
        "Microsoft-Windows-Hyper-V-Worker-Operational",
        "Microsoft-Windows-Hyper-V-Worker",
    ),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing/Admin", "Microsoft-Windows-Kernel-EventTracing"),
    "kernel-shimengine": (
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
    ),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "ldap_debug": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": _SERVICE_BUS,
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "powershell": (POWERSHELL, POWERSHELL_CORE),
    "powershell-classic": (POWERSHELL_CLASSIC,),
    "printservice": ("Microsoft-Windows-PrintService/Admin", "Microsoft-Windows-PrintService/Operational"),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security": (SECURITY,),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/KernelMode",
        "Microsoft-Windows-Security-Mitigations/UserMode",
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": _SERVICE_BUS,
    "setup": ("Setup",),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "sysmon": (SYSMON,),
    "system": ("System",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP-Operational", "Microsoft-Windows-VHDMP/Operational"),
    "windefend": ("Microsoft-Windows-Windows Defender/Operational",),
    "winrm": ("Microsoft-Windows-WinRM/Operational",),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
}

_SYSMON_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "process_creation": ("1",),
    "file_change": ("2",),
    "network_connection": ("3",),
    "sysmon_status": ("4", "16"),
    "process_termination": ("5",),
    "driver_load": ("6",),
    "image_load": ("7",),
    "create_remote_thread": ("8",),
    "raw_access_thread": ("9",),
    "process_access": ("10",),
    "file_event": ("11",),
    "registry_add": ("12",),
    "registry_delete": ("12",),
    "registry_set": ("13",),
    "registry_rename": ("14",),
    "registry_event": ("12", "13", "14"),
    "create_stream_hash": ("15",),
    "pipe_created": ("17", "18"),
    "wmi_event": ("19", "20", "21"),
    "dns_query": ("22",),
    "file_delete": ("23",),
    "clipboard_capture": ("24",),
    "process_tampering": ("25",),
    "file_delete_detected": ("26",),
    "file_block_executable": ("27",),
    "file_block_shredding": ("28",),
    "file_executable_detected": ("29",),
    "sysmon_error": ("255",),
}

_CATEGORIES: Mapping[str, tuple[EventClass, ...]] = {
    **{name: (EventClass(channel=SYSMON, codes=codes),) for name, codes in _SYSMON_CATEGORIES.items()},
    "process_creation": (
        EventClass(channel=SYSMON, codes=("1",)),
        EventClass(channel=SECURITY, codes=("4688",), process_audit=True),
    ),
    "ps_module": (
        EventClass(channel=POWERSHELL, codes=("4103",)),
        EventClass(channel=POWERSHELL_CORE, codes=("4103",)),
    ),
    "ps_script": (
        EventClass(channel=POWERSHELL, codes=("4104",)),
        EventClass(channel=POWERSHELL_CORE, codes=("4104",)),
    ),
    "ps_classic_start": (EventClass(channel=POWERSHELL_CLASSIC, codes=("400",)),),
    "ps_classic_provider_start": (EventClass(channel=POWERSHELL_CLASSIC, codes=("600",)),),
    "ps_classic_script": (EventClass(channel=POWERSHELL_CLASSIC, codes=("800",)),),
}

_SPELLINGS: Mapping[str, str] = {  # other spellings of a category of the taxonomy
    "file_creation": "file_event",
    "image_loaded": "image_load",
}

ANY = EventClass()
NON_WINDOWS = EventClass(non_windows=True)


def events_of(source: LogSource, extra: Sequence[LogSourceMapping] = ()) -> LogSourceEvents:
    """Return the events that a log source means.

    `extra` are the log sources of settings; they take precedence over the shipped table. Several categories, or several
    services, mean any of them; a category and a service together mean the category within the service's channels.
    """
    own = _from_settings(source, extra)
    if own:
        return LogSourceEvents(event_classes=own, product=source.product)
    return _listed_events(source.product, source.category, source.service)


@lru_cache(maxsize=512)  # rules repeat their log sources
def _listed_events(product: str | None, category: tuple[str, ...], service: tuple[str, ...]) -> LogSourceEvents:
    """Return the events that a log source means by the shipped table."""
    if product not in (None, "windows"):
        return _non_windows(product, category, service)
    categories, unlisted_categories = _parts(category)
    services, unlisted_services = _parts(service)
    unknown = unlisted_categories + unlisted_services
    if product is None and unknown and not (categories or services):
        return (
            _non_windows(product, category, service)
            if LISTED_LOGSOURCES.intersection(unknown)
            else LogSourceEvents(event_classes=(ANY,), unknown=unknown)
        )
    of_categories = [event_class for name in categories for event_class in _event_classes(name)]
    of_services = [event_class for name in services for event_class in _event_classes(name)]
    if not of_categories and not of_services:
        return LogSourceEvents(event_classes=(ANY,), unknown=unknown, product=product)
    channels = {event_class.channel for event_class in of_services}
    both = [event_class for event_class in of_categories if event_class.channel in channels]
    return LogSourceEvents(
        event_classes=_unique(both or of_categories or of_services), unknown=unknown, product=product
    )


def _non_windows(product: str | None, category: tuple[str, ...], service: tuple[str, ...]) -> LogSourceEvents:
    """Return the events of another product, whose fields the ECS tables may list."""
    names = tuple(name for name in (product, *category, *service) if name)
    unknown = () if LISTED_LOGSOURCES.intersection(names) else names
    return LogSourceEvents(event_classes=(NON_WINDOWS,), unknown=unknown, product=product)


def categories_of(code: str) -> tuple[str, ...]:
    """Return the categories of a Sysmon event code, the narrowest first."""
    categories = [name for name, codes in _SYSMON_CATEGORIES.items() if code in codes]
    return tuple(sorted(categories, key=lambda name: len(_SYSMON_CATEGORIES[name])))


def _parts(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split names into those that a table lists (spellings corrected, comma-separated lists split) and the rest."""
    words = [part.strip() for name in names for part in name.split(",")]
    words = [_SPELLINGS.get(word, word) for word in words]
    listed = tuple(word for word in words if word in _CATEGORIES or word in _SERVICES)
    return listed, tuple(word for word in words if word and word not in listed)


def _event_classes(name: str) -> tuple[EventClass, ...]:
    return _CATEGORIES.get(name) or tuple(EventClass(channel=channel) for channel in _SERVICES[name])


def _unique(event_classes: Iterable[EventClass]) -> tuple[EventClass, ...]:
    return tuple(dict.fromkeys(event_classes))


def _from_settings(source: LogSource, extra: Sequence[LogSourceMapping]) -> tuple[EventClass, ...]:
    event_classes: list[EventClass] = []
    for mapping in extra:
        if mapping.product is not None and mapping.product != source.product:
            continue
        if mapping.category is not None and mapping.category not in source.category:
            continue
        if mapping.service is not None and mapping.service not in source.service:
            continue
        channels: tuple[str | None, ...] = mapping.channels or (None,)
        event_classes.extend(EventClass(channel=channel, codes=mapping.event_codes) for channel in channels)
    return _unique(event_classes)
