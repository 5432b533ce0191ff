"""What Winlogbeat's modules lose of a field's values for good; `docs/modules-shape.md` counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.taxonomy.logsources import POWERSHELL, POWERSHELL_CLASSIC, SECURITY, SYSMON, EventClass


@dataclass(frozen=True, slots=True, kw_only=True)
class LostValue:
    """What happens to some values of a field in the events of one channel."""

    channel: str
    codes: tuple[str, ...]
    what: str  # a part of a sentence about the field's values
    instead: str  # what a rule should ask for

    def touches(self, where: EventClass) -> bool:
        """Tell whether some event of that kind may have lost the value."""
        if where.non_windows or (where.channel or self.channel).lower() != self.channel.lower():
            return False
        return not where.codes or any(code in self.codes for code in where.codes)


_HASHED = ("1", "6", "7", "15", "23", "24", "25", "26", "27", "28", "29")
_NO_HASH = LostValue(channel=SYSMON, codes=_HASHED, what="a hash of zeros, or `Unknown`, is dropped", instead="`null`")
_CUT = LostValue(
    channel=POWERSHELL_CLASSIC,
    codes=("800",),
    what="white space around a command line is cut",
    instead="`contains`",
)
_ERROR = LostValue(
    channel=POWERSHELL,
    codes=("4100",),
    what="the whole value of event 4100 is deleted",
    instead="a rule on 4103 or 4104",
)
_PORT = LostValue(
    channel=SYSMON,
    codes=("3",),
    what="source and destination share one place, and the first wins",
    instead="the port's number",
)

LOSSES: Mapping[str, tuple[LostValue, ...]] = {
    "Archived": (
        LostValue(
            channel=SYSMON, codes=("23",), what="other texts than `true` and `false` are dropped", instead="`null`"
        ),
    ),
    "ContextInfo": (
        LostValue(
            channel=POWERSHELL,
            codes=("4103",),
            what="white space at the end of a line is cut, and of a value of several lines the first alone is kept",
            instead="`contains`",
        ),
        _ERROR,
    ),
    "Payload": (_ERROR,),
    "Details": (
        LostValue(
            channel=SYSMON,
            codes=("12", "13", "14"),
            what="a QWORD of 2³² and above is ambiguous",
            instead="`startswith: QWORD`",
        ),
    ),
    "Hashes": (_NO_HASH,),
    "Hash": (_NO_HASH,),
    "IpAddress": (
        LostValue(
            channel=SECURITY,
            codes=("4624", "4625", "4648", "4768", "4769", "4770", "4771", "5140", "5145"),
            what="the `::ffff:` before an IPv4 address is dropped",
            instead="`cidr`, which takes both for the same",
        ),
    ),
    "PrivilegeList": (
        LostValue(
            channel=SECURITY,
            codes=("4672", "4673", "4674", "4741", "4742", "4743"),
            what="the text becomes a list, each name of which is compared alone",
            instead="`contains` with one name",
        ),
    ),
    "QueryResults": (
        LostValue(
            channel=SYSMON,
            codes=("22",),
            what="addresses are written with `::ffff:` before them, which old versions of Sysmon did not",
            instead="`contains` with the address",
        ),
    ),
    "SourcePortName": (_PORT,),
    "DestinationPortName": (_PORT,),
    "User": (
        LostValue(
            channel=SYSMON,
            codes=tuple(map(str, range(1, 30))),
            what="a user without a domain is dropped",
            instead="`endswith` with the name",
        ),
    ),
    "param1": (_CUT,),
    "param2": (_CUT,),
}
