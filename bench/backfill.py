"""`watcher backfill` over the day; hits and alerts are recorded on the same node."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench import filled
from watcher.cluster.connections import connect
from watcher.settings import Cluster

_SETTINGS = """\
cluster: {{hosts: {url}, timeout: 5m}}
sources:
  - {{name: day, index: {index}}}
rules:
  folders:
    - {{name: shared, path: {rules}}}
  select:
    - set: {{enabled: true}}
state: {{prefix: {prefix}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRun:
    """The results of a backfill."""

    workers: int
    events: int
    hits: int
    alerts: int
    wall: float
    cluster: float  # CPU of the engine, in seconds
    own: float  # CPU of all its processes
    memory: int  # bytes resident at most, of the process that held most


def day(url: str, folder: Path, *, index: str, workers: int, cpu: Callable[[], float]) -> BackfillRun:
    """Backfill the day with the rules of a folder, without notifications, and delete the results."""
    prefix = f"bench-{workers}"
    settings = folder / f"watcher-{workers}.yml"
    settings.write_text(_SETTINGS.format(url=url, index=index, rules=folder, prefix=prefix), encoding="utf-8")
    ends = filled.DAY + timedelta(days=1)
    command = [str(Path(sys.executable).with_name("watcher")), "backfill", "--settings", str(settings), "--json"]
    command += ["--from", f"{filled.DAY:%Y-%m-%d}", "--to", f"{ends:%Y-%m-%d}", "--notify", "none"]
    command += ["--rules", str(folder / "rules"), "--workers", str(workers)]
    before, began, used = _children(), time.perf_counter(), cpu()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        memory = _most(process)
        output = process.stdout.read() if process.stdout is not None else ""
    (outcome,) = json.loads(output[output.index("[") :])
    wall, spent = time.perf_counter() - began, cpu() - used
    _delete_state(url, prefix)
    return BackfillRun(
        workers=workers,
        events=outcome["events"],
        hits=outcome["hits_recorded"],
        alerts=outcome["alerts_opened"],
        wall=wall,
        cluster=spent,
        own=_children() - before,
        memory=memory,
    )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _most(process: subprocess.Popen[str]) -> int:
    """Wait for a process; return the largest memory of it or any of its children, in bytes."""
    most = 0
    while process.poll() is None:
        most = max(most, *map(_resident, _family(process.pid)))
        time.sleep(0.5)  # noqa: TID251 - a benchmark waits for another program
    return most


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in below:
        yield from _family(int(child))


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def _delete_state(url: str, prefix: str) -> None:
    connection = connect(Cluster(hosts=(url,)))
    state = connection.state()
    for name in state.indices(f"{prefix}-*"):
        state.drop(name)
    connection.close()
