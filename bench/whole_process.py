"""`watcher match` as a process, from its start to its exit, in turns with rsigma where that is installed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bench import corpus
from watcher.model import Event

REPEATS = 5
_EVERY = 5  # of the largest set of events: 59,534
_SET = ("otrf",)
_WATCHER = Path(sys.executable).with_name("watcher")
_RSIGMA = "rsigma"
_ABOUT = (
    "Written by `python -m bench match`, a part of `make bench`. Each fifth event of the largest shared set, as one "
    "file of JSON lines, and all shared rules. Each command is a process of its own that writes its hits as JSON "
    "lines to a file; the commands take turns. Time runs from the start of the process to its exit, and so includes "
    "its start and reading the rules; Python's bytecode is there, as after an installation, and the cache of rules, as "
    "after a first command. *CPU* is user and system "
    "time of the process and those that it starts, *memory* that of its largest process. "
    "[rsigma](https://github.com/timescale/rsigma) reads the same events as flat JSON (fields of `event_data` beside "
    "`Channel` and `EventID`), without a pipeline; by default it evaluates rules on events of any log source, so that "
    "its hits differ. It ends at a rule that it cannot compile, so the files that it refuses are left out for all "
    "commands. It is measured where a command `rsigma` is on the PATH (`cargo install --locked rsigma`)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one run of a command used."""

    wall: float
    cpu: float
    memory: int  # bytes
    hits: int


@dataclass(slots=True, kw_only=True)
class Command:
    """A command and what its runs used."""

    name: str
    arguments: Sequence[str | Path]
    runs: list[Usage] = field(default_factory=list)


def measure(data: Path, target: Path) -> int:
    """Measure the commands in turns and write the page."""
    before = os.getloadavg()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(data / "rules.tar.gz") as archive:
            archive.extractall(folder / "rules", filter="data")
        count = _write_events(data, folder)
        refused = _remove_refused(folder / "rules") if _version() else 0
        commands = tuple(_commands(folder))
        for turn in range(REPEATS + 1):
            for command in commands:
                print(f"turn {turn} of {REPEATS}: {command.name}", flush=True)
                usage = _run(command.arguments, folder / "hits")
                if turn:  # the first turn fills the caches of the operating system
                    command.runs.append(usage)
        rsigma = f"version {_version()}; files of rules that it refuses: {refused}" if _version() else ""
    target.write_text("\n".join(_page(commands, count, rsigma, (before, os.getloadavg()[1]))) + "\n", encoding="utf-8")
    return 0


def _write_events(data: Path, folder: Path) -> int:
    count = 0
    with (folder / "events.ndjson").open("w") as nested, (folder / "flat.ndjson").open("w") as flat:
        for event in islice(corpus.events(data, _SET), 0, None, _EVERY):
            nested.write(json.dumps(event) + "\n")
            flat.write(json.dumps(_flat(event)) + "\n")
            count += 1
    return count


def _flat(event: Event) -> Mapping[str, Any]:
    winlog = event["winlog"]
    return {
        "@timestamp": event.get("@timestamp"),
        "Channel": winlog.get("channel"),
        "EventID": int(event["event"]["code"]),
        "Computer": winlog.get("computer_name"),
        "Provider_Name": winlog.get("provider_name"),
        **winlog.get("event_data", {}),
        **winlog.get("user_data", {}),
    }


def _commands(folder: Path) -> Iterator[Command]:
    rules, events = folder / "rules", folder / "events.ndjson"
    match = (_WATCHER, "match", rules, "--json", "--events", events)
    yield Command(name="`watcher match`", arguments=match)
    yield Command(name="`watcher match`, one process", arguments=(*match, "--workers", "1"))
    if _version():
        arguments = (_RSIGMA, "engine", "eval", "-r", rules, "-e", f"@{folder / 'flat.ndjson'}")
        yield Command(name="`rsigma engine eval`", arguments=arguments)


def _version() -> str:
    """Return the version of rsigma, empty where it is not installed."""
    if shutil.which(_RSIGMA) is None:
        return ""
    output = subprocess.run([_RSIGMA, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return output.split()[1]  # the features follow


def _remove_refused(rules: Path) -> int:
    """Remove the files that rsigma cannot compile, and return their number."""
    refused = 0
    for file in sorted(path for path in rules.rglob("*") if path.suffix in (".yml", ".yaml")):
        arguments = (_RSIGMA, "engine", "eval", "--rules", file, "--event", "{}")
        if subprocess.run(arguments, check=False, capture_output=True).returncode:
            file.unlink()
            refused += 1
    return refused


def _environment(folder: Path) -> dict[str, str]:
    """Return this process's environment, but with bytecode and a cache that the first turn writes below a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**environment, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "WATCHER_CACHE": str(folder / "cache")}


def _run(arguments: Sequence[str | Path], hits: Path) -> Usage:
    with hits.open("wb") as file, (hits.with_suffix(".log")).open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(arguments, stdout=file, stderr=log, env=_environment(hits.parent))
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: rules that cannot be read
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {hits.with_suffix('.log').read_text()}")
    with hits.open("rb") as file:
        count = sum(1 for _ in file)
    return Usage(wall=wall, cpu=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss * 1024, hits=count)


# --------------------------------------------------------------------------- page


def _page(commands: Sequence[Command], events: int, rsigma: str, load: tuple[float, float]) -> Iterator[str]:
    yield from ("# What matching files costs", "", _ABOUT, "")
    yield f"- machine: {os.cpu_count()} cores, Python {platform.python_version()}"
    yield f"- load before and after: {load[0]:.1f}, {load[1]:.1f}; above the number of cores, wall times say little"
    yield f"- rsigma: {rsigma or 'absent, so it was not measured'}"
    yield ""
    yield "| command | events | n | wall, s | CPU, s | memory, MB | hits |"
    yield "|---|---|---|---|---|---|---|"
    for command in commands:
        walls, cpus = [run.wall for run in command.runs], [run.cpu for run in command.runs]
        memory = max(run.memory for run in command.runs) / 1e6
        yield (
            f"| {command.name} | {events:,} | {len(command.runs)} | {_median(walls)} | {_median(cpus)} | {memory:.0f} "
            f"| {command.runs[-1].hits:,} |"
        )
    first = commands[0]
    yield from ("", f"Times of {first.name} divided by those of the other command, turn by turn (median):", "")
    yield from ("| compared with | wall | CPU |", "|---|---|---|")
    for other in commands[1:]:
        pairs = tuple(zip(first.runs, other.runs, strict=True))
        wall = statistics.median(run.wall / compared.wall for run, compared in pairs)
        cpu = statistics.median(run.cpu / compared.cpu for run, compared in pairs)
        yield f"| {other.name} | {wall:.2f} | {cpu:.2f} |"
    if not rsigma:
        yield "| `rsigma engine eval` | absent | absent |"


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
