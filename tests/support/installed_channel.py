"""The channel of examples/webhook-channel, installed by pip into a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "webhook-channel"
_PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
_OFFLINE = ("--no-index", "--no-deps", "--no-build-isolation")


def install_webhook_channel(folder: Path) -> Path:
    """Build the package, install it into a folder without a network, and return the folder."""
    command = [*_PIP, *_OFFLINE, "--target", str(folder), str(EXAMPLE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return folder
