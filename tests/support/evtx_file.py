"""Writes small event logs in the EVTX format, so that no real log is needed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

_HEADER = 4096
_CHUNK = 65536
_RECORDS = 512  # where records start in a chunk
_SINCE_1601 = 116_444_736_000_000_000  # 100 ns from there to 1970
_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"


@dataclass(frozen=True)
class Element:
    """One XML element: attributes, and text or children."""

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    of: tuple[Element, ...] = ()
    text: str | None = None


def data(name: str | None, text: str | None) -> Element:
    """Return one value of an event."""
    return Element("Data", (("Name", name),) if name else (), text=text)


def event(
    *values: Element,
    channel: str = "Microsoft-Windows-Sysmon/Operational",
    code: int = 1,
    number: int = 1,
    keywords: str = "0x8000000000000000",
    user_data: Element | None = None,
    time: str = "2026-11-23T11:59:30.123456Z",
) -> Element:
    """Return an event with its system properties and data."""
    system = Element(
        "System",
        of=(
            Element(
                "Provider", (("Name", "Microsoft-Windows-Sysmon"), ("Guid", "5770385F-C22A-43E0-BF4C-06F5698FFBD9"))
            ),
            Element("EventID", text=str(code)),
            Element("Version", text="5"),
            Element("Level", text="4"),
            Element("Opcode", text="0"),
            Element("Keywords", text=keywords),
            Element("TimeCreated", (("SystemTime", time),)),
            Element("EventRecordID", text=str(number)),
            Element("Execution", (("ProcessID", "2912"), ("ThreadID", "996"))),
            Element("Channel", text=channel),
            Element("Computer", text="WEB01.corp.example"),
            Element("Security", (("UserID", "S-1-5-18"),)),
        ),
    )
    inner = Element("UserData", of=(user_data,)) if user_data else Element("EventData", of=values)
    return Element("Event", (("xmlns", _NAMESPACE),), of=(system, inner))


def write(path: Path, events: Sequence[Element]) -> Path:
    """Write a log of one chunk."""
    chunk = _Chunk()
    for number, event in enumerate(events, start=1):
        chunk.add(event, number)
    path.write_bytes(_file_header(len(events)) + chunk.finished(len(events)))
    return path


def _file_header(events: int) -> bytes:
    head = struct.pack("<8sQQQIHHHH76xI", b"ElfFile\0", 0, 0, events + 1, 128, 1, 3, _HEADER, 1, 0)
    return (head + struct.pack("<I", crc32(head[:120]))).ljust(_HEADER, b"\0")


@dataclass
class _Chunk:
    """A chunk under construction; names are referenced by their offset."""

    content: bytearray = field(default_factory=lambda: bytearray(_RECORDS))
    last: int = 0

    def add(self, element: Element, number: int) -> None:
        start = self.last = len(self.content)
        self.content += struct.pack("<4sIQQ", b"**\0\0", 0, number, _SINCE_1601 + 17_000_000_000_000_000)
        self.content += b"\x0f\x01\x01\x00"
        self._element(element)
        self.content += b"\x00"
        size = len(self.content) + 4 - start
        self.content[start + 4 : start + 8] = struct.pack("<I", size)
        self.content += struct.pack("<I", size)

    def _element(self, element: Element) -> None:
        start = len(self.content)
        self.content += struct.pack("<BI", 0x41 if element.attributes else 0x01, 0)
        self._name(element.name)
        if element.attributes:
            at = len(self.content)
            self.content += b"\0\0\0\0"
            for number, (name, value) in enumerate(element.attributes, start=1):
                self.content += b"\x06" if number == len(element.attributes) else b"\x46"
                self._name(name)
                self._text(value)
            self.content[at : at + 4] = struct.pack("<I", len(self.content) - at - 4)
        self.content += b"\x02"
        for item in element.of:
            self._element(item)
        if element.text:
            self._text(element.text)
        self.content += b"\x04"
        self.content[start + 1 : start + 5] = struct.pack("<I", len(self.content) - start - 5)

    def _name(self, name: str) -> None:
        at = len(self.content) + 4
        self.content += struct.pack("<IIHH", at, 0, 0, len(name)) + name.encode("utf-16-le") + b"\0\0"

    def _text(self, text: str) -> None:
        encoded = text.encode("utf-16-le")
        self.content += struct.pack("<BBH", 0x05, 0x01, len(encoded) // 2) + encoded

    def finished(self, events: int) -> bytes:
        checksum = crc32(bytes(self.content[_RECORDS:]))
        head = struct.pack(
            "<8sQQQQIIII64xI", b"ElfChnk\0", 1, events, 1, events, 128, self.last, len(self.content), checksum, 0
        )
        rest = bytes(_RECORDS - 128)
        head += struct.pack("<I", crc32(head[:120] + rest))
        return (head + rest + bytes(self.content[_RECORDS:])).ljust(_CHUNK, b"\0")
