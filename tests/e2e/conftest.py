"""Sandboxes, one per test: on each engine, or on a particular engine; commands run in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import Running
from support.in_process import call
from support.older_sandbox import configure, load
from support.sandbox import Sandbox, open_sandbox


@pytest.fixture
def sandbox(engine: Running, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox on each engine in turn."""
    with open_sandbox(engine, tmp_path) as opened:
        opened.caller = call
        yield opened


@pytest.fixture
def opensearch_sandbox(opensearch: Running, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox on OpenSearch, without security."""
    with open_sandbox(opensearch, tmp_path) as opened:
        opened.caller = call
        yield opened


@pytest.fixture
def secured_sandbox(elasticsearch: Running, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield a sandbox on Elasticsearch, behind TLS and a password."""
    with open_sandbox(elasticsearch, tmp_path) as opened:
        opened.caller = call
        yield opened


@pytest.fixture
def older(engine: Running, tmp_path: Path) -> Iterator[Sandbox]:
    """Create the state and the events that version 2 left on the same engine."""
    with open_sandbox(engine, tmp_path) as sandbox:
        sandbox.caller = call
        load(sandbox, "events", "winlogbeat-", f"winlogbeat-{sandbox.name}-")
        load(sandbox, "state", "watcher-", f"{sandbox.prefix}-")
        configure(sandbox)
        yield sandbox
