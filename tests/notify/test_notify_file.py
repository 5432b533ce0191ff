from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.hostile_messages import UNSEEN, huge_message, messages, rendered
from support.hostile_text import FixedClock
from support.sandbox import run_watcher

from watcher.errors import DeliveryError
from watcher.model import Notification
from watcher.notify.file import FileChannel
from watcher.notify.file.transport import FileNotifier

SMALL = Notification(
    alert="a1", channel="f", key="k1", subject="s", bodies={"application/json": '{"message": "é", "a": {"b": ""}}'}
)
LINE = '{"message": "é"}\n'


def notifier(path: Path) -> FileNotifier:
    return FileNotifier(FileChannel(name="f", path=path), FixedClock())


def test_each_message_is_a_line_of_json(tmp_path: Path) -> None:
    file = tmp_path / "alerts.ndjson"
    channel = FileChannel(name="f", path=file)
    contexts = [*messages(), huge_message()]
    for context in contexts:
        notifier(file).send(rendered(context, channel))
    content = file.read_bytes().decode()
    assert [character for character in UNSEEN if character in content] == []
    lines = content.removesuffix("\n").split("\n")
    assert len(lines) == len(contexts)
    assert [len(json.loads(line)) > 0 for line in lines] == [True] * len(contexts)
    assert max(map(len, lines)) < 200_000
    assert "more characters)" in lines[-1]
    assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0


def test_a_file_that_was_moved_is_created_again(tmp_path: Path) -> None:
    file = tmp_path / "alerts.ndjson"
    channel = notifier(file)
    channel.send(SMALL)
    file.rename(tmp_path / "alerts.ndjson.1")
    channel.send(SMALL)
    assert file.read_text(encoding="utf-8") == LINE
    assert (tmp_path / "alerts.ndjson.1").read_text(encoding="utf-8") == LINE


def test_a_line_after_a_crash_begins_on_its_own(tmp_path: Path) -> None:
    file = tmp_path / "alerts.ndjson"
    file.write_text('{"message": "half', encoding="utf-8")
    notifier(file).send(SMALL)
    assert file.read_text(encoding="utf-8") == '{"message": "half\n' + LINE


@pytest.mark.parametrize("unusable", ["folder", "missing folder", "pipe without a reader", "file as folder"])
def test_a_path_that_cannot_be_written_is_a_failure_that_is_tried_again(unusable: str, tmp_path: Path) -> None:
    path = {
        "folder": tmp_path,
        "missing folder": tmp_path / "missing" / "alerts",
        "pipe without a reader": tmp_path / "pipe",
        "file as folder": tmp_path / "file" / "alerts",
    }[unusable]
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DeliveryError, match=r"channel `f`: cannot write to `.*Error") as caught:
        notifier(path).send(SMALL)
    assert not caught.value.permanent


def test_a_disk_that_is_full_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    file = tmp_path / "alerts.ndjson"
    notifier(file).send(SMALL)
    program = (
        "import resource, signal, sys, pathlib\n"
        "from watcher.notify.file.durable_line import append_line\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    append_line(pathlib.Path(sys.argv[1]), 'x' * 1_000)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"{errno.EFBIG}\n"
    assert file.read_text(encoding="utf-8") == LINE


def test_two_processes_share_a_file_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "alerts.ndjson"
    program = (
        "import sys, pathlib\n"
        "from watcher.notify.file.durable_line import append_line\n"
        "for number in range(100):\n"
        "    append_line(pathlib.Path(sys.argv[1]), sys.argv[2] * 20_000)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(file), letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    lines = file.read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == ["a" * 20_000] * 100 + ["b" * 20_000] * 100


def test_standard_output_gets_lines_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    channel = FileChannel(name="f", path=Path("/etc/watcher/-"))
    for context in messages():
        FileNotifier(channel, FixedClock()).send(rendered(context, channel))
    output = capsys.readouterr().out
    assert output.isascii()
    assert len([json.loads(line) for line in output.splitlines()]) == len(list(messages()))


def test_a_closed_standard_output_is_a_failure_that_is_tried_again() -> None:
    with closed_pipe() as descriptor:
        program = (
            "from pathlib import Path\n"
            "from watcher.errors import DeliveryError\n"
            "from watcher.model import Notification\n"
            "from watcher.notify.file import CHANNEL_TYPE, FileChannel\n"
            "import os, sys\n"
            "note = Notification(alert='a', channel='f', key='k', subject='s', bodies={'application/json': '{}'})\n"
            "try:\n"
            "    CHANNEL_TYPE.build(FileChannel(name='f', path=Path('-')), None).send(note)\n"
            "except DeliveryError as error:\n"
            "    print(error, error.permanent, file=sys.stderr, flush=True)\n"
            "os._exit(0)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=descriptor,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        )
    assert done.stderr.startswith("channel `f`: cannot write to standard output: BrokenPipeError")
    assert done.stderr.endswith(" False\n")


@contextmanager
def closed_pipe() -> Iterator[int]:
    """Yield the end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_settings_name_the_file_or_standard_output(tmp_path: Path) -> None:
    channels = {"f": {"type": "file", "path": "out/alerts.ndjson"}, "o": {"type": "file", "path": "-"}}
    settings_file = tmp_path / "watcher.yml"
    settings_file.write_text(json.dumps({"channels": channels}), encoding="utf-8")
    failed = run_watcher("notify", "f", "--settings", str(settings_file))
    assert failed.returncode == 1
    assert "cannot write to" in failed.stdout
    (tmp_path / "out").mkdir()
    assert run_watcher("notify", "f", "--settings", str(settings_file)).returncode == 0
    (line,) = (tmp_path / "out" / "alerts.ndjson").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["host"]["name"] == "TEST-HOST"
    printed = run_watcher("notify", "o", "--settings", str(settings_file))
    assert json.loads(printed.stdout.splitlines()[0])["watcher"]["alert"]["origin"] == "test"
