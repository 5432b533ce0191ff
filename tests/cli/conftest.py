"""Sandboxes for the commands, which run in this process: on OpenSearch, and on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import Running
from support.in_process import call
from support.sandbox import Sandbox, open_sandbox


@pytest.fixture
def sandbox(opensearch: Running, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox of its own to each test."""
    with open_sandbox(opensearch, tmp_path) as opened:
        opened.caller = call
        yield opened


@pytest.fixture(params=["opensearch", pytest.param("elasticsearch", marks=pytest.mark.slow)])
def sandbox_of_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox on each engine; Elasticsearch is started by no other test of this folder."""
    running: Running = request.getfixturevalue(request.param)
    with open_sandbox(running, tmp_path) as opened:
        opened.caller = call
        yield opened
