"""Houses to live in: one per test, on every engine or on one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import Running
from house import House, housed


@pytest.fixture
def house(engine: Running, tmp_path: Path) -> Iterator[House]:
    """Give a house on each engine in turn."""
    with housed(engine, tmp_path) as made:
        yield made


@pytest.fixture
def open_house(opensearch: Running, tmp_path: Path) -> Iterator[House]:
    """Give a house on OpenSearch, without security."""
    with housed(opensearch, tmp_path) as made:
        yield made


@pytest.fixture
def closed_house(elasticsearch: Running, tmp_path: Path) -> Iterator[House]:
    """Give a house on Elasticsearch, behind TLS and a password."""
    with housed(elasticsearch, tmp_path) as made:
        yield made
