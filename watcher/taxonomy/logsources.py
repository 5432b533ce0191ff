"""Sigma's log sources → the channels and event codes that Windows writes.

Sources: Sigma taxonomy appendix 2.1 and the Windows event documentation of each provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from watcher.model import LogSource
from watcher.settings import LogSourceMapping
from watcher.taxonomy.ecs import KNOWN

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
POWERSHELL_CORE = "PowerShellCore/Operational"
POWERSHELL_CLASSIC = "Windows PowerShell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Events of one channel; without codes all of them, without channel any channel."""

    channel: str | None = None
    codes: tuple[str, ...] = ()
    foreign: bool = False  # events without a channel alone: they are not Windows'
    process_audit: bool = False  # Security 4688 seen as process creation: `Image` is `NewProcessName` …


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The events that a log source means: any of its parts."""

    wheres: tuple[Where, ...]
    unknown: tuple[str, ...] = ()  # names that no table knows; where nothing else is named, every event is looked at
    product: str | None = None


_SERVICES: Mapping[str, tuple[str, ...]] = {
    "application": ("Application",),
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
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational",),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical",),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit",),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker",),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing",),
    "kernel-shimengine": (
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
    ),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "ldap_debug": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client",),
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
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": ("Microsoft-ServiceBus-Client",),
    "setup": ("Setup",),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "sysmon": (SYSMON,),
    "system": ("System",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP/Operational",),
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

_CATEGORIES: Mapping[str, tuple[Where, ...]] = {
    **{name: (Where(channel=SYSMON, codes=codes),) for name, codes in _SYSMON_CATEGORIES.items()},
    "process_creation": (
        Where(channel=SYSMON, codes=("1",)),
        Where(channel=SECURITY, codes=("4688",), process_audit=True),
    ),
    "ps_module": (Where(channel=POWERSHELL, codes=("4103",)), Where(channel=POWERSHELL_CORE, codes=("4103",))),
    "ps_script": (Where(channel=POWERSHELL, codes=("4104",)), Where(channel=POWERSHELL_CORE, codes=("4104",))),
    "ps_classic_start": (Where(channel=POWERSHELL_CLASSIC, codes=("400",)),),
    "ps_classic_provider_start": (Where(channel=POWERSHELL_CLASSIC, codes=("600",)),),
    "ps_classic_script": (Where(channel=POWERSHELL_CLASSIC, codes=("800",)),),
}

_SPELLINGS: Mapping[str, str] = {  # what authors write for a category that the taxonomy spells otherwise
    "file_creation": "file_event",
    "image_loaded": "image_load",
}

ANY = Where()
FOREIGN = Where(foreign=True)


def scope(source: LogSource, extra: Sequence[LogSourceMapping] = ()) -> Scope:
    """Tell which events a log source means.

    `extra` are the log sources of settings; they come before the shipped table. Several categories, or several
    services, mean any of them; a category and a service together mean the category within the service's channels.
    """
    own = _from_settings(source, extra)
    if own:
        return Scope(wheres=own, product=source.product)
    if source.product not in (None, "windows"):
        return _foreign(source)
    categories, odd_categories = _parts(source.category)
    services, odd_services = _parts(source.service)
    unknown = odd_categories + odd_services
    if source.product is None and unknown and not (categories or services):
        return _foreign(source) if KNOWN.intersection(unknown) else Scope(wheres=(ANY,), unknown=unknown)
    named = [where for name in categories for where in _wheres(name)]
    narrowed = [where for name in services for where in _wheres(name)]
    if not named and not narrowed:
        return Scope(wheres=(ANY,), unknown=unknown, product=source.product)
    channels = {where.channel for where in narrowed}
    both = [where for where in named if where.channel in channels]
    return Scope(wheres=_unique(both or named or narrowed), unknown=unknown, product=source.product)


def _foreign(source: LogSource) -> Scope:
    """Mean the events of another product, whose fields a table of ECS may know."""
    names = tuple(name for name in (source.product, *source.category, *source.service) if name)
    unknown = () if KNOWN.intersection(names) else names
    return Scope(wheres=(FOREIGN,), unknown=unknown, product=source.product)


def categories_of(code: str) -> tuple[str, ...]:
    """Give the categories that an event of Sysmon belongs to, by its code; those that it has to itself come first."""
    found = [name for name, codes in _SYSMON_CATEGORIES.items() if code in codes]
    return tuple(sorted(found, key=lambda name: len(_SYSMON_CATEGORIES[name])))


def _parts(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part names into those that a table knows (spellings put right, lists in one text taken apart) and the rest."""
    words = [part.strip() for name in names for part in name.split(",")]
    words = [_SPELLINGS.get(word, word) for word in words]
    known = tuple(word for word in words if word in _CATEGORIES or word in _SERVICES)
    return known, tuple(word for word in words if word and word not in known)


def _wheres(name: str) -> tuple[Where, ...]:
    return _CATEGORIES.get(name) or tuple(Where(channel=channel) for channel in _SERVICES[name])


def _unique(wheres: Iterable[Where]) -> tuple[Where, ...]:
    return tuple(dict.fromkeys(wheres))


def _from_settings(source: LogSource, extra: Sequence[LogSourceMapping]) -> tuple[Where, ...]:
    found: list[Where] = []
    for mapping in extra:
        if mapping.product is not None and mapping.product != source.product:
            continue
        if mapping.category is not None and mapping.category not in source.category:
            continue
        if mapping.service is not None and mapping.service not in source.service:
            continue
        channels: tuple[str | None, ...] = mapping.channels or (None,)
        found.extend(Where(channel=channel, codes=mapping.event_codes) for channel in channels)
    return _unique(found)
