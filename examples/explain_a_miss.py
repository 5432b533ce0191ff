"""Show which rules nearly match an event: its log source fits, and the condition does not hold.

python examples/explain_a_miss.py RULES EVENT.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import watcher


def main(folder: str, file: str) -> None:
    """Print the rules of the event's log source that do not match it."""
    event = json.loads(Path(file).read_text(encoding="utf-8"))
    for rule in watcher.load_rules(folder):
        explanation = watcher.explain(rule, event)
        if explanation.fits and not explanation.holds:
            print(f"does not match: {rule.title}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
