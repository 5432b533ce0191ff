"""Translate rules to queries for an index template, one JSON line per rule.

python examples/translate_rules.py RULES TEMPLATE.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import watcher


def main(folder: str, file: str) -> None:
    """Print the query of each rule, and whether it is exact."""
    template = json.loads(Path(file).read_text(encoding="utf-8"))
    for rule in watcher.load_rules(folder):
        plan = watcher.translate_rule(rule, template)
        print(json.dumps({"title": rule.title, "exact": plan.exact, "query": plan.query}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
