"""`watcher match` by several processes: the results of one, in the same order, or an error."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.evtx_file import data, event, write
from support.processes import alive
from support.sandbox import COMMAND, environ, wait_until

SHELL = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
level: high
logsource: {product: windows, category: process_creation}
detection: {selection: {Image|endswith: '\cmd.exe'}, condition: selection}
"""
SLOW = r"""title: A Slow Expression
id: 8f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine|re: '^(?=(?:a+)+b)a'}, condition: selection}
"""
KILLED = """
import multiprocessing, pathlib, sys
from watcher.errors import WatcherError
from watcher.model import Level
from watcher.settings import Settings
from watcher.usecases.match_events import rules_to_match
from watcher.usecases.match_workers import matched_files

selected = rules_to_match(Settings(), pathlib.Path(sys.argv[1]), Level.LOW)
try:
    with matched_files(selected, [pathlib.Path(sys.argv[2])], 2) as chunks:
        next(chunks)
        for worker in multiprocessing.active_children():
            worker.kill()
        print(sum(chunk.events for chunk in chunks))
except WatcherError as fault:
    print(fault)
"""

SPAWNED = """
import sys
from watcher.known_secrets import remember_secret, without_secrets
from watcher.usecases.ordered_workers import ordered_workers

if __name__ == "__main__":
    sys.platform = "darwin"  # where processes are no forks
    remember_secret("a-known-password")
    with ordered_workers(without_secrets, 2) as workers:
        print(*workers.map(["quoted: a-known-password", "nothing"]), sep="; ")
"""


def lines(count: int, **values: str) -> Iterator[str]:
    """Yield events, every second of which is a shell."""
    for number in range(count):
        image = "C:\\cmd.exe" if number % 2 else "C:\\x.exe"
        winlog = {
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "event_id": "1",
            "event_data": {"Image": image, "ProcessId": str(number), "Hashes": "0" * 1000, **values},
        }
        yield json.dumps({"@timestamp": "2026-03-01", "event": {"code": "1"}, "winlog": winlog}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "shell.yml").write_text(SHELL, encoding="utf-8")
    (tmp_path / "logs").mkdir()
    return tmp_path


def call(folder: Path, *arguments: str) -> tuple[int, str, str]:
    command = [COMMAND, "match", folder / "rules", "--events", folder / "logs", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ(), check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_processes_share_the_files_and_the_results_stay_in_order(folder: Path) -> None:
    (folder / "rules" / "slow.yml").write_text(SLOW, encoding="utf-8")
    logs = folder / "logs"
    (logs / "a.ndjson").write_text("".join([*lines(2000), "{broken\n", '{"a": 1}\n', *lines(10)]), encoding="utf-8")
    (logs / "b.ndjson.gz").write_bytes(gzip.compress("".join(lines(1500)).encode())[:-20])
    (logs / "c.evtx").write_bytes(b"nothing")
    write(logs / "d.evtx", [event(data("Image", f"C:\\{name}.exe")) for name in ("cmd", "x", "cmd")])
    (logs / "e.json").write_text(json.dumps([json.loads(line) for line in lines(9)]), encoding="utf-8")
    (logs / "f.ndjson").write_text("".join(lines(1, CommandLine="a" * 100_000 + " b")), encoding="utf-8")
    code, stdout, stderr = call(folder, "--json", "--workers", "2")
    assert (code, stdout, stderr) == call(folder, "--json", "--workers", "1")
    numbers = [json.loads(line)["number"] for line in stdout.splitlines()]
    assert numbers[:1003] == [*range(2, 2001, 2), 2004, 2006, 2008]
    assert (code, len(numbers) > 1003) == (1, True)
    for warning in ("a.ndjson:2001:1: the line", "b.ndjson.gz:1:1: the file", "c.evtx:1:1: the event", "undecided: "):
        assert warning in stderr
    assert f"1 documents have no channel; first at line 2002 of `{logs / 'a.ndjson'}`" in stderr


def test_processes_that_are_no_forks_know_the_secrets(tmp_path: Path) -> None:
    script = tmp_path / "spawned.py"
    script.write_text(SPAWNED, encoding="utf-8")
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout == "quoted: ***; nothing\n"


def test_a_process_that_dies_is_an_error(folder: Path) -> None:
    path = folder / "logs" / "a.ndjson"
    path.write_text("".join(lines(5_000)), encoding="utf-8")
    command = [sys.executable, "-c", KILLED, folder / "rules", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.startswith("a worker process ended unexpectedly, perhaps for lack of memory")
    assert "run it again with `--workers 1`" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_processes_end_with_the_command(folder: Path, number: signal.Signals) -> None:
    (folder / "logs" / "a.ndjson").write_text("".join(lines(5_000)), encoding="utf-8")
    command = [COMMAND, "match", folder / "rules", "--json", "--workers", "2", "--events", folder / "logs"]
    # nobody reads the hits, so that the command waits until its signal comes
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(),
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - it sets a signal's action and nothing else
    ) as process:
        begun: set[int] = set()
        wait_until(lambda: begun.update(children(process.pid)) or len(begun) == 2, what="two processes")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert stderr == b""
    assert process.returncode == (130 if number is signal.SIGINT else -signal.SIGKILL)
    wait_until(lambda: not any(map(alive, begun)), what="the end of both")


def heed_interrupts() -> None:
    """Undo what the shell of a background job set for its processes: that they ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def children(parent: int) -> list[int]:
    """Return the process ids of a command's processes."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(number) for number in path.read_text(encoding="ascii").split()] if path.exists() else []
