"""A house on OpenSearch for the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import Running
from house import House, housed
from in_process import call


@pytest.fixture
def house(opensearch: Running, tmp_path: Path) -> Iterator[House]:
    """Give a house of its own to each test."""
    with housed(opensearch, tmp_path) as made:
        made.caller = call
        yield made
