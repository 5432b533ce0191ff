"""`watcher` called in this process: no start of an interpreter, and the same exit codes and output."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import structlog

from support.sandbox import environ
from watcher.cli import main


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line, and return its exit code and what it wrote."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        _environment(environ(**environment)),
        _arguments(arguments),
        _signal_handlers(),
        _log(),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        code = _exit_code()
    return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())


def _exit_code() -> int:
    try:
        main()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _arguments(arguments: tuple[str, ...]) -> Iterator[None]:
    before = sys.argv
    sys.argv = ["watcher", *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _signal_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _log() -> Iterator[None]:
    try:
        yield
    finally:
        structlog.reset_defaults()  # else later tests would log into a closed stream
