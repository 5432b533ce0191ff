"""Values that Winlogbeat's modules took apart, put together again as Windows wrote them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Parts = Mapping[str, tuple[str, ...]]
Make = Callable[[Parts], tuple[str, ...]]

_HASH_NAMES = (("sha1", "SHA1"), ("md5", "MD5"), ("sha256", "SHA256"))
INVOCATION = tuple(
    f"powershell.command.invocation_details.{part}" for part in ("type", "related_command", "name", "value")
)
_CONTEXT: Mapping[str, str] = {
    "Host Name": "process.title",
    "Host Version": "powershell.process.executable_version",
    "Host ID": "process.entity_id",
    "Host Application": "process.command_line",
    "Engine Version": "powershell.engine.version",
    "Runspace ID": "powershell.runspace_id",
    "Pipeline ID": "powershell.pipeline_id",
    "Command Name": "powershell.command.name",
    "Command Type": "powershell.command.type",
    "Script Name": "file.path",
    "Command Path": "powershell.command.path",
    "Shell ID": "powershell.id",
}
CONTEXT = (*_CONTEXT.values(), "user.domain", "user.name")
_DNS = {"SUCCESS": "0"}
_DNS_NUMBER = re.compile(r"\d+")


def upper(path: str) -> Make:
    """Make a maker of the path's values in capitals, as Sysmon writes hashes."""
    return lambda parts: tuple(value.upper() for value in parts.get(path, ()))


def hashes(group: str) -> Make:
    """Make a maker of Sysmon's hash list: `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`."""

    def make(parts: Parts) -> tuple[str, ...]:
        listed = [(label, parts.get(f"{group}.hash.{name}", ())) for name, label in _HASH_NAMES]
        listed.append(("IMPHASH", parts.get(f"{group}.pe.imphash", ())))
        text = ",".join(f"{label}={values[0].upper()}" for label, values in listed if values)
        return (text,) if text else ()

    return make


def hash_named(name: str) -> Make:
    """Make a maker of one hash out of the hash list."""
    wanted = f"{name}="

    def make(parts: Parts) -> tuple[str, ...]:
        listed = (entry for text in parts.get("winlog.event_data.Hashes", ()) for entry in text.split(","))
        return tuple(entry[len(wanted) :] for entry in listed if entry.upper().startswith(wanted))

    return make


def registry_details(parts: Parts) -> tuple[str, ...]:
    """Make `Details` as Sysmon writes it, `DWORD (0x00000001)` for numbers."""
    values = parts.get("registry.data.strings", ())
    kind = (parts.get("registry.data.type", ()) or ("",))[0]
    if kind == "SZ_DWORD":
        return tuple(f"DWORD (0x{int(value):08x})" if value.isdigit() else value for value in values)
    if kind == "SZ_QWORD":
        # the module adds the halves after a shift by eight bits; the low half wins where it is ambiguous
        return tuple(_qword(int(value)) if value.isdigit() else value for value in values)
    return values


def _qword(value: int) -> str:
    high, low = (0, value) if value < 1 << 32 else divmod(value, 1 << 8)
    return f"QWORD (0x{high & 0xFFFFFFFF:08x}-0x{low & 0xFFFFFFFF:08x})"


def domain_user(parts: Parts) -> tuple[str, ...]:
    r"""Make `DOMAIN\name`."""
    name = parts.get("user.name", ())
    domain = parts.get("user.domain", ())
    if not name and not domain:
        return ()
    return ("\\".join(("".join(domain[:1]), "".join(name[:1]))),)


def initiated(parts: Parts) -> tuple[str, ...]:
    """Make `true` for a connection that the process opened, `false` for one that it took."""
    named = {"egress": "true", "ingress": "false", "outbound": "true", "inbound": "false"}
    return tuple(named[value] for value in parts.get("network.direction", ()) if value in named)


def is_ipv6(parts: Parts) -> tuple[str, ...]:
    """Make `true` or `false` from the network's type."""
    named = {"ipv6": "true", "ipv4": "false"}
    return tuple(named[value] for value in parts.get("network.type", ()) if value in named)


def dns_status(parts: Parts) -> tuple[str, ...]:
    """Make the number of a DNS status from its name where it is known, else the name."""
    return tuple(_DNS.get(value, value) for value in parts.get("sysmon.dns.status", ()))


def dns_results(parts: Parts) -> tuple[str, ...]:
    """Make Sysmon's answer list: `type:  5 name;::ffff:address;`."""
    data = parts.get("dns.answers.data", ())
    kinds = parts.get("dns.answers.type", ())
    if not data:
        return ()
    numbers = {"CNAME": "5", "NS": "2", "PTR": "12", "MX": "15", "TXT": "16", "SOA": "6", "SRV": "33"}
    padded = (*kinds, *("",) * max(0, len(data) - len(kinds)))
    made = []
    for value, kind in zip(data, padded, strict=False):
        if kind == "A":
            made.append(f"::ffff:{value};")
        elif kind in numbers:
            made.append(f"type:  {numbers[kind]} {value};")
        else:
            made.append(f"{value};")
    return ("".join(made),)


def utc_time(parts: Parts) -> tuple[str, ...]:
    """Make Sysmon's `2020-01-31 10:20:30.400` from the timestamp."""
    return tuple(value.replace("T", " ").removesuffix("Z") for value in parts.get("@timestamp", ()))


def hexadecimal(parts: Parts) -> tuple[str, ...]:
    """Make the hexadecimal form in which the Security log writes process ids."""
    return tuple(hex(int(value)) for value in parts.get("process.pid", ()) if value.isdigit())


def line_value(name: str, paths: tuple[str, ...]) -> Make:
    """Make a maker of the values behind `name=` at a line's start, as the classic PowerShell log writes them."""
    line = re.compile(rf"^[ \t]*{re.escape(name)}=(.*?)[ \t\r]*$", re.MULTILINE)

    def make(parts: Parts) -> tuple[str, ...]:
        texts = (text for path in paths for text in parts.get(path, ()))
        return tuple(found for text in texts for found in line.findall(text) if found)

    return make


def invocation(parts: Parts) -> tuple[str, ...]:
    """Make the text of a module log's payload: `CommandInvocation(…): "…"` lines."""
    kinds, commands, names, values = (parts.get(path, ()) for path in INVOCATION)
    if not values and not kinds:
        return ()
    lines = []
    name = iter(names)
    for number, value in enumerate(values):
        kind = kinds[number] if number < len(kinds) else ""
        command = commands[number] if number < len(commands) else ""
        text = f'name="{next(name, "").strip(chr(34))}"; value={value}' if kind == "ParameterBinding" else value
        lines.append(f"{kind}({command}): {text}" if kind else text)
    return ("\n".join(lines),)


def context_info(parts: Parts) -> tuple[str, ...]:
    """Make the text of a module log's context: `Host Application = …` lines."""
    lines = [f"        {label} = {parts[path][0]}" for label, path in _CONTEXT.items() if parts.get(path)]
    user = domain_user(parts)
    if user:
        lines.append(f"        User = {user[0]}")
    return ("\n".join(lines),) if lines else ()
