"""Values that Winlogbeat's modules lose for good; `docs/modules-shape.md` counts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, SECURITY, SYSMON, EventClass


@dataclass(frozen=True, slots=True, kw_only=True)
class LostValue:
    """What is lost of some values of a field in the events of one channel."""

    channel: str
    codes: tuple[str, ...]
    loss: str  # part of a sentence about the field's values
    advice: str  # what a rule should test instead

    def applies_to(self, event_class: EventClass) -> bool:
        """Whether some event of a class may have lost the value."""
        if event_class.non_windows or (event_class.channel or self.channel).lower() != self.channel.lower():
            return False
        return not event_class.codes or any(code in self.codes for code in event_class.codes)


_HASHED = ("1", "6", "7", "15", "23", "24", "25", "26", "27", "28", "29")
_NO_HASH = LostValue(channel=SYSMON, codes=_HASHED, loss="a hash of zeros, or `Unknown`, is dropped", advice="`null`")
_CUT = LostValue(
    channel=POWERSHELL_CLASSIC,
    codes=("800",),
    loss="white space around a command line is cut",
    advice="`contains`",
)
_ERROR = LostValue(
    channel=POWERSHELL,
    codes=("4100",),
    loss="the value of event 4100 is deleted",
    advice="a rule on 4103 or 4104",
)
_PORT = LostValue(
    channel=SYSMON,
    codes=("3",),
    loss="source and destination share a field, and the first value wins",
    advice="the port's number",
)

LOST_VALUES: Mapping[str, tuple[LostValue, ...]] = {
    "Archived": (
        LostValue(
            channel=SYSMON, codes=("23",), loss="other texts than `true` and `false` are dropped", advice="`null`"
        ),
    ),
    "ContextInfo": (
        LostValue(
            channel=POWERSHELL,
            codes=("4103",),
            loss="white space at the end of a line is cut, and of a value of several lines the first alone is kept",
            advice="`contains`",
        ),
        _ERROR,
    ),
    "Payload": (_ERROR,),
    "Details": (
        LostValue(
            channel=SYSMON,
            codes=("12", "13", "14"),
            loss="a QWORD of 2³² and above is ambiguous",
            advice="`startswith: QWORD`",
        ),
    ),
    "Hashes": (_NO_HASH,),
    "Hash": (_NO_HASH,),
    "IpAddress": (
        LostValue(
            channel=SECURITY,
            codes=("4624", "4625", "4648", "4768", "4769", "4770", "4771", "5140", "5145"),
            loss="the `::ffff:` before an IPv4 address is dropped",
            advice="`cidr`, which takes both for the same",
        ),
    ),
    "PrivilegeList": (
        LostValue(
            channel=SECURITY,
            codes=("4672", "4673", "4674", "4741", "4742", "4743"),
            loss="the text becomes a list, each name of which is compared alone",
            advice="`contains` with one name",
        ),
    ),
    "QueryResults": (
        LostValue(
            channel=SYSMON,
            codes=("22",),
            loss="addresses are written with `::ffff:` before them, which old versions of Sysmon did not",
            advice="`contains` with the address",
        ),
    ),
    "SourcePortName": (_PORT,),
    "DestinationPortName": (_PORT,),
    "User": (
        LostValue(
            channel=SYSMON,
            codes=tuple(map(str, range(1, 30))),
            loss="a user without a domain is dropped",
            advice="`endswith` with the name",
        ),
    ),
    "param1": (_CUT,),
    "param2": (_CUT,),
}
