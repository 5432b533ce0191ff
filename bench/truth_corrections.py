"""Pairs of rule and event that the shared truth table lacks, each with the field of the event that proves it.

The table was computed from the data of events alone: System fields other than its own list count as absent there. The
rules below ask for `Version: 2` (`4688` names the parent process since that version); the events hold
`winlog.version: 2` and meet the other items too. So far no pair of the table had to be removed. Services whose channel
the table names differently, and events about another event, have no events in the shared sets.
"""

from __future__ import annotations

_LATERAL = "mdecrevoisier/TA0008-Lateral Movement"
_EXECUTION = "mdecrevoisier/TA0002-Execution"
_PSEXEC = "T1021.002-SMB Windows Admin Shares/ID4688,4697,5140-5145 PSexec remote execution + admin share.evtx"
_DCOM = "T1021.003-Distributed Component Object Model (DCOM)/ID4688,4674-DCOMexec process spawned.evtx"
_EDGE = "T1204-User execution/ID4688-Edge payload download via command.evtx"
_WMI = "otrf/atomic/windows/lateral_movement/host"
_METHOD = "empire_wmi_dcerpc_wmi_IWbemServices_ExecMethod"
_RULES = "mdecrevoisier"

VERSION_2 = (
    (f"{_RULES}/windows-os/win-os-PSexec installation.yaml", f"{_LATERAL}/{_PSEXEC}", 21),
    (f"{_RULES}/windows-os/win-os-DCOMexec abuse via MMC (command).yaml", f"{_LATERAL}/{_DCOM}", 5),
    (
        f"{_RULES}/windows-browser/win-browser-Edge abuse to download payload via console.yaml",
        f"{_EXECUTION}/{_EDGE}",
        1,
    ),
    (
        f"{_RULES}/windows-os/win-os-WMI spawning PowerShell process - WMImplant (process).yaml",
        f"{_WMI}/{_METHOD}.zip!{_METHOD}_2020-09-21001437.json",
        552,
    ),
)
"""Rules on `Version: 2` with an event of that version: rule, file, and number of the event in it."""


def corrected(rule: str) -> frozenset[tuple[str, int]]:
    """Return the events that a rule matches besides those of the table."""
    return frozenset((file, number) for path, file, number in VERSION_2 if path == rule)
