"""Open a watcher from its settings, and list its newest alerts.

python examples/list_alerts.py watcher.yml
"""

from __future__ import annotations

import sys

import watcher


def main(settings_file: str) -> None:
    """Print time, level and title of each alert."""
    with watcher.open(settings_file) as app:
        for alert in app.alerts(limit=50):
            print(f"{alert.time}  {alert.level:<13}  {alert.title}")


if __name__ == "__main__":
    main(sys.argv[1])
