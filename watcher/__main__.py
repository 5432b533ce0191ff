"""The process of a command: `watcher`, or `python -m watcher`."""

from __future__ import annotations

from watcher.cli import main
from watcher.cli.process_exit import exit_at_once


def start() -> None:
    """Run the command line as a process of its own."""
    try:
        main()
    except SystemExit as ended:
        exit_at_once(ended)
        raise


if __name__ == "__main__":
    start()
