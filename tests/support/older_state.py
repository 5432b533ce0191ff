"""The captured states of version 2, for the tests of the migration."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERSION_2 = Path(__file__).parents[1] / "state/version_2"


def captured(kind: str, engine: str) -> Mapping[str, Any]:
    """Read a captured file: `state`, `events` or `takeover` of `opensearch` or `elasticsearch`."""
    document: Mapping[str, Any] = json.loads(gzip.decompress((VERSION_2 / f"{kind}-{engine}.json.gz").read_bytes()))
    return document
