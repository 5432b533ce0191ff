"""A folder with correlation rules, their base rules, and events that they match."""

from __future__ import annotations

import json
from pathlib import Path

RULES = """\
title: Failed Logon
id: 11111111-0000-4000-8000-000000000001
name: failed_logon
level: low
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Successful Logon
id: 11111111-0000-4000-8000-000000000002
name: logon
level: low
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: Many Failed Logons
id: 11111111-0000-4000-8000-000000000003
name: many
level: high
tags: [attack.credential-access, attack.t1110]
correlation:
  type: event_count
  rules: [failed_logon]
  group-by: [TargetUserName]
  timespan: 5m
  condition: {gte: 3}
---
title: Logon After Many Failed Ones
id: 11111111-0000-4000-8000-000000000004
level: critical
description: Somebody guessed a password.
tags: [attack.credential-access, attack.t1110]
correlation:
  type: temporal_ordered
  rules: [many, logon]
  group-by: [TargetUserName]
  timespan: 10m
falsepositives: [none]
"""
COUNTING = "Many Failed Logons"
CHAIN = "Logon After Many Failed Ones"
LOGONS = (
    (0, "4625", "alice"),
    (60, "4625", "ALICE"),
    (90, "4625", "bob"),
    (120, "4625", "alice"),
    (180, "4624", "alice"),
)


def logon(second: int, code: str, user: str) -> dict[str, object]:
    """Return a logon event, some seconds after ten o'clock."""
    return {
        "@timestamp": f"2026-03-01T10:{second // 60:02}:{second % 60:02}.000Z",
        "event": {"code": code},
        "winlog": {"channel": "Security", "event_id": code, "event_data": {"TargetUserName": user}},
    }


def write_files(folder: Path) -> Path:
    """Write `rules/logons.yml`, `logons.ndjson` and the settings file, and return the latter."""
    (folder / "rules").mkdir()
    (folder / "rules" / "logons.yml").write_text(RULES, encoding="utf-8")
    lines = (json.dumps(logon(*entry)) for entry in LOGONS)
    (folder / "logons.ndjson").write_text("\n".join(lines), encoding="utf-8")
    settings = folder / "watcher.yml"
    settings.write_text(f"rules: {{folders: [{{name: mine, path: {folder / 'rules'}}}]}}\n", encoding="utf-8")
    return settings
