"""The values of a Sigma field, wherever Winlogbeat put them."""

from __future__ import annotations

from typing import Any

import pytest
from made_events import CLASSIC, POWERSHELL, SECURITY, SYSMON, event, moved

from watcher.match.event_view import EventView
from watcher.match.flat_event import values_at


@pytest.mark.parametrize(
    "document",
    [
        {"a": {"b": {"c": "x"}}},  # nested
        {"a.b.c": "x"},  # dotted
        {"a.b": {"c": "x"}},  # mixed
        {"a": {"b.c": "x"}},
        {"a": [{"b": {"c": "x"}}]},  # an array of objects
        {"a": {"b": [{"c": "x"}]}},
        {"a": {"b": {"c": ["x"]}}},  # an array of values
        {"a.b": [{"c": ["x"]}]},
        {"a": {"b": {"c": ["x", "", None]}}},  # empty ones are none
    ],
)
def test_a_path_is_found_however_it_is_spelt(document: dict[str, Any]) -> None:
    assert values_at(document, "a.b.c") == ("x",)
    assert EventView(document).at("a.b.c") == ("x",)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("x", ("x",)),
        (5, ("5",)),
        (5.0, ("5",)),
        (5.5, ("5.5",)),
        (True, ("true",)),
        (False, ("false",)),
        ("", ()),
        (None, ()),
        ([], ()),
        ({"deeper": 1}, ()),  # a map is no value
        ([["x"], "y"], ("x", "y")),  # arrays in arrays
    ],
)
def test_a_value_is_read_as_text(value: Any, texts: tuple[str, ...]) -> None:
    assert values_at({"a": {"b": value}}, "a.b") == texts
    assert EventView({"a": {"b": value}}).at("a.b") == texts


def test_arrays_of_objects_give_the_values_of_all() -> None:
    document = {"dns": {"answers": [{"data": "a"}, {"type": "A"}, {"data": ["b", "c"]}]}}
    assert values_at(document, "dns.answers.data") == ("a", "b", "c")


def test_spellings_beside_each_other_are_all_read() -> None:
    document = {"winlog": {"channel": "Security"}, "winlog.event_data": {"A": "1"}, "winlog.event_data.A": "2"}
    assert set(EventView(document).at("winlog.event_data.A")) == {"1", "2"}


# --------------------------------------------------------------------------- both shapes


@pytest.mark.parametrize(
    ("field", "raw", "modules", "expected"),
    [
        # Sysmon
        ("Image", event(Image="C:\\a.exe"), moved(process={"executable": "C:\\a.exe"}), "C:\\a.exe"),
        ("CommandLine", event(CommandLine="a -b"), moved(process={"command_line": "a -b"}), "a -b"),
        (
            "ParentImage",
            event(ParentImage="p"),
            moved(process={"executable": "c", "parent": {"executable": "p"}}),
            "p",
        ),
        (
            "Hashes",
            event(Hashes="SHA1=AA,MD5=BB,IMPHASH=CC"),
            moved(process={"hash": {"sha1": "aa", "md5": "bb"}, "pe": {"imphash": "cc"}}),
            "SHA1=AA,MD5=BB,IMPHASH=CC",
        ),
        (
            "Hashes",
            event(code="7", Hashes="SHA256=AA"),
            moved(code="7", file={"hash": {"sha256": "aa"}}),
            "SHA256=AA",
        ),
        ("md5", event(Hashes="MD5=AA"), moved(process={"hash": {"md5": "aa"}}), "AA"),
        ("Imphash", event(Hashes="MD5=BB,IMPHASH=AA"), moved(process={"pe": {"imphash": "aa"}}), "AA"),
        ("User", event(User="CORP\\jdoe"), moved(user={"domain": "CORP", "name": "jdoe"}), "CORP\\jdoe"),
        (
            "Details",
            event(code="13", Details="DWORD (0x00000001)"),
            moved(code="13", registry={"data": {"strings": ["1"], "type": "SZ_DWORD"}}),
            "DWORD (0x00000001)",
        ),
        (
            "Details",
            event(code="13", Details="QWORD (0x00000000-0x00000005)"),
            moved(code="13", registry={"data": {"strings": ["5"], "type": "SZ_QWORD"}}),
            "QWORD (0x00000000-0x00000005)",
        ),
        (
            "Details",
            event(code="13", Details="C:\\x"),
            moved(code="13", registry={"data": {"strings": ["C:\\x"], "type": "REG_SZ"}}),
            "C:\\x",
        ),
        (
            "TargetObject",
            event(code="13", TargetObject="HKLM\\x"),
            moved(code="13", registry={"path": "HKLM\\x"}),
            "HKLM\\x",
        ),
        (
            "Initiated",
            event(code="3", Initiated="true"),
            moved(code="3", network={"direction": "egress"}),
            "true",
        ),
        (
            "DestinationPort",
            event(code="3", DestinationPort="443"),
            moved(code="3", destination={"port": 443}),
            "443",
        ),
        ("PipeName", event(code="17", PipeName="\\p"), moved(code="17", file={"name": "\\p"}), "\\p"),
        (
            "QueryStatus",
            event(code="22", QueryStatus="9003"),
            moved(code="22", sysmon={"dns": {"status": "DNS_ERROR_RCODE_NAME_ERROR"}}),
            "9003",
        ),
        (
            "QueryResults",
            event(code="22", QueryResults="type:  5 a.example;::ffff:192.0.2.1;"),
            moved(
                code="22",
                dns={"answers": [{"type": "CNAME", "data": "a.example"}, {"type": "A", "data": "192.0.2.1"}]},
            ),
            "type:  5 a.example;::ffff:192.0.2.1;",
        ),
        # Security
        (
            "NewProcessName",
            event(SECURITY, "4688", NewProcessName="a"),
            moved(SECURITY, "4688", process={"executable": "a"}),
            "a",
        ),
        (
            "ProcessId",
            event(SECURITY, "4624", ProcessId="0x1f4"),
            moved(SECURITY, "4624", process={"pid": 500}),
            "0x1f4",
        ),
        (
            "IpAddress",
            event(SECURITY, "4624", IpAddress="192.0.2.1"),
            moved(SECURITY, "4624", source={"ip": "192.0.2.1"}),
            "192.0.2.1",
        ),
        # PowerShell
        (
            "ScriptBlockText",
            event(POWERSHELL, "4104", ScriptBlockText="iex"),
            moved(POWERSHELL, "4104", powershell={"file": {"script_block_text": "iex"}}),
            "iex",
        ),
        (
            "HostApplication",
            event(CLASSIC, "400", param3="\tHostName=ConsoleHost\n\tHostApplication=a -b\n"),
            moved(CLASSIC, "400", process={"command_line": "a -b"}),
            "a -b",
        ),
        (
            "param1",
            event(CLASSIC, "600", param1="Registry"),
            moved(CLASSIC, "600", powershell={"provider": {"name": "Registry"}}),
            "Registry",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_field_reads_the_same_in_both_shapes(field: str, raw: Any, modules: Any, expected: str) -> None:
    assert EventView(raw).values(field) == (expected,)
    assert EventView(modules).values(field) == (expected,)


def test_a_module_log_is_put_together_line_by_line() -> None:
    details = [
        {"type": "CommandInvocation", "related_command": "Out-Default", "value": '"Out-Default"'},
        {"value": "a line without form"},
        {"type": "ParameterBinding", "related_command": "Out-Default", "name": '"InputObject"', "value": '"x"'},
        {"value": ""},
    ]
    read = EventView(moved(POWERSHELL, "4103", powershell={"command": {"invocation_details": details}}))
    assert read.values("Payload") == (
        (
            'CommandInvocation(Out-Default): "Out-Default"\na line without form\n'
            'ParameterBinding(Out-Default): name="InputObject"; value="x"\n'
        ),
    )


def test_the_system_fields_are_read_where_the_data_has_none_of_that_name() -> None:
    read = EventView(event("System", "104"))
    assert read.values("EventID") == ("104",)
    assert read.values("Channel") == ("System",)
    assert read.values("Computer") == ("WEB01",)
    assert read.values("Level") == ("information", "4", "0")  # Winlogbeat writes both so
    assert read.values("TimeCreated") == ("2026-11-23T14:05:06.789Z",)


def test_a_data_field_comes_before_a_system_field_of_the_same_name() -> None:
    cleared = event("System", "104", Channel="Security")
    assert EventView(cleared).values("Channel") == ("Security",)
    assert EventView(cleared).channel == "System"


@pytest.mark.parametrize(
    ("field", "name"),
    [("ThreatName", "Threat Name"), ("Threat Name", "ThreatName"), ("Threat Name", "Threat Name")],
)
def test_spaces_in_names_do_not_count(field: str, name: str) -> None:
    assert EventView(event("Any", "1", **{name: "x"})).values(field) == ("x",)


def test_a_name_with_a_dot_is_a_path_of_the_document() -> None:
    read = EventView(moved(process={"command_line": "a"}))
    assert read.values("process.command_line") == ("a",)
    assert read.values("winlog.channel") == (SYSMON,)
    assert read.values("@timestamp") == ("2026-11-23T14:05:06.789Z",)


def test_names_compare_case_sensitively() -> None:
    assert EventView(event(CommandLine="a")).values("Commandline") == ()


def test_user_data_is_read_as_event_data_is() -> None:
    document = {"winlog": {"channel": "Security", "event_id": "1102", "user_data": {"SubjectUserName": "x"}}}
    assert EventView(document).values("SubjectUserName") == ("x",)


def test_process_creation_reads_security_4688_by_sysmons_names() -> None:
    for document in (
        event(SECURITY, "4688", NewProcessName="a", ParentProcessName="b", SubjectLogonId="0x1"),
        moved(SECURITY, "4688", {"SubjectLogonId": "0x1"}, process={"executable": "a", "parent": {"executable": "b"}}),
    ):
        read = EventView(document)
        values = {name: read.values(name, process_audit=True) for name in ("Image", "ParentImage", "LogonId")}
        assert values == {"Image": ("a",), "ParentImage": ("b",), "LogonId": ("0x1",)}
        assert read.values("ParentImage") == ()
        assert read.values("NewProcessName", process_audit=True) == ("a",)


def test_the_field_mappings_of_settings_are_read_too() -> None:
    read = EventView({"custom": {"cmd": "a"}}, {"CommandLine": ("custom.cmd",)})
    assert read.values("CommandLine") == ("a",)


# --------------------------------------------------------------------------- values without a name


def test_data_means_the_values_that_have_no_name() -> None:
    document = event("Application", "1", param1="a", param7="b", Named="c")
    assert EventView(document).values("Data") == ("a", "b")
    assert EventView(document).values("EventData") == ("a", "b", "c")


def test_event_data_means_what_the_modules_moved_out_of_it_as_well() -> None:
    read = EventView(
        moved(POWERSHELL, "4104", powershell={"file": {"script_block_text": "iex", "script_block_id": "i"}})
    )
    assert set(read.values("EventData")) == {"iex", "i"}


def test_data_of_the_classic_log_is_put_together_in_shape_modules() -> None:
    read = EventView(
        moved(
            CLASSIC,
            "400",
            process={"command_line": "powershell -enc x"},
            powershell={"engine": {"version": "2.0", "new_state": "Available", "previous_state": "None"}},
        )
    )
    first, second, lines = read.values("Data")
    assert (first, second) == ("Available", "None")
    assert "\tHostApplication=powershell -enc x\n" in lines
    assert "\tEngineVersion=2.0\n" in lines


def test_keywords_search_the_message_and_the_data_but_nothing_around_it() -> None:
    document = {
        **event("Application", "1", A="data", B=["list"]),
        "message": "rendered",
        "labels": {"x": "label"},
        "tags": ["tag"],
        "agent": {"type": "agent"},
        "ecs": {"version": "ecs"},
        "host": {"name": "host"},
    }
    assert EventView(document).keyword_values() == ("rendered", "data", "list")


def test_keywords_search_what_the_modules_moved_as_windows_wrote_it() -> None:
    read = EventView(
        moved(user={"domain": "CORP", "name": "jdoe"}, process={"executable": "a"}, related={"user": ["other"]})
    ).keyword_values()
    assert "CORP\\jdoe" in read
    assert "a" in read
    assert "other" not in read
