"""`watcher schema`."""

from __future__ import annotations

from pathlib import Path

from in_process import call

SCHEMA = Path(__file__).resolve().parents[2] / "deploy" / "watcher.schema.json"


def test_the_command_writes_the_schema_of_the_repository() -> None:
    result = call("schema")
    assert result.returncode == 0
    assert result.stdout == SCHEMA.read_text(encoding="utf-8")
