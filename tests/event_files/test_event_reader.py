"""Events are read from several JSON formats; a faulty line does not affect the others."""

from __future__ import annotations

import gzip
import json
import pickle
from hashlib import sha512
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from watcher.errors import InputError
from watcher.event_files.bounded_lines import LONGEST_LINE, BoundedLines
from watcher.event_files.event_chunks import FileEvent, to_send
from watcher.event_files.event_reader import event_chunks, read_events
from watcher.model import Event, Location

ONE: dict[str, Any] = {"event": {"code": "1"}, "winlog": {"channel": "System"}}
TWO: dict[str, Any] = {"event": {"code": "2"}}


def read(path: Path) -> list[tuple[int, Event | str]]:
    return [
        (read_event.number, read_event.event)
        if isinstance(read_event, FileEvent)
        else (read_event.location.line if read_event.location else 0, read_event.message)
        for read_event in read_events(path)
    ]


def number_of(item: FileEvent | InputError) -> int:
    assert isinstance(item, FileEvent)
    return item.number


def lines(*documents: Any) -> str:
    return "\n".join(json.dumps(document) for document in documents)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lines(ONE, TWO), [(1, ONE), (2, TWO)]),
        (f"\n{lines(ONE)}\n\n{lines(TWO)}\n", [(2, ONE), (4, TWO)]),
        (json.dumps(ONE), [(1, ONE)]),
        (json.dumps(ONE, indent=2), [(1, ONE)]),
        (json.dumps([ONE, TWO], indent=2), [(1, ONE), (2, TWO)]),
        (json.dumps([ONE, TWO]), [(1, ONE), (2, TWO)]),
        (lines({"_index": "i", "_id": "1", "_source": ONE}, TWO), [(1, ONE), (2, TWO)]),
        (
            json.dumps({"took": 1, "hits": {"hits": [{"_source": ONE}, {"_source": TWO}]}}, indent=1),
            [(1, ONE), (2, TWO)],
        ),
        (lines({"expect": "hit", "name": "x", "event": ONE}), [(1, ONE)]),
        ("", []),
        ("\n \n", []),
    ],
)
def test_events_are_unwrapped(tmp_path: Path, text: str, expected: list[Any]) -> None:
    plain = tmp_path / "a.json"
    plain.write_text(text, encoding="utf-8")
    packed = tmp_path / "a.ndjson.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert read(plain) == expected
    assert read(packed) == expected


ANSWER = {"took": 1, "hits": {"total": {"value": 2}, "hits": [{"_source": ONE}, {"_source": TWO}]}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (lines(ANSWER), [(1, ONE), (1, TWO)]),
        (lines(ANSWER, ANSWER, ONE), [(1, ONE), (1, TWO), (2, ONE), (2, TWO), (3, ONE)]),
        (
            lines({"responses": [ANSWER, {"error": {}, "status": 400}, ANSWER]}),
            [(1, ONE), (1, TWO), (1, ONE), (1, TWO)],
        ),
        (json.dumps({"id": "x", "is_running": False, "response": ANSWER}, indent=1), [(1, ONE), (2, TWO)]),
        (lines({"rawResponse": ANSWER, "isPartial": False}), [(1, ONE), (1, TWO)]),
        (lines({"result": {"rawResponse": ANSWER}}), [(1, ONE), (1, TWO)]),
        (lines({"hits": {"hits": []}}), []),
        (
            lines({"_index": "i", "_id": "1", "fields": {"winlog.channel": ["System"], "tags": ["a", "b"]}}),
            [(1, {"winlog.channel": "System", "tags": ["a", "b"]})],
        ),
    ],
)
def test_answers_of_searches_are_read(tmp_path: Path, text: str, expected: list[Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    assert read(path) == expected


def test_the_system_part_without_its_event_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines({"System": {"EventID": 1, "Channel": "System"}, "EventData": {"A": "b"}}), encoding="utf-8")
    ((_, event),) = read(path)
    assert isinstance(event, dict)
    assert (event["winlog"]["channel"], event["winlog"]["event_data"]) == ("System", {"A": "b"})


def test_attributes_beside_their_elements_are_read(tmp_path: Path) -> None:
    system = {
        "Provider_attributes": {"Name": "P", "Guid": "G"},
        "EventID": 7,
        "EventID_attributes": {"Qualifiers": 1},
        "TimeCreated_attributes": {"SystemTime": "2026-03-01T12:00:00.1234567Z"},
        "Channel": "System",
        "Security_attributes": {"UserID": "S-1-5-18"},
    }
    path = tmp_path / "a.jsonl"
    path.write_text(
        lines({"Event": {"System": system, "Event_attributes": {"xmlns": "x"}, "EventData": {"A": "b"}}}),
        encoding="utf-8",
    )
    ((_, event),) = read(path)
    assert isinstance(event, dict)
    winlog = event["winlog"]
    assert event["@timestamp"] == "2026-03-01T12:00:00.123Z"
    assert (winlog["event_id"], winlog["provider_name"], winlog["user"]) == ("7", "P", {"identifier": "S-1-5-18"})
    assert winlog["event_data"] == {"A": "b"}


def test_flat_records_of_nxlog_are_read(tmp_path: Path) -> None:
    record = {
        "EventTime": "2020-09-21 04:14:55",
        "Hostname": "ws1",
        "Keywords": -9214364837600034816,
        "EventType": "AUDIT_SUCCESS",
        "SeverityValue": 2,
        "EventID": 4688,
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "Task": 13312,
        "RecordNumber": 9,
        "ExecutionProcessID": 4,
        "Channel": "Security",
        "Message": "A new process has been created.",
        "NewProcessName": "C:\\a.exe",
        "EventReceivedTime": "2020-09-21 04:14:56",
    }
    path = tmp_path / "a.jsonl"
    path.write_text(lines(record), encoding="utf-8")
    ((_, event),) = read(path)
    assert isinstance(event, dict)
    assert (event["@timestamp"], event["host"], event["message"]) == (
        "2020-09-21T04:14:55",
        {"name": "ws1"},
        "A new process has been created.",
    )
    winlog = event["winlog"]
    assert (winlog["channel"], winlog["event_id"], winlog["keywords"]) == ("Security", "4688", ["Audit Success"])
    assert winlog["event_data"] == {"NewProcessName": "C:\\a.exe"}


def test_the_type_of_a_registry_event_is_its_own(tmp_path: Path) -> None:
    record = {"EventID": 13, "Channel": "Sysmon", "EventType": "INFO", "EventTypeOrignal": "SetValue", "Details": "x"}
    path = tmp_path / "a.jsonl"
    path.write_text(lines(record), encoding="utf-8")
    ((_, event),) = read(path)
    assert isinstance(event, dict)
    assert event["winlog"]["event_data"] == {"EventType": "SetValue", "Details": "x"}


def test_the_xml_of_an_event_as_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        lines({"Event": {"System": {"EventID": 7045, "Channel": "System"}, "EventData": {"A": 1}}}), encoding="utf-8"
    )
    ((_, event),) = read(path)
    assert isinstance(event, dict)
    assert (event["event"]["code"], event["winlog"]["event_data"]) == ("7045", {"A": "1"})


def test_an_invalid_line_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(f"{lines(ONE)}\n{{broken\n5\n{lines({'Event': {'System': {}}})}\n{lines(TWO)}\n", encoding="utf-8")
    first, broken, number, lacking, last = read(path)
    assert (first, last) == ((1, ONE), (5, TWO))
    assert (broken[0], number, lacking) == (2, (3, "this is not an event"), (4, "the event lacks 'EventID'"))
    assert str(broken[1]).startswith("the line is not JSON: ")


@pytest.mark.parametrize(
    "first", ["no JSON", '{"a": ', '{"a": {', '{"a": 1', "[", "\0\1", '[{"a": 1}, ', "5", '"a', "\udcff"]
)
def test_a_faulty_first_line_is_reported_and_the_others_are_read(tmp_path: Path, first: str) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\n" + first.encode("utf-8", "surrogateescape") + f"\n{lines(ONE)}\n{lines(TWO)}\n".encode())
    (number, message), *others = read(path)
    assert (number, others) == (2, [(3, ONE), (4, TWO)])
    assert str(message).startswith(("the line is not JSON", "this is not an event"))


@pytest.mark.parametrize("text", [bytes(range(256)) * 200, b"\0" * 50_000, b"a\n" * 50_000])
def test_a_file_without_json_is_one_fault(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    ((_, message),) = read(path)
    assert str(message).startswith("the file is neither JSON lines nor JSON: ")


@pytest.mark.parametrize("before", [b"", b"{}\n", b"\n\n"])
def test_a_line_that_is_too_long_is_not_kept_and_the_next_is_read(before: bytes) -> None:
    lines_read = BoundedLines(BytesIO(before + b"x" * 5_000_000 + b"\nnext\n"), longest=100)
    number = before.count(b"\n") + 1
    assert list(lines_read)[number - 1 :] == [b"\n", b"next\n"]
    assert lines_read.take_too_long() == (number,)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_lines_in_one_piece_are_the_same_lines(size: int, end: bytes) -> None:
    content = b"\n".join([b"", b"one", b"y" * 99, b"z" * 40, b"", b"two"]) + end
    lines_read, pieces = BoundedLines(BytesIO(content), longest=1000), []
    while piece := lines_read.take(size):
        pieces.append(piece)
        assert lines_read.number == sum(map(len, (each.splitlines() for each in pieces)))
    assert b"".join(pieces) == content
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


@pytest.mark.parametrize("size", [1, 30, 100])
def test_a_line_that_is_too_long_is_not_kept_in_a_piece(size: int) -> None:
    lines_read = BoundedLines(BytesIO(b"first\n" + b"x" * 5_000 + b"\nnext\n" + b"x" * 5_000), longest=100)
    assert b"".join(iter(lambda: lines_read.take(size), b"")) == b"first\n\nnext\n\n"
    assert lines_read.take_too_long() == (2, 4)


def test_what_precedes_a_fault_of_a_gzip_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    texts = [json.dumps({**ONE, "filler": sha512(b"%d" % number).hexdigest() * 30}) for number in range(2000)]
    path.write_bytes(gzip.compress("\n".join(texts).encode())[:-9_000])
    numbers: list[int] = []
    with pytest.raises(InputError, match="the file cannot be read"):
        numbers.extend(number_of(item) for item in read_events(path))  # `extend` keeps what precedes the fault
    assert numbers == list(range(1, len(numbers) + 1))
    assert 1_900 < len(numbers) < 2_000


# --------------------------------------------------------------------------- chunks for other processes


@pytest.mark.parametrize("before", ["", "\n\n", "no JSON\n"])
def test_a_chunk_for_another_process_holds_the_same_events_and_not_their_text(tmp_path: Path, before: str) -> None:
    path = tmp_path / "a.ndjson"
    events = [{**ONE, "number": number, "filler": "é" * (number % 3000)} for number in range(2500)]
    path.write_text(before + lines(*events), encoding="utf-8")
    chunks = list(event_chunks(path))
    sent = [pickle.dumps(to_send(chunk)) for chunk in chunks]
    assert len(chunks) > 3
    assert max(map(len, sent)) < 1000
    items = [item for form in sent for item in pickle.loads(form).events()]  # noqa: S301 - written here
    expected = list(read_events(path))
    assert [str(item) for item in items] == [str(item) for item in expected]
    assert [item.event for item in items if isinstance(item, FileEvent)] == events


def test_what_another_process_cannot_read_is_sent_as_it_is(tmp_path: Path) -> None:
    packed = tmp_path / "a.ndjson.gz"
    packed.write_bytes(gzip.compress(lines(ONE, TWO).encode()))
    single = tmp_path / "a.json"
    single.write_text(json.dumps([ONE, TWO], indent=1))
    for path in (packed, single):
        (chunk,) = event_chunks(path)
        assert to_send(chunk) is chunk


def test_a_file_that_changes_is_an_error_of_the_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(lines(ONE, TWO))
    (chunk,) = map(to_send, event_chunks(path))
    path.write_text(lines(ONE))
    (shorter,) = chunk.events()
    assert isinstance(shorter, InputError)
    assert "it became shorter while it was read" in str(shorter)
    assert shorter.location == Location(file=str(path), line=1)
    other = tmp_path / "other"
    other.write_text(lines(TWO, TWO))
    other.replace(path)
    (replaced,) = chunk.events()
    assert "it was replaced while it was read" in str(replaced)
    path.unlink()
    (absent,) = chunk.events()
    assert "No such file" in str(absent)


def test_a_line_that_is_too_long_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        packed.write(lines(ONE).encode() + b'\n{"a":"')
        for _ in range(LONGEST_LINE // 1_000_000):
            packed.write(b"A" * 1_000_000)
        packed.write(f'"}}\n{lines(TWO)}\n'.encode())
    assert sorted(read(path), key=lambda pair: pair[0]) == [(1, ONE), (2, "the line is longer than 100 MB"), (3, TWO)]


def test_invalid_json_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{\n "a": 1,\n oops\n}', encoding="utf-8")
    ((line, message),) = read(path)
    assert line == 3
    assert str(message).startswith("the file is neither JSON lines nor JSON: ")


def test_a_truncated_gzip_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(lines(*([ONE] * 500)).encode())[:-20])
    with pytest.raises(InputError, match="the file cannot be read"):
        list(read_events(path))


def test_invalid_utf_8_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(lines(ONE).encode() + b'\n{"a": "\xff"}\n' + lines(TWO).encode())
    first, broken, last = read(path)
    assert (first, last) == ((1, ONE), (3, TWO))
    assert broken[0] == 2
