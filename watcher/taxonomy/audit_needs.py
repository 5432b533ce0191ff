"""What must be enabled so that Windows writes an event: audit policy, Sysmon configuration, disabled logs.

Sources: Microsoft's documentation of the advanced audit policy and of Sysmon, and each provider's event log settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

_SACL = "The object needs an audit entry (SACL) too."
_SECURITY = AuditNeed(setting="The audit policy of each event", location="Audit policy")

# category, subcategory, outcome, codes, further requirements
_AUDIT: tuple[tuple[str, str, str, str, str], ...] = (
    ("Account Logon", "Credential Validation", "success, failure", "4774 4775 4776 4777", ""),
    ("Account Logon", "Kerberos Authentication Service", "success, failure", "4768 4771 4772", "Domain controllers."),
    (
        "Account Logon",
        "Kerberos Service Ticket Operations",
        "success, failure",
        "4769 4770 4773",
        "Domain controllers.",
    ),
    (
        "Account Management",
        "Application Group Management",
        "success",
        "4783 4784 4785 4786 4787 4788 4789 4790 4791 4792",
        "",
    ),
    ("Account Management", "Computer Account Management", "success", "4741 4742 4743", "Domain controllers."),
    (
        "Account Management",
        "Distribution Group Management",
        "success",
        "4744 4745 4746 4747 4748 4749 4750 4751 4752 4753 4759 4760 4761 4762 4763",
        "Domain controllers.",
    ),
    ("Account Management", "Other Account Management Events", "success", "4782 4793", ""),
    (
        "Account Management",
        "Security Group Management",
        "success",
        "4727 4728 4729 4730 4731 4732 4733 4734 4735 4737 4754 4755 4756 4757 4758 4764 4799",
        "",
    ),
    (
        "Account Management",
        "User Account Management",
        "success, failure",
        "4720 4722 4723 4724 4725 4726 4738 4740 4765 4766 4767 4780 4781 4794 4798 5376 5377",
        "",
    ),
    ("Detailed Tracking", "DPAPI Activity", "success, failure", "4692 4693 4694 4695", ""),
    ("Detailed Tracking", "Plug and Play Events", "success", "6416 6419 6420 6421 6422 6423 6424", ""),
    (
        "Detailed Tracking",
        "Process Creation",
        "success",
        "4688 4696",
        "For command lines turn on `Include command line in process creation events` too.",
    ),
    ("Detailed Tracking", "Process Termination", "success", "4689", ""),
    ("Detailed Tracking", "RPC Events", "success", "5712", ""),
    ("Detailed Tracking", "Token Right Adjusted", "success", "4703", ""),
    (
        "DS Access",
        "Detailed Directory Service Replication",
        "success, failure",
        "4928 4929 4930 4931 4934 4935 4936 4937",
        "Domain controllers.",
    ),
    ("DS Access", "Directory Service Access", "success, failure", "4661 4662", f"Domain controllers. {_SACL}"),
    ("DS Access", "Directory Service Changes", "success", "5136 5137 5138 5139 5141", f"Domain controllers. {_SACL}"),
    ("DS Access", "Directory Service Replication", "success, failure", "4932 4933", "Domain controllers."),
    ("Logon/Logoff", "User / Device Claims", "success", "4626", ""),
    ("Logon/Logoff", "Group Membership", "success", "4627", ""),
    ("Logon/Logoff", "IPsec Main Mode", "success, failure", "4646 4650 4651 4652 4653 4655 4976 5049 5453", ""),
    ("Logon/Logoff", "Logoff", "success", "4634 4647", ""),
    ("Logon/Logoff", "Logon", "success, failure", "4624 4625 4648 4675", ""),
    (
        "Logon/Logoff",
        "Network Policy Server",
        "success, failure",
        "6272 6273 6274 6275 6276 6277 6278 6279 6280",
        "Servers with the NPS role.",
    ),
    (
        "Logon/Logoff",
        "Other Logon/Logoff Events",
        "success, failure",
        "4649 4778 4779 4800 4801 4802 4803 5378 5632 5633",
        "",
    ),
    ("Logon/Logoff", "Special Logon", "success", "4672 4964", ""),
    ("Object Access", "Application Generated", "success, failure", "4665 4666 4667 4668", ""),
    (
        "Object Access",
        "Certification Services",
        "success, failure",
        (
            "4868 4869 4870 4871 4872 4873 4874 4875 4876 4877 4878 4879 4880 4881 4882 4883 4884 4885 4886 4887 4888 "
            "4889 4890 4891 4892 4893 4894 4895 4896 4897 4898 4899 4900 5120"
        ),
        "Certification authorities, with auditing on in the authority's own properties.",
    ),
    ("Object Access", "Detailed File Share", "success, failure", "5145", "Many events on file servers."),
    ("Object Access", "File Share", "success, failure", "5140 5142 5143 5144 5168", ""),
    (
        "Object Access",
        "Filtering Platform Connection",
        "success, failure",
        "5031 5150 5151 5154 5155 5156 5157 5158 5159",
        "",
    ),
    ("Object Access", "Filtering Platform Packet Drop", "success, failure", "5152 5153", ""),
    ("Object Access", "Handle Manipulation", "success", "4658 4690", _SACL),
    ("Object Access", "File System, Registry, Kernel Object or SAM", "success, failure", "4656 4660 4663", _SACL),
    ("Object Access", "Registry", "success", "4657 5039", _SACL),
    ("Object Access", "File System", "success, failure", "4664 4985 5051", _SACL),
    (
        "Object Access",
        "Other Object Access Events",
        "success, failure",
        "4671 4691 4698 4699 4700 4701 4702 5148 5149 5888 5889 5890",
        "",
    ),
    ("Policy Change", "Audit Policy Change", "success", "4715 4719 4817 4902 4904 4905 4906 4907 4908 4912", ""),
    (
        "Policy Change",
        "Authentication Policy Change",
        "success",
        "4706 4707 4713 4716 4717 4718 4739 4864 4865 4866 4867",
        "",
    ),
    ("Policy Change", "Authorization Policy Change", "success", "4670 4704 4705 4911 4913", ""),
    (
        "Policy Change",
        "Filtering Platform Policy Change",
        "success, failure",
        "4709 4710 4711 4712 5040 5041 5042 5043 5044 5045 5046 5047 5048 5440 5441 5442 5443 5444 5446 5448 5449 5450",
        "",
    ),
    (
        "Policy Change",
        "MPSSVC Rule-Level Policy Change",
        "success, failure",
        "4944 4945 4946 4947 4948 4949 4950 4951 4952 4953 4954 4956 4957 4958",
        "",
    ),
    (
        "Policy Change",
        "Other Policy Change Events",
        "success, failure",
        "4714 4819 4826 4909 4910 5063 5064 5065 5066 5067 5068 5069 5070 5447 6144 6145",
        "",
    ),
    ("Privilege Use", "Sensitive Privilege Use", "success, failure", "4673 4674", "Many events."),
    ("System", "IPsec Driver", "success, failure", "4960 4961 4962 4963 4965 5478 5479 5480 5483 5484 5485", ""),
    (
        "System",
        "Other System Events",
        "success, failure",
        (
            "5024 5025 5027 5028 5029 5030 5032 5033 5034 5035 5037 5058 5059 6400 6401 6402 6403 6404 6405 6406 6407 "
            "6408 6409"
        ),
        "",
    ),
    ("System", "Security State Change", "success", "4608 4616 4621", ""),
    ("System", "Security System Extension", "success", "4610 4611 4614 4622 4697", ""),
    (
        "System",
        "System Integrity",
        "success, failure",
        "4612 4615 4618 4816 5038 5056 5057 5060 5061 5062 6281 6410",
        "",
    ),
)

_SECURITY_CODES: Mapping[str, AuditNeed] = {
    **{
        code: AuditNeed(setting=f"{name}, {outcome}", location=f"Audit policy: {category}", note=note)
        for category, name, outcome, codes, note in _AUDIT
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
    **{code: AuditNeed(setting="Sysmon", note="Written whatever its configuration.") for code in ("4", "16", "255")},
}

# --------------------------------------------------------------------------- everything else

_ON = AuditNeed(setting="Nothing", note="The log is on in a Windows as it comes.", is_default=True)
_OFF = AuditNeed(
    setting="The log itself", location="Event Viewer or `wevtutil sl … /e:true`", note="It is off by default."
)
_POLICY = "Group policy: Windows PowerShell"
_BLOCKS = AuditNeed(
    setting="Turn on PowerShell Script Block Logging",
    location=_POLICY,
    note="Without it only what looks suspicious is written.",
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
            "Microsoft-Windows-AppModel-Runtime/Admin",
            "Microsoft-Windows-AppXDeploymentServer/Operational",
            "Microsoft-Windows-AppxPackaging/Operational",
            "Microsoft-Windows-BitLocker/BitLocker Management",
            "Microsoft-Windows-Bits-Client/Operational",
            "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
            "Microsoft-Windows-CodeIntegrity/Operational",
            "Microsoft-Windows-Diagnosis-Scripted/Operational",
            "Microsoft-Windows-Ntfs/Operational",
            "Microsoft-Windows-PrintService/Admin",
            "Microsoft-Windows-Security-Mitigations/Kernel Mode",
            "Microsoft-Windows-Security-Mitigations/User Mode",
            "Microsoft-Windows-Shell-Core/Operational",
            "Microsoft-Windows-SmbClient/Connectivity",
            "Microsoft-Windows-SmbClient/Security",
            "Microsoft-Windows-SMBServer/Connectivity",
            "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
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
            "Microsoft-Windows-DNS-Server/Analytical",
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
    "microsoft-windows-dns-server/audit": {
        ANY_CODE: AuditNeed(setting="The DNS Server role", note="On by default there.")
    },
    "microsoft-windows-dhcp-server/operational": {
        ANY_CODE: AuditNeed(setting="The DHCP Server role", note="On by default there.")
    },
    "microsoft-windows-hyper-v-worker": {ANY_CODE: AuditNeed(setting="The Hyper-V role", note="On by default there.")},
    "microsoft-windows-sense/operational": {
        ANY_CODE: AuditNeed(setting="Defender for Endpoint", note="On by default there.")
    },
}
