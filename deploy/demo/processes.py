"""Processes that start, as Sysmon and as the Security log tell of them."""
# ruff: noqa: INP001 - scripts beside their data, no package

from __future__ import annotations

from dataclasses import dataclass

from windows_events import DOMAIN_SID, SECURITY, SYSTEM, Event, Kind, Seen, document, hashes, rendered, subject, sysmon

SYSTEM32 = "C:\\Windows\\System32\\"
SVCHOST = f"{SYSTEM32}svchost.exe"
SERVICES_EXE = f"{SYSTEM32}services.exe"
EXPLORER = "C:\\Windows\\explorer.exe"
BROWSER = "C:\\Program Files\\Mozilla Firefox\\firefox.exe"
POWERSHELL_EXE = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
DEFENDER = "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.26090.11-0\\MsMpEng.exe"
AGENT = "C:\\Program Files\\Example Backup\\agent.exe"
_NOBODY = {"Security ID": "S-1-0-0", "Account Name": "-", "Account Domain": "-", "Logon ID": "0x0"}


@dataclass(frozen=True, slots=True)
class Process:
    """A program that is started."""

    image: str
    command_line: str
    parent: str
    user: str = "CORP\\jdoe"
    original: str = ""  # the name in the file's resources where it is not that of the file
    parent_command_line: str = ""

    @property
    def name(self) -> str:
        """The name of the program's file."""
        return self.image.rsplit("\\", 1)[-1]

    @property
    def is_system(self) -> bool:
        """Whether the system itself runs it."""
        return self.user == SYSTEM


def process_created(seen: Seen, process: Process) -> Event:
    """Make Sysmon 1."""
    account = process.user.split("\\")[1]
    return sysmon(
        seen,
        "1",
        {
            "ProcessGuid": seen.guid(process.command_line),
            "ProcessId": seen.number(process.command_line),
            "Image": process.image,
            "FileVersion": "10.0.20348.1 (WinBuild.160101.0800)",
            "Description": process.name.removesuffix(".exe"),
            "Product": "Microsoft® Windows® Operating System",
            "Company": "Microsoft Corporation",
            "OriginalFileName": process.original or process.name,
            "CommandLine": process.command_line,
            "CurrentDirectory": "C:\\Windows\\system32\\" if process.is_system else f"C:\\Users\\{account}\\",
            "User": process.user,
            "LogonGuid": seen.guid(process.user),
            "LogonId": "0x3e7" if process.is_system else "0x6f3a1c",
            "TerminalSessionId": "0" if process.is_system else "2",
            "IntegrityLevel": "System" if process.is_system else "Medium",
            "Hashes": hashes(process.image),
            "ParentProcessGuid": seen.guid(process.parent),
            "ParentProcessId": seen.number(process.parent),
            "ParentImage": process.parent,
            "ParentCommandLine": process.parent_command_line or process.parent,
            "ParentUser": process.user,
        },
    )


def process_audited(seen: Seen, process: Process) -> Event:
    """Make Security 4688."""
    data = _who(seen, process) | {
        "NewProcessId": hex(int(seen.number(process.command_line))),
        "NewProcessName": process.image,
        "TokenElevationType": "%%1936" if process.is_system else "%%1937",
        "ProcessId": hex(int(seen.number(process.parent))),
        "CommandLine": process.command_line,
        "TargetUserSid": "S-1-0-0",
        "TargetUserName": "-",
        "TargetDomainName": "-",
        "TargetLogonId": "0x0",
        "ParentProcessName": process.parent,
        "MandatoryLabel": "S-1-16-16384" if process.is_system else "S-1-16-12288",
    }
    labels = {
        "New Process ID": "NewProcessId",
        "New Process Name": "NewProcessName",
        "Token Elevation Type": "TokenElevationType",
        "Mandatory Label": "MandatoryLabel",
        "Creator Process ID": "ProcessId",
        "Creator Process Name": "ParentProcessName",
        "Process Command Line": "CommandLine",
    }
    what = ("Process Information", {label: data[name] for label, name in labels.items()})
    by = subject(data, "Creator Subject")
    text = rendered("A new process has been created.", by, ("Target Subject", _NOBODY), what)
    return document(Kind(SECURITY, "4688", "Process Creation", 2), seen, data, text)


def _who(seen: Seen, process: Process) -> dict[str, str]:
    domain, name = process.user.split("\\")
    return {
        "SubjectUserSid": "S-1-5-18" if process.is_system else f"{DOMAIN_SID}-1108",
        "SubjectUserName": f"{seen.short}$" if process.is_system else name,
        "SubjectDomainName": "CORP" if process.is_system else domain,
        "SubjectLogonId": "0x3e7" if process.is_system else "0x6f3a1c",
    }


PROCESSES = (
    Process(SVCHOST, f"{SVCHOST} -k netsvcs -p -s wuauserv", SERVICES_EXE, SYSTEM),
    Process(SVCHOST, f"{SVCHOST} -k LocalService -p -s W32Time", SERVICES_EXE, SYSTEM),
    Process(f"{SYSTEM32}taskhostw.exe", "taskhostw.exe Install $(Arg0)", SVCHOST, SYSTEM),
    Process(
        f"{SYSTEM32}conhost.exe",
        "\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1",
        SYSTEM32 + "cmd.exe",
        SYSTEM,
    ),
    Process(f"{SYSTEM32}backgroundTaskHost.exe", "backgroundTaskHost.exe -ServerName:App.AppX", SVCHOST, "CORP\\jdoe"),
    Process(
        f"{SYSTEM32}notepad.exe", "notepad.exe C:\\Users\\asmith\\Documents\\minutes.txt", EXPLORER, "CORP\\asmith"
    ),
    Process(f"{SYSTEM32}ipconfig.exe", "ipconfig /all", f"{SYSTEM32}cmd.exe", "CORP\\adm.miller"),
    Process(f"{SYSTEM32}reg.exe", "reg query HKLM\\SOFTWARE\\Example /v Version", f"{SYSTEM32}cmd.exe", SYSTEM),
    Process(f"{SYSTEM32}certutil.exe", "certutil -store My", f"{SYSTEM32}cmd.exe", "CORP\\adm.miller"),
    Process(f"{SYSTEM32}inetsrv\\appcmd.exe", "appcmd.exe list site", f"{SYSTEM32}cmd.exe", "CORP\\adm.miller"),
    Process(f"{SYSTEM32}rundll32.exe", "rundll32.exe shell32.dll,Control_RunDLL desk.cpl", EXPLORER, "CORP\\jdoe"),
    Process(POWERSHELL_EXE, "powershell.exe -NonInteractive -File C:\\Scripts\\Get-DiskSpace.ps1", SVCHOST, SYSTEM),
    Process(BROWSER, f'"{BROWSER}" -contentproc -childID 14', BROWSER, "CORP\\jdoe"),
    Process(AGENT, f'"{AGENT}" --incremental D:\\Data', SERVICES_EXE, SYSTEM),
)
"""What runs on a quiet day."""
