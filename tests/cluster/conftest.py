"""Indices of a test on each engine, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.borrowed_indices import Indices, connections, indices
from support.engines import Running

from watcher.cluster.connections import Connection


@pytest.fixture
def lent(engine: Running) -> Iterator[Indices]:
    """Yield indices that are deleted after the test."""
    with indices(engine.admin()) as borrowed:
        yield borrowed


@pytest.fixture
def connection(engine: Running) -> Iterator[Connection]:
    """Yield a connection of the least privileged user that watcher runs as."""
    with connections(engine.cluster()) as opened:
        yield opened
