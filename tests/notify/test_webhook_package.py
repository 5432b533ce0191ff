"""The channel of an installed package is used by `watcher notify`, from settings to the HTTP request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.installed_channel import EXAMPLE
from support.receivers import HttpReceiver
from support.sandbox import run_watcher

SECRET = "token-4711-secret"


def notify(folder: Path, channel: dict[str, str], package: Path) -> subprocess.CompletedProcess[str]:
    """Call `watcher notify` for one channel, with the package on the path of Python."""
    settings_file = folder / "watcher.yml"
    settings_file.write_text(json.dumps({"channels": {"hook": {"type": "hook", **channel}}}), encoding="utf-8")
    return run_watcher("notify", "hook", "--settings", str(settings_file), PYTHONPATH=str(package))


def test_the_installed_package_lies_outside_the_checkout(webhook_package: Path) -> None:
    installed = {path.relative_to(webhook_package).as_posix() for path in webhook_package.rglob("*.*")}
    assert "watcher_webhook/templates/hook.json.j2" in installed
    assert "watcher_webhook-1.0.0.dist-info/entry_points.txt" in installed
    assert EXAMPLE not in webhook_package.parents


def test_the_tests_of_the_package_pass_on_what_is_installed(webhook_package: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE)]
    done = subprocess.run(
        [*command, str(EXAMPLE / "tests")],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": str(webhook_package)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_notify_posts_the_test_message(webhook_package: Path, tmp_path: Path) -> None:
    with HttpReceiver() as receiver:
        done = notify(tmp_path, {"url": receiver.url(f"/{SECRET}")}, webhook_package)
    assert (done.returncode, done.stdout) == (0, "`hook` accepted the test message\n"), done.stderr
    (request,) = receiver.requests
    message = json.loads(request.body)
    assert request.path == f"/{SECRET}"
    assert (message["origin"], message["level"], message["host"]) == ("test", "informational", "TEST-HOST")
    assert len(request.headers["Idempotency-Key"]) == 32


def test_a_refusal_is_shown_without_the_secret(webhook_package: Path, tmp_path: Path) -> None:
    with HttpReceiver(status=403, answer=f"{SECRET} is revoked") as receiver:
        done = notify(tmp_path, {"url": receiver.url(f"/{SECRET}")}, webhook_package)
    assert done.returncode == 1
    assert "channel `hook`: answered 403 `*** is revoked`" in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("channel", "message"),
    [({}, "`channels.hook.url` is missing"), ({"url": "https://a.example/b", "adress": "x"}, "`channels.hook.adress`")],
)
def test_wrong_settings_of_the_channel_are_reported(
    webhook_package: Path, tmp_path: Path, channel: dict[str, str], message: str
) -> None:
    done = notify(tmp_path, channel, webhook_package)
    assert done.returncode == 2
    assert message in done.stderr


def test_without_the_package_the_type_is_unknown(tmp_path: Path) -> None:
    done = notify(tmp_path, {"url": "https://a.example/b"}, tmp_path)
    assert done.returncode == 2
    assert "webhook" in done.stderr
