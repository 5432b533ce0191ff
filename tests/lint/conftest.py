"""Lets the tests of lints read the rules as the tests of reading do."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "read"))
