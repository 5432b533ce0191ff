"""Windows event logs become documents in Winlogbeat's raw shape."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest
from support.evtx_file import Element, data, event, write

from watcher.errors import InputError
from watcher.event_files.event_chunks import FileEvent
from watcher.event_files.event_reader import event_files, read_events
from watcher.event_files.evtx import evtx_document
from watcher.match.event_view import EventView
from watcher.model import Event

GUID = "365ABB72-7ACC-5CC4-0000-0010B2470300"


def read(path: Path) -> list[Event]:
    events = [read_event for read_event in read_events(path) if isinstance(read_event, FileEvent)]
    assert [item.number for item in events] == list(range(1, len(events) + 1))
    return [item.event for item in events]


def test_a_record_becomes_winlogbeats_raw_shape(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.evtx",
        [event(data("Image", "C:\\x.exe"), data("ProcessGuid", GUID), data("RuleName", None), number=7)],
    )
    (document,) = read(path)
    assert document == {
        "@timestamp": "2026-11-23T11:59:30.123Z",
        "event": {
            "code": "1",
            "kind": "event",
            "provider": "Microsoft-Windows-Sysmon",
            "created": "2026-11-23T11:59:30.123Z",
        },
        "log": {"level": "information"},
        "host": {"name": "WEB01.corp.example"},
        "winlog": {
            "api": "wineventlog",
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "event_id": "1",
            "provider_name": "Microsoft-Windows-Sysmon",
            "provider_guid": "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
            "record_id": 7,
            "computer_name": "WEB01.corp.example",
            "version": 5,
            "opcode": "Info",
            "process": {"pid": 2912, "thread": {"id": 996}},
            "user": {"identifier": "S-1-5-18"},
            # the numbers of which Winlogbeat ships the names alone
            "system": {"version": 5, "level": 4, "opcode": 0, "keywords": "0x8000000000000000"},
            # an empty value is dropped, an identifier gets its braces
            "event_data": {"Image": "C:\\x.exe", "ProcessGuid": f"{{{GUID}}}"},
        },
    }


def test_unnamed_values_are_named_by_position(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", [event(data(None, "one"), data(None, None), data(None, "three"))])
    assert read(path)[0]["winlog"]["event_data"] == {"param1": "one", "param3": "three"}


def test_user_data_keeps_the_name_of_its_element(tmp_path: Path) -> None:
    cleared = Element("LogFileCleared", of=(Element("SubjectUserName", text="bob"), Element("Channel", text="System")))
    path = write(tmp_path / "a.evtx", [event(channel="System", code=104, user_data=cleared)])
    winlog = read(path)[0]["winlog"]
    assert winlog["user_data"] == {"xml_name": "LogFileCleared", "SubjectUserName": "bob", "Channel": "System"}
    assert "event_data" not in winlog


@pytest.mark.parametrize(
    ("keywords", "outcome", "name"),
    [
        ("0x8010000000000000", "failure", ["Audit Failure"]),
        ("0x8020000000000000", "success", ["Audit Success"]),
        ("0x8000000000000000", None, None),
    ],
)
def test_the_keywords_determine_the_audit_outcome(
    tmp_path: Path, keywords: str, outcome: str | None, name: Any
) -> None:
    (document,) = read(write(tmp_path / "a.evtx", [event(channel="Security", code=4625, keywords=keywords)]))
    assert document["event"].get("outcome") == outcome
    assert document["winlog"].get("keywords") == name


def test_typed_values_become_strings() -> None:
    system = {"EventID": {"#text": 4688, "#attributes": {"Qualifiers": 0}}, "Channel": "Security", "Level": 2}
    document = evtx_document(
        {"System": system, "EventData": {"ProcessId": 16, "Flag": True, "List": ["a", 2], "Text": "a\r\nb"}}
    )
    assert document["winlog"]["event_id"] == document["event"]["code"] == "4688"
    assert document["log"] == {"level": "error"}
    assert document["winlog"]["event_data"] == {"ProcessId": "16", "Flag": "true", "List": "a, 2", "Text": "a\nb"}


def fields(document: Event, *names: str) -> dict[str, tuple[str, ...]]:
    view = EventView(document)
    return {name: view.values(name) for name in names}


def test_system_fields_have_the_numbers_of_the_file() -> None:
    system = {"EventID": 4625, "Channel": "Security", "Version": 0, "Level": 0, "Task": 12544, "Opcode": 0}
    document = evtx_document({"System": {**system, "Keywords": "0x8010000000000000"}})
    assert fields(document, "Version", "Level", "Task", "Opcode", "Keywords") == {
        "Version": ("0",),
        "Level": ("information", "0"),
        "Task": ("12544",),
        "Opcode": ("Info", "0"),
        "Keywords": ("Audit Failure", "0x8010000000000000", "9227875636482146304"),
    }
    assert document["event"]["outcome"] == "failure"


def test_forwarded_events_have_the_texts_that_windows_rendered() -> None:
    rendered = {
        "#attributes": {"Culture": "en-US"},
        "Message": "The driver could not load.",
        "Level": "Error",
        "Task": "Log clear",
        "Opcode": "Info",
        "Keywords": {"Keyword": "Classic", "Keyword_1": "Audit Success"},
    }
    document = evtx_document({"System": {"EventID": 7, "Channel": "System", "Level": 2}, "RenderingInfo": rendered})
    assert document["message"] == "The driver could not load."
    assert document["log"] == {"level": "error"}
    assert document["winlog"]["keywords"] == ["Classic", "Audit Success"]
    assert fields(document, "Message", "TaskCategory", "Opcode") == {
        "Message": ("The driver could not load.",),
        "TaskCategory": ("Log clear",),
        "Opcode": ("Info", "0"),
    }


def test_forwarded_keywords_of_one_array_are_read() -> None:
    rendered = {"Message": None, "Keywords": {"Keyword": ["A", "B"]}}
    document = evtx_document({"System": {"EventID": 7, "Channel": "System"}, "RenderingInfo": rendered})
    assert document["winlog"]["keywords"] == ["A", "B"]
    assert "message" not in document


def test_every_element_of_a_name_is_read(tmp_path: Path) -> None:
    inner = Element("Inner", of=(Element("X", text="1"), Element("X", text="2")))
    user_data = Element("EventXML", of=(Element("Address", text="a"), Element("Address", text="b"), inner))
    path = write(
        tmp_path / "a.evtx",
        [event(data("X", "a"), data("X", "b"), data("X", "c")), event(user_data=user_data)],
    )
    first, second = read(path)
    assert first["winlog"]["event_data"] == {"X": ["a", "b", "c"]}
    assert second["winlog"]["user_data"] == {"xml_name": "EventXML", "Address": ["a", "b"], "Inner": {"X": ["1", "2"]}}


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ((data("A", "1"), data(None, "2")), {"A": "1", "param2": "2"}),
        (
            (data(None, "1"), data("B", "2"), data(None, "<3> & '4'"), data("B", "5")),
            {"param1": "1", "B": ["2", "5"], "param3": "<3> & '4'"},
        ),
        ((data("A", "1"), data(None, None), data(None, "3")), {"A": "1", "param3": "3"}),
        ((data(None, "</Data><Data Name=x>"), data("A", "1")), {"param1": "</Data><Data Name=x>", "A": "1"}),
        ((data(None, "<Data>"), data(None, "b")), {"param1": "<Data>", "param2": "b"}),
        ((data("A", "1"), data("Data", "2")), {"A": "1", "param2": "2"}),
    ],
)
def test_unnamed_values_beside_named_ones_are_read(
    tmp_path: Path, values: tuple[Element, ...], fields: dict[str, Any]
) -> None:
    """As Winlogbeat does, they are named by their place among all values."""
    (document,) = read(write(tmp_path / "a.evtx", [event(*values)]))
    assert document["winlog"]["event_data"] == fields


def test_unnamed_values_are_read_behind_a_damaged_record(tmp_path: Path) -> None:
    mixed = [event(data("A", str(number)), data(None, "b"), number=number) for number in range(1, 5)]
    path = write(tmp_path / "a.evtx", mixed)
    path.write_bytes(damaged(path.read_bytes()))
    assert len(faults(path)) == 1
    events = [read_event for read_event in read_events(path) if isinstance(read_event, FileEvent)]
    assert [(item.number, item.event["winlog"]["event_data"]) for item in events] == [
        (number, {"A": str(number), "param2": "b"}) for number in (1, 3, 4)
    ]


def test_a_name_that_ends_in_a_number_stays_beside_the_same_without_it(tmp_path: Path) -> None:
    (document,) = read(write(tmp_path / "a.evtx", [event(data("X_1", "a"), data("X", "b"), data("X", "c"))]))
    assert document["winlog"]["event_data"] == {"X_1": "a", "X": ["b", "c"]}


def test_repeated_elements_of_event_data_are_read(tmp_path: Path) -> None:
    values = (Element("Node", text="a"), Element("Node", text="b"))
    (document,) = read(write(tmp_path / "a.evtx", [event(*values)]))
    assert document["winlog"]["event_data"] == {"Node": ["a", "b"]}


def test_a_name_that_ends_in_a_number_stays(tmp_path: Path) -> None:
    (document,) = read(write(tmp_path / "a.evtx", [event(data("Key_1", "a"), data("Key_2", "b"))]))
    assert document["winlog"]["event_data"] == {"Key_1": "a", "Key_2": "b"}


def test_attributes_of_user_data_are_fields(tmp_path: Path) -> None:
    named = (Element("Param", (("Name", "First"),), text="1"), Element("Param", (("Name", "Second"),), text="2"))
    user_data = Element("EventXML", (("Kind", "outer"),), of=(*named, Element("Node", (("Id", "7"),), text="n")))
    (document,) = read(write(tmp_path / "a.evtx", [event(user_data=user_data)]))
    assert document["winlog"]["user_data"] == {
        "xml_name": "EventXML",
        "First": "1",
        "Second": "2",
        "Node": "n",
        "Kind": "outer",
        "Id": "7",
    }


def test_attributes_of_repeated_elements_are_fields(tmp_path: Path) -> None:
    nodes = tuple(Element("Node", (("Id", number),)) for number in ("7", "8"))
    (document,) = read(write(tmp_path / "a.evtx", [event(user_data=Element("EventXML", of=nodes))]))
    assert document["winlog"]["user_data"]["Id"] == ["7", "8"]


# --------------------------------------------------------------------------- damage


def damaged(log: bytes) -> bytes:
    """Return a log whose second record cannot be read."""
    content = bytearray(log)
    second = content.index(b"**\0\0", content.index(b"**\0\0") + 4)
    content[second + 28] = 0xEE
    return bytes(content)


def faults(path: Path) -> list[str]:
    return [str(read_event) for read_event in read_events(path) if isinstance(read_event, InputError)]


def test_a_damaged_record_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", [event(data("A", str(number)), number=number) for number in range(1, 6)])
    path.write_bytes(damaged(path.read_bytes()))
    (fault,) = faults(path)
    assert fault.startswith(f"{path}:2:1: the event log cannot be read here: ")
    events = [read_event for read_event in read_events(path) if isinstance(read_event, FileEvent)]
    assert [(item.number, item.event["winlog"]["event_data"]["A"]) for item in events] == [
        (1, "1"),
        (3, "3"),
        (4, "4"),
        (5, "5"),
    ]


def test_a_truncated_log_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", [event(data("A", "1"))])
    path.write_bytes(path.read_bytes()[:9000])
    assert any("it is truncated" in fault for fault in faults(path))


@pytest.mark.parametrize("content", [b"", b"no event log", b"\0" * 5000])
def test_a_file_that_is_not_an_event_log_is_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.evtx"
    path.write_bytes(content)
    with pytest.raises(InputError, match="the event log cannot be read here"):
        list(read_events(path))


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.evtx", [event()])
    imported = builtins.__import__

    def lacking(name: str, *rest: Any) -> Any:
        if name == "evtx":
            raise ModuleNotFoundError(name)
        return imported(name, *rest)

    monkeypatch.delitem(sys.modules, "evtx", raising=False)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(InputError, match=r"pip install '\.\[evtx\]'"):
        list(read_events(path))


def test_progress_increases_up_to_the_file_size(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", [event(data("A", "1"))] * 3)
    calls: list[int] = []
    assert len(list(read_events(path, calls.append))) == 3
    assert calls == sorted(calls)
    assert calls[-1] <= path.stat().st_size


def test_a_folder_is_searched_for_logs(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    inner = write(tmp_path / "b" / "B.EVTX", [event()])
    (tmp_path / "readme.txt").write_text("no events", encoding="utf-8")
    lines = tmp_path / "a.ndjson.gz"
    lines.write_bytes(b"")
    assert event_files(tmp_path) == (lines, inner)
    assert event_files(tmp_path / "readme.txt") == (tmp_path / "readme.txt",)
    with pytest.raises(InputError, match="does not exist"):
        event_files(tmp_path / "nowhere")
