"""Load the shipped rules, and match one event in memory.

python examples/match_an_event.py RULES
"""

from __future__ import annotations

import sys

import watcher

EVENT = {
    "@timestamp": "2026-11-23T11:59:30.123Z",
    "event": {"code": "4688"},
    "winlog": {
        "channel": "Security",
        "event_data": {
            "NewProcessName": r"C:\Windows\System32\inetsrv\appcmd.exe",
            "CommandLine": r"appcmd.exe install module /name:MyNativeModule /image:C:\temp\module.dll",
        },
    },
}


def main(folder: str) -> None:
    """Print the rules that match."""
    rules = watcher.load_rules(folder)
    print(f"{len(rules)} rules")
    for rule in rules.match(EVENT):
        print(f"[{rule.level}] {rule.title}")


if __name__ == "__main__":
    main(sys.argv[1])
