"""Settings files as the use cases load them."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from watcher.cli.common import read_settings
from watcher.usecases.loading import load_settings


def test_a_former_name_is_logged_as_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "watcher.yml"
    file.write_text("storm: {limit: 5}\n", encoding="utf-8")
    with capture_logs() as entries:
        settings = load_settings(file)
    assert settings.rate_limit.alerts == 5
    assert [(entry["log_level"], entry["event"], entry["message"]) for entry in entries] == [
        ("warning", "settings.renamed", f"{file}:1:1: `storm` is now called `rate_limit`; rename it"),
        ("warning", "settings.renamed", f"{file}:1:9: `limit` is now called `alerts`; rename it"),
    ]


def test_a_command_shows_a_former_name_once_and_logs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "watcher.yml"
    file.write_text("rate_limit: {limit: 5}\n", encoding="utf-8")
    with capture_logs() as entries:
        read_settings(file)
    assert entries == []
    assert capsys.readouterr().err.count("is now called `alerts`") == 1
