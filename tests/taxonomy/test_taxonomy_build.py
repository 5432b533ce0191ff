"""Values that the modules took apart, as Windows wrote them."""

from __future__ import annotations

import pytest

from watcher.taxonomy import build, shell
from watcher.taxonomy.build import Make, Parts

SHA1, MD5, SHA256 = "a" * 40, "b" * 32, "c" * 64


@pytest.mark.parametrize(
    ("make", "parts", "made"),
    [
        # hash lists: in Sysmon's order, in capitals, without what is missing
        (
            build.hashes("process"),
            {"process.hash.md5": ("bb",), "process.hash.sha1": ("aa",), "process.pe.imphash": ("cc",)},
            ("SHA1=AA,MD5=BB,IMPHASH=CC",),
        ),
        (build.hashes("file"), {"file.hash.sha256": ("ab",)}, ("SHA256=AB",)),
        (build.hashes("file"), {"process.hash.sha256": ("ab",)}, ()),  # of another group
        (
            build.related_hashes,
            {"related.hash": (SHA1, MD5, SHA256)},
            (f"SHA1={SHA1},MD5={MD5},SHA256={SHA256}".upper(),),
        ),
        (build.related_hashes, {"related.hash": (MD5, "d" * 32)}, (f"MD5={MD5},IMPHASH={'d' * 32}".upper(),)),
        (build.related_hashes, {"related.hash": ("odd",)}, ()),
        (build.hash_named("MD5"), {"winlog.event_data.Hashes": ("SHA1=AA,MD5=BB",)}, ("BB",)),
        (build.hash_named("IMPHASH"), {"winlog.event_data.Hashes": ("SHA1=AA,MD5=BB",)}, ()),
        (build.upper("a"), {"a": ("ab",)}, ("AB",)),
        (build.same("a"), {"a": ("ab",)}, ("ab",)),
        # registry values
        (
            build.registry_details,
            {"registry.data.strings": ("1",), "registry.data.type": ("SZ_DWORD",)},
            ("DWORD (0x00000001)",),
        ),
        (
            build.registry_details,
            {"registry.data.strings": ("4294967295",), "registry.data.type": ("SZ_DWORD",)},
            ("DWORD (0xffffffff)",),
        ),
        (
            build.registry_details,
            {"registry.data.strings": ("16",), "registry.data.type": ("SZ_QWORD",)},
            ("QWORD (0x00000000-0x00000010)",),
        ),
        (build.registry_details, {"registry.data.strings": ("1",), "registry.data.type": ("REG_SZ",)}, ("1",)),
        (
            build.registry_details,
            {"registry.data.strings": ("Binary Data",), "registry.data.type": ("REG_BINARY",)},
            ("Binary Data",),
        ),
        (build.registry_details, {}, ()),
        # users
        (build.domain_user, {"user.domain": ("CORP",), "user.name": ("jdoe",)}, ("CORP\\jdoe",)),
        (build.domain_user, {"user.name": ("jdoe",)}, ("\\jdoe",)),
        (build.domain_user, {}, ()),
        # the network
        (build.initiated, {"network.direction": ("egress",)}, ("true",)),
        (build.initiated, {"network.direction": ("inbound",)}, ("false",)),
        (build.initiated, {"network.direction": ("unknown",)}, ()),
        (build.is_ipv6, {"network.type": ("ipv6",)}, ("true",)),
        (build.is_ipv6, {"network.type": ("ipv4",)}, ("false",)),
        (build.dns_status, {"sysmon.dns.status": ("SUCCESS",)}, ("0",)),
        (build.dns_status, {"sysmon.dns.status": ("DNS_ERROR_RCODE_NAME_ERROR",)}, ("9003",)),
        (build.dns_status, {"sysmon.dns.status": ("4242",)}, ("4242",)),
        (
            build.dns_results,
            {"dns.answers.type": ("CNAME", "A"), "dns.answers.data": ("a.example", "192.0.2.1")},
            ("type:  5 a.example;::ffff:192.0.2.1;",),
        ),
        (build.dns_results, {"dns.answers.type": ("AAAA",), "dns.answers.data": ("2001:db8::1",)}, ("2001:db8::1;",)),
        # times, numbers, levels
        (build.utc_time, {"@timestamp": ("2026-11-23T14:05:06.789Z",)}, ("2026-11-23 14:05:06.789",)),
        (build.hexadecimal, {"process.pid": ("500",)}, ("0x1f4",)),
        (build.LEVEL.make, {"log.level": ("error",)}, ("error", "2")),
        (build.LEVEL.make, {"log.level": ("strange",)}, ("strange",)),
        # the classic PowerShell log
        (
            shell.line("HostApplication").make,
            {"winlog.event_data.param3": ("\tHostName=x\r\n\tHostApplication=a=b c\n",)},
            ("a=b c",),
        ),
        (shell.line("HostName").make, {"winlog.event_data.param3": ("\tMyHostName=x\n\tHostName=\n",)}, ()),
        (shell.line("CommandLine").make, {"winlog.event_data.param2": ("\tCommandLine=\t\tiex\n",)}, ("iex",)),
        (shell.CONTEXT.make, {"log.level": ("information",)}, ()),  # nothing of it is there
    ],
)
def test_a_value_is_put_together_from_its_parts(make: Make, parts: Parts, made: tuple[str, ...]) -> None:
    assert make(parts) == made


def test_the_context_of_a_module_log_has_its_lines_in_order() -> None:
    (text,) = shell.CONTEXT.make(
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
    (text,) = shell.ENGINE_LINES.make(
        {"powershell.engine.new_state": ("Available",), "event.sequence": ("13",), "process.command_line": ("a",)}
    )
    assert text.startswith("\tNewEngineState=Available\n\tPreviousEngineState=\n\n\tSequenceNumber=13\n\n\tHostName=\n")
    assert text.endswith("\n\tCommandLine=")
    assert "\n\tHostApplication=a\n" in text
