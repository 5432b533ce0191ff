"""What must be enabled so that Windows writes an event: audit policy, Sysmon configuration, disabled logs.

Sources: Microsoft's documentation of the advanced audit policy and of Sysmon, and each provider's event log settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.taxonomy.audit_policy import AUDIT_POLICY
from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, POWERSHELL_CORE, SECURITY, SYSMON

ANY_CODE = ""
"""The key of a channel's table that holds for every event code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNeed:
    """The setting that makes Windows write an event, and where it is set."""

    setting: str  # e.g. `Process Creation, success`
    location: str = ""  # e.g. `Audit policy: Detailed Tracking`
    note: str = ""  # further requirements
    is_default: bool = False  # Windows writes the event without any configuration


def audit_needs(channel: str | None, code: str | None) -> AuditNeed | None:
    """Return what an event needs, or without a code what its channel needs; None if no table lists it."""
    if channel is None:
        return None
    if channel.lower() == SECURITY.lower():
        return _SECURITY_CODES.get(code or "") if code else _SECURITY
    if channel.lower() == SYSMON.lower():
        return _SYSMON_CODES.get(code or "") if code else _SYSMON
    needs = _CHANNELS.get(channel.lower(), {})
    return needs.get(code or ANY_CODE) or needs.get(ANY_CODE)


# --------------------------------------------------------------------------- Security: the advanced audit policy

_SECURITY = AuditNeed(setting="The audit policy of each event", location="Audit policy")
_SECURITY_CODES: Mapping[str, AuditNeed] = {
    **{
        code: AuditNeed(setting=f"{name}, {outcome}", location=f"Audit policy: {category}", note=note)
        for category, name, outcome, codes, note in AUDIT_POLICY
        for code in codes.split()
    },
    **{
        code: AuditNeed(setting="Nothing", note="The Security log itself writes it.", is_default=True)
        for code in "1100 1101 1102 1104 1105 1108".split()
    },
}

# --------------------------------------------------------------------------- Sysmon: its configuration

_CONFIG = "Sysmon configuration"
_SYSMON = AuditNeed(setting="Sysmon with the element of each event", location=_CONFIG)
_ELEMENTS: Mapping[str, str] = {
    "1": "ProcessCreate",
    "2": "FileCreateTime",
    "3": "NetworkConnect",
    "5": "ProcessTerminate",
    "6": "DriverLoad",
    "7": "ImageLoad",
    "8": "CreateRemoteThread",
    "9": "RawAccessRead",
    "10": "ProcessAccess",
    "11": "FileCreate",
    **dict.fromkeys(("12", "13", "14"), "RegistryEvent"),
    "15": "FileCreateStreamHash",
    **dict.fromkeys(("17", "18"), "PipeEvent"),
    **dict.fromkeys(("19", "20", "21"), "WmiEvent"),
    "22": "DnsQuery",
    "23": "FileDelete",
    "24": "ClipboardChange",
    "25": "ProcessTampering",
    "26": "FileDeleteDetected",
    "27": "FileBlockExecutable",
    "28": "FileBlockShredding",
    "29": "FileExecutableDetected",
}
_SYSMON_CODES: Mapping[str, AuditNeed] = {
    **{code: AuditNeed(setting=f"<{name}>", location=_CONFIG) for code, name in _ELEMENTS.items()},
    **{code: AuditNeed(setting="Sysmon", note="Logged with any configuration.") for code in ("4", "16", "255")},
}

# --------------------------------------------------------------------------- everything else

_ON = AuditNeed(setting="Nothing", note="The log is enabled by default.", is_default=True)
_OFF = AuditNeed(
    setting="The log itself", location="Event Viewer or `wevtutil sl … /e:true`", note="It is disabled by default."
)
_POLICY = "Group policy: Windows PowerShell"
_BLOCKS = AuditNeed(
    setting="Turn on PowerShell Script Block Logging",
    location=_POLICY,
    note="Without it, only suspicious script blocks are logged.",
)
_MODULES = AuditNeed(setting="Turn on Module Logging, for the modules `*`", location=_POLICY)
_CORE = "Group policy: PowerShell Core"

_CHANNELS: Mapping[str, Mapping[str, AuditNeed]] = {
    POWERSHELL.lower(): {"4104": _BLOCKS, "4103": _MODULES, ANY_CODE: _ON},
    POWERSHELL_CORE.lower(): {
        "4104": AuditNeed(
            setting=_BLOCKS.setting, location=_CORE, note="PowerShell 7 registers its log when it is installed."
        ),
        "4103": AuditNeed(
            setting=_MODULES.setting, location=_CORE, note="PowerShell 7 registers its log when it is installed."
        ),
        ANY_CODE: AuditNeed(setting="PowerShell 7", note="It registers its log when it is installed."),
    },
    POWERSHELL_CLASSIC.lower(): {"800": _MODULES, ANY_CODE: _ON},
    **{
        channel.lower(): {ANY_CODE: _ON}
        for channel in (
            "Application",
            "System",
            "Setup",
            "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
            "Microsoft-Windows-Application-Experience/Program-Telemetry",
            "Microsoft-Windows-AppModel-Runtime/Admin",
            "Microsoft-Windows-AppXDeploymentServer/Operational",
            "Microsoft-Windows-AppxPackaging/Operational",
            "Microsoft-Windows-BitLocker/BitLocker Management",
            "Microsoft-Windows-Bits-Client/Operational",
            "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
            "Microsoft-Windows-CodeIntegrity/Operational",
            "Microsoft-Windows-Diagnosis-Scripted/Operational",
            "Microsoft-Windows-Kernel-EventTracing",
            "Microsoft-Windows-Kernel-EventTracing/Admin",
            "Microsoft-Windows-Ntfs/Operational",
            "Microsoft-Windows-PrintService/Admin",
            "Microsoft-Windows-Security-Mitigations/Kernel Mode",
            "Microsoft-Windows-Security-Mitigations/KernelMode",
            "Microsoft-Windows-Security-Mitigations/User Mode",
            "Microsoft-Windows-Security-Mitigations/UserMode",
            "Microsoft-Windows-Shell-Core/Operational",
            "Microsoft-Windows-SmbClient/Connectivity",
            "Microsoft-Windows-SmbClient/Security",
            "Microsoft-Windows-SMBServer/Connectivity",
            "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
            "Microsoft-Windows-VHDMP-Operational",
            "Microsoft-Windows-VHDMP/Operational",
            "Microsoft-Windows-Windows Defender/Operational",
            "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
            "Microsoft-Windows-WinRM/Operational",
            "Microsoft-Windows-WMI-Activity/Operational",
        )
    },
    **{
        channel.lower(): {ANY_CODE: _OFF}
        for channel in (
            "Microsoft-IIS-Configuration/Operational",
            "Microsoft-Windows-CAPI2/Operational",
            "Microsoft-Windows-DNS Client Events/Operational",
            "Microsoft-Windows-DNS-Client/Operational",
            "Microsoft-Windows-DNS-Server/Analytical",
            "Microsoft-Windows-DNSServer/Analytical",
            "Microsoft-Windows-DriverFrameworks-UserMode/Operational",
            "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
            "Microsoft-Windows-LDAP-Client/Debug",
            "Microsoft-Windows-PrintService/Operational",
            "Microsoft-Windows-TaskScheduler/Operational",
        )
    },
    **{
        channel.lower(): {
            ANY_CODE: AuditNeed(setting="AppLocker rules, enforced or audited", location="Group policy: AppLocker")
        }
        for channel in (
            "Microsoft-Windows-AppLocker/EXE and DLL",
            "Microsoft-Windows-AppLocker/MSI and Script",
            "Microsoft-Windows-AppLocker/Packaged app-Deployment",
            "Microsoft-Windows-AppLocker/Packaged app-Execution",
        )
    },
    "microsoft-windows-ntlm/operational": {
        ANY_CODE: AuditNeed(
            setting="Restrict NTLM: Audit …", location="Security options", note="Each event has its own setting."
        )
    },
    "microsoft-windows-lsa/operational": {
        ANY_CODE: AuditNeed(setting="LSA protection, at least in audit mode", location="Registry")
    },
    "msexchange management": {ANY_CODE: AuditNeed(setting="Exchange Server", note="It writes the log by itself.")},
    "openssh/operational": {ANY_CODE: AuditNeed(setting="OpenSSH Server", note="It writes the log by itself.")},
    "dns server": {ANY_CODE: AuditNeed(setting="The DNS Server role", note="It writes the log by itself.")},
    **{
        channel.lower(): {ANY_CODE: AuditNeed(setting="The DNS Server role", note="On by default there.")}
        for channel in ("Microsoft-Windows-DNS-Server/Audit", "Microsoft-Windows-DNSServer/Audit")
    },
    "microsoft-windows-dhcp-server/operational": {
        ANY_CODE: AuditNeed(setting="The DHCP Server role", note="On by default there.")
    },
    **{
        channel.lower(): {ANY_CODE: AuditNeed(setting="The Hyper-V role", note="On by default there.")}
        for channel in (
            "Microsoft-Windows-Hyper-V-Worker",
            "Microsoft-Windows-Hyper-V-Worker-Admin",
            "Microsoft-Windows-Hyper-V-Worker-Operational",
        )
    },
    "microsoft-windows-sense/operational": {
        ANY_CODE: AuditNeed(setting="Defender for Endpoint", note="On by default there.")
    },
}
