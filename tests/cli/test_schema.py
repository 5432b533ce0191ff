"""`watcher schema`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.in_process import call

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ((), "watcher.schema.json"),
        (("settings",), "watcher.schema.json"),
        (("field-map",), "field-map.schema.json"),
    ],
)
def test_the_command_writes_the_schemas_of_the_repository(arguments: tuple[str, ...], file: str) -> None:
    result = call("schema", *arguments)
    assert result.returncode == 0
    assert result.stdout == (DEPLOY / file).read_text(encoding="utf-8")
