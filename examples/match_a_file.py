"""Match a file of events (EVTX, JSON lines, JSON), and count the hits of each rule.

python examples/match_a_file.py RULES EVENTS
"""

from __future__ import annotations

import sys
from collections import Counter

import watcher


def main(folder: str, events: str) -> None:
    """Print the rules that match, the most frequent first."""
    rules = watcher.load_rules(folder)
    hits = Counter(rule.title for matched in watcher.match_file(rules, events) for rule in matched.rules)
    for title, count in hits.most_common():
        print(f"{count:>6}  {title}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
