"""Random inputs from seeds: each failure names the seed that repeats it.

`WATCHER_FUZZ_SECONDS` is the duration of each test, `WATCHER_FUZZ_SEED` the only seed to try.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from resource import RUSAGE_SELF, getrusage
from secrets import token_hex
from time import perf_counter, thread_time

SECONDS = float(os.environ.get("WATCHER_FUZZ_SECONDS", "5"))
SEED = os.environ.get("WATCHER_FUZZ_SEED")
LONGEST = 5.0  # seconds of CPU for one input
MOST_MEMORY = 400_000  # KiB by which the peak of the process may grow in a test, however many inputs it tries


PIECES = (b"\x00", b"\xff", b"*", b"[" * 900, b"{", b'"', b": ", b"\n", b"9" * 900)


def fuzz(check: Callable[[Random], None]) -> int:
    """Check random inputs until the time is over; return their number."""
    start, end, count = token_hex(4), perf_counter() + SECONDS, 0
    memory = peak_memory()
    while not count or (perf_counter() < end and SEED is None):
        seed = SEED or f"{start}-{count}"
        began = thread_time()
        try:
            check(Random(seed))  # noqa: S311 - reproducible inputs, no secrets
            assert thread_time() - began < LONGEST, "it takes too long"
            assert peak_memory() - memory < MOST_MEMORY, "it takes too much memory"
        except Exception as fault:
            raise AssertionError(f"{fault!r}; repeat it with WATCHER_FUZZ_SEED={seed}") from fault
        count += 1
    return count


def peak_memory() -> int:
    """Return the most memory in KiB that this process had."""
    return getrusage(RUSAGE_SELF).ru_maxrss


def mutated(content: bytes, random: Random) -> bytes:
    """Return content of which some bytes are changed, repeated, removed or cut off."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(changed) + 1)
        span = random.choice((1, 1, 4, 40))
        match random.randrange(5):
            case 0:
                changed[at : at + span] = random.randbytes(span)
            case 1:
                changed[at:at] = changed[at : at + span] * random.choice((1, 2, 300))
            case 2:
                del changed[at : at + span]
            case 3:
                changed[at:at] = random.choice(PIECES)
            case _:
                del changed[at : at + random.choice((0, 0, 0, len(changed)))]
    return bytes(changed)


def value(random: Random, levels: int = 5) -> object:
    """Return a random JSON value."""
    kind = random.randrange(12 if levels else 8)
    match kind:
        case 0:
            return random.choice((None, True, False, 1e308, -0.0, 10**400, -1, 1 << 70))
        case 1:
            return random.choice(
                ("", "\x00", "\ud800", "é" * 50, "日本", "K\u212a\u017f", "9" * 5000, "0x" + "f" * 500)
            )
        case 2:
            return "".join(random.choices('ab)\\"*?-/ \n{}é日', k=random.choice((3, 50, 20_000))))
        case 3:
            return random.choice(
                ("2026-11-23T11:59:30Z", "9999-12-31T23:59:59Z", "0000-00-00", "46-1", 1e18, -(10**15))
            )
        case 8:
            nested: object = value(random, 0)
            for _ in range(random.choice((2, 70, 900))):
                nested = [nested] if random.random() < 0.5 else {random.choice("abc"): nested}
            return nested
        case 9 | 10:
            return [value(random, levels - 1) for _ in range(random.randrange(5))]
        case 11:
            return document(random, levels - 1)
    return random.choice(("whoami", "C:\\Windows\\System32\\cmd.exe", "4688", 4688, "Security", "cmd.exe /c whoami"))


NAMES = (
    "@timestamp event winlog host message code channel event_data user_data name CommandLine Image NewProcessName "
    "ParentImage User Hashes provider_name event_id winlog.channel winlog.event_data winlog.event_data.CommandLine "
    "event.code process args command_line file path registry System Event EventData Data param1 _source hits fields "
    "x..y . xml_name rule labels"
).split()


ODD_NAMES = ("\ud800", "n" * 400, "", "a\nb")


def document(random: Random, levels: int = 5) -> dict[str, object]:
    """Return a random document with names that events have."""
    return {
        random.choice(NAMES) if random.random() < 0.95 else random.choice(ODD_NAMES): value(random, levels)
        for _ in range(random.randrange(9))
    }
