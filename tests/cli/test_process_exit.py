"""A process that ends at once ends as any other: its output is written, its handlers run, its exit code stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_BEGIN = """
import atexit, sys, threading, time
from watcher.cli.process_exit import exit_at_once
class Freed:
    def __del__(self):
        sys.stderr.write("freed")
freed = Freed()
def end(code):
    try:
        sys.exit(code)
    except SystemExit as ended:
        exit_at_once(ended)
        raise
"""


def ended(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _BEGIN + script], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_and_the_output_stay_and_nothing_is_freed(code: int) -> None:
    done = ended(f"print('x' * 100_000); end({code})")
    assert (done.returncode, len(done.stdout), done.stderr) == (code, 100_001, "")


def test_exit_handlers_run() -> None:
    done = ended("atexit.register(lambda: print('handler')); print('before'); end(None)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "before\nhandler\n", "")


def test_a_message_as_the_exit_code_is_written() -> None:
    done = ended("end('a message')")
    assert (done.returncode, done.stderr) == (1, "a message\nfreed")


def test_a_thread_at_work_is_waited_for() -> None:
    done = ended("threading.Thread(target=lambda: (time.sleep(0.2), print('done'))).start(); end(0)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "freed")


def test_output_that_nobody_reads_ends_as_in_any_process() -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    script = "import sys; sys.stdin.read(); print('x'); end(0)"
    with subprocess.Popen(
        [sys.executable, "-c", _BEGIN + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=buffered,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate(b"")
    assert b"BrokenPipeError" in errors
    assert process.returncode == 120
