"""Events are read out of whatever JSON they come in, and a line that is none stops no other."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from watcher.errors import InputError
from watcher.event_files.event_reader import FileEvent, read_events
from watcher.model import Event

ONE: dict[str, Any] = {"event": {"code": "1"}, "winlog": {"channel": "System"}}
TWO: dict[str, Any] = {"event": {"code": "2"}}


def read(path: Path) -> list[tuple[int, Event | str]]:
    return [
        (one.number, one.event)
        if isinstance(one, FileEvent)
        else (one.location.line if one.location else 0, one.message)
        for one in read_events(path)
    ]


def lines(*documents: Any) -> str:
    return "\n".join(json.dumps(one) for one in documents)


@pytest.mark.parametrize(
    ("text", "found"),
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
def test_events_are_taken_out_of_what_they_come_in(tmp_path: Path, text: str, found: list[Any]) -> None:
    plain = tmp_path / "a.json"
    plain.write_text(text, encoding="utf-8")
    packed = tmp_path / "a.ndjson.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert read(plain) == found
    assert read(packed) == found


def test_the_xml_of_an_event_as_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        lines({"Event": {"System": {"EventID": 7045, "Channel": "System"}, "EventData": {"A": 1}}}), encoding="utf-8"
    )
    ((_, event),) = read(path)
    assert isinstance(event, dict)
    assert (event["event"]["code"], event["winlog"]["event_data"]) == ("7045", {"A": "1"})


def test_a_line_that_is_no_event_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(f"{lines(ONE)}\n{{broken\n5\n{lines({'Event': {'System': {}}})}\n{lines(TWO)}\n", encoding="utf-8")
    first, broken, number, lacking, last = read(path)
    assert (first, last) == ((1, ONE), (5, TWO))
    assert (broken[0], number, lacking) == (2, (3, "this is no event"), (4, "the event lacks 'EventID'"))
    assert str(broken[1]).startswith("the line is no JSON: ")


def test_a_file_that_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{\n "a": 1,\n oops\n}', encoding="utf-8")
    ((line, message),) = read(path)
    assert line == 3
    assert str(message).startswith("the file is neither JSON lines nor JSON: ")


def test_a_packed_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(lines(*([ONE] * 500)).encode())[:-20])
    with pytest.raises(InputError, match="the file cannot be read"):
        list(read_events(path))


def test_bytes_that_are_no_utf_8_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(lines(ONE).encode() + b'\n{"a": "\xff"}\n' + lines(TWO).encode())
    first, broken, last = read(path)
    assert (first, last) == ((1, ONE), (3, TWO))
    assert broken[0] == 2
