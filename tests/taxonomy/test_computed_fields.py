"""Values that the modules split, as Windows wrote them."""

from __future__ import annotations

import pytest

from watcher.taxonomy import computed_fields, powershell_lines
from watcher.taxonomy.computed_fields import Compute, Parts
from watcher.taxonomy.system_fields import COMPUTED_SYSTEM_FIELDS

SHA1, MD5, SHA256 = "a" * 40, "b" * 32, "c" * 64


@pytest.mark.parametrize(
    ("compute", "parts", "expected"),
    [
        # hash lists: in Sysmon's order, in capitals, without what is missing
        (
            computed_fields.hashes("process"),
            {"process.hash.md5": ("bb",), "process.hash.sha1": ("aa",), "process.pe.imphash": ("cc",)},
            ("SHA1=AA,MD5=BB,IMPHASH=CC",),
        ),
        (computed_fields.hashes("file"), {"file.hash.sha256": ("ab",)}, ("SHA256=AB",)),
        (computed_fields.hashes("file"), {"process.hash.sha256": ("ab",)}, ()),  # of another group
        (
            computed_fields.related_hashes,
            {"related.hash": (SHA1, MD5, SHA256)},
            (f"SHA1={SHA1},MD5={MD5},SHA256={SHA256}".upper(),),
        ),
        (computed_fields.related_hashes, {"related.hash": (MD5, "d" * 32)}, (f"MD5={MD5},IMPHASH={'d' * 32}".upper(),)),
        (computed_fields.related_hashes, {"related.hash": ("odd",)}, ()),
        (computed_fields.hash_named("MD5"), {"winlog.event_data.Hashes": ("SHA1=AA,MD5=BB",)}, ("BB",)),
        (computed_fields.hash_named("IMPHASH"), {"winlog.event_data.Hashes": ("SHA1=AA,MD5=BB",)}, ()),
        (computed_fields.upper("a"), {"a": ("ab",)}, ("AB",)),
        (computed_fields.same("a"), {"a": ("ab",)}, ("ab",)),
        # registry values
        (
            computed_fields.registry_details,
            {"registry.data.strings": ("1",), "registry.data.type": ("SZ_DWORD",)},
            ("DWORD (0x00000001)",),
        ),
        (
            computed_fields.registry_details,
            {"registry.data.strings": ("4294967295",), "registry.data.type": ("SZ_DWORD",)},
            ("DWORD (0xffffffff)",),
        ),
        (
            computed_fields.registry_details,
            {"registry.data.strings": ("16",), "registry.data.type": ("SZ_QWORD",)},
            ("QWORD (0x00000000-0x00000010)",),
        ),
        (
            computed_fields.registry_details,
            {"registry.data.strings": ("1",), "registry.data.type": ("REG_SZ",)},
            ("1",),
        ),
        (
            computed_fields.registry_details,
            {"registry.data.strings": ("Binary Data",), "registry.data.type": ("REG_BINARY",)},
            ("Binary Data",),
        ),
        (computed_fields.registry_details, {}, ()),
        # users
        (computed_fields.domain_user, {"user.domain": ("CORP",), "user.name": ("jdoe",)}, ("CORP\\jdoe",)),
        (computed_fields.domain_user, {"user.name": ("jdoe",)}, ("\\jdoe",)),
        (computed_fields.domain_user, {}, ()),
        # the network
        (computed_fields.initiated, {"network.direction": ("egress",)}, ("true",)),
        (computed_fields.initiated, {"network.direction": ("inbound",)}, ("false",)),
        (computed_fields.initiated, {"network.direction": ("unknown",)}, ()),
        (computed_fields.is_ipv6, {"network.type": ("ipv6",)}, ("true",)),
        (computed_fields.is_ipv6, {"network.type": ("ipv4",)}, ("false",)),
        (computed_fields.dns_status, {"sysmon.dns.status": ("SUCCESS",)}, ("0",)),
        (computed_fields.dns_status, {"sysmon.dns.status": ("DNS_ERROR_RCODE_NAME_ERROR",)}, ("9003",)),
        (computed_fields.dns_status, {"sysmon.dns.status": ("4242",)}, ("4242",)),
        (
            computed_fields.dns_results,
            {"dns.answers.type": ("CNAME", "A"), "dns.answers.data": ("a.example", "192.0.2.1")},
            ("type:  5 a.example;::ffff:192.0.2.1;",),
        ),
        (
            computed_fields.dns_results,
            {"dns.answers.type": ("AAAA",), "dns.answers.data": ("2001:db8::1",)},
            ("2001:db8::1;",),
        ),
        # times, numbers, levels
        (computed_fields.utc_time, {"@timestamp": ("2026-11-23T14:05:06.789Z",)}, ("2026-11-23 14:05:06.789",)),
        (computed_fields.hexadecimal, {"process.pid": ("500",)}, ("0x1f4",)),
        (COMPUTED_SYSTEM_FIELDS["Level"].compute, {"log.level": ("error",)}, ("error", "2")),
        (COMPUTED_SYSTEM_FIELDS["Level"].compute, {"log.level": ("strange",)}, ("strange",)),
        # the classic PowerShell log
        (
            powershell_lines.line("HostApplication").compute,
            {"winlog.event_data.param3": ("\tHostName=x\r\n\tHostApplication=a=b c\n",)},
            ("a=b c",),
        ),
        (
            powershell_lines.line("HostName").compute,
            {"winlog.event_data.param3": ("\tMyHostName=x\n\tHostName=\n",)},
            (),
        ),
        (
            powershell_lines.line("CommandLine").compute,
            {"winlog.event_data.param2": ("\tCommandLine=\t\tiex\n",)},
            ("iex",),
        ),
        (powershell_lines.CONTEXT.compute, {"log.level": ("information",)}, ()),  # no part exists
    ],
)
def test_a_value_is_computed_from_its_parts(compute: Compute, parts: Parts, expected: tuple[str, ...]) -> None:
    assert compute(parts) == expected


def test_the_context_of_a_module_log_has_its_lines_in_order() -> None:
    (text,) = powershell_lines.CONTEXT.compute(
        {
            "process.title": ("ConsoleHost",),
            "process.command_line": ("powershell -enc x",),
            "powershell.engine.version": ("5.1",),
            "powershell.command.name": ("Out-Default",),
            "event.sequence": ("24",),
            "user.domain": ("CORP",),
            "user.name": ("jdoe",),
            "powershell.id": ("Microsoft.PowerShell",),
        }
    )
    assert [line.strip() for line in text.splitlines()] == [
        "Severity = Informational",
        "Host Name = ConsoleHost",
        "Host Version =",
        "Host ID =",
        "Host Application = powershell -enc x",
        "Engine Version = 5.1",
        "Runspace ID =",
        "Pipeline ID =",
        "Command Name = Out-Default",
        "Command Type =",
        "Script Name =",
        "Command Path =",
        "Sequence Number = 24",
        "User = CORP\\jdoe",
        "Connected User =",
        "Shell ID = Microsoft.PowerShell",
    ]


def test_the_lines_of_the_classic_log_have_their_blocks() -> None:
    (text,) = powershell_lines.ENGINE_LINES.compute(
        {"powershell.engine.new_state": ("Available",), "event.sequence": ("13",), "process.command_line": ("a",)}
    )
    assert text.startswith("\tNewEngineState=Available\n\tPreviousEngineState=\n\n\tSequenceNumber=13\n\n\tHostName=\n")
    assert text.endswith("\n\tCommandLine=")
    assert "\n\tHostApplication=a\n" in text
