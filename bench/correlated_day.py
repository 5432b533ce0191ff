"""A day of generated events, base rules that match some of them, and correlation rules over these."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import urllib3

START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
BASE_RULES = 20
CORRELATIONS = 50
MATCHED = 5  # of so many events one is a base hit
_BATCH = 5_000
_KEYWORD = {"type": "keyword"}
_MAPPING = {
    "properties": {
        "@timestamp": {"type": "date"},
        "host": {"properties": {"name": _KEYWORD}},
        "event": {"properties": {"code": _KEYWORD, "provider": _KEYWORD}},
        "winlog": {
            "properties": {
                "channel": _KEYWORD,
                "event_data": {
                    "properties": {"TargetUserName": _KEYWORD, "IpAddress": _KEYWORD, "CommandLine": _KEYWORD}
                },
            }
        },
    }
}
_BASE_RULE = """\
title: Base Rule {number}
name: base_{number}
id: {id}
status: test
level: high
logsource: {{product: windows, service: security}}
detection: {{selection: {{EventID: {code}}}, condition: selection}}
"""
_ORDINARY_RULE = """\
title: An Ordinary Rule
id: {id}
status: test
level: high
logsource: {{product: windows, service: security}}
detection: {{selection: {{CommandLine|contains: nothing}}, condition: selection}}
"""
_CORRELATION = """\
title: Correlation {number}
id: {id}
status: test
level: high
correlation:
  type: {type}
  rules: [{rules}]
  group-by: [{group}]
  timespan: {timespan}
  condition: {condition}
"""
_CONDITIONS = {
    "event_count": "{gte: 40}",
    "value_count": "{field: IpAddress, gte: 40}",
    "temporal": "{gte: 2}",
    "temporal_ordered": "{gte: 2}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is generated."""

    events: int = 1_000_000  # of the day
    groups: int = 100_000  # users

    @property
    def interval(self) -> timedelta:
        """The time from one event to the next."""
        return DAY / self.events


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationRuleText:
    """A correlation of the benchmark."""

    number: int
    type: str
    base_rules: tuple[int, ...]
    timespan: str

    @property
    def text(self) -> str:
        """The YAML document."""
        return _CORRELATION.format(
            number=self.number,
            id=uuid5(NAMESPACE_URL, f"correlation-{self.number}"),
            type=self.type,
            rules=", ".join(f"base_{number}" for number in self.base_rules),
            group="TargetUserName",
            timespan=self.timespan,
            condition=_CONDITIONS[self.type],
        )


def code_of(base_rule: int) -> int:
    """Return the event id that a base rule selects."""
    return 5_000 + base_rule


def correlations(timespans: tuple[str, ...]) -> Iterator[CorrelationRuleText]:
    """Yield the correlations: four types over one base rule or two, with timespans in turn."""
    kinds = tuple(_CONDITIONS)
    for number in range(CORRELATIONS):
        kind = kinds[number % len(kinds)]
        first = number % BASE_RULES
        base_rules = (first, (first + 7) % BASE_RULES) if kind.startswith("temporal") else (first,)
        yield CorrelationRuleText(
            number=number, type=kind, base_rules=base_rules, timespan=timespans[number % len(timespans)]
        )


def base_rule_texts() -> Iterator[str]:
    """Yield the base rules as YAML, after a rule that must see every event and matches none."""
    yield _ORDINARY_RULE.format(id=uuid5(NAMESPACE_URL, "ordinary"))
    for number in range(BASE_RULES):
        rule_id = uuid5(NAMESPACE_URL, f"base-{number}")
        yield _BASE_RULE.format(number=number, id=rule_id, code=code_of(number))


def fill(url: str, index: str, scale: Scale, days: int) -> None:
    """Create an index with so many equal days of events, the last of which begins at START."""
    http = urllib3.PoolManager()
    body = {"settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}}
    _send(http, "PUT", f"{url}/{index}", json.dumps({**body, "mappings": _MAPPING}))
    lines: list[str] = []
    for number in range(-(days - 1) * scale.events, scale.events):
        lines += ['{"create":{}}', json.dumps(_event(number, scale))]
        if len(lines) >= 2 * _BATCH or number == scale.events - 1:
            _send(http, "POST", f"{url}/{index}/_bulk?filter_path=errors", "\n".join(lines) + "\n")
            lines.clear()
    _send(http, "POST", f"{url}/{index}/_refresh", "")
    _send(http, "POST", f"{url}/{index}/_forcemerge?max_num_segments=5", "")


def _event(number: int, scale: Scale) -> Mapping[str, Any]:
    matched = number % MATCHED == 0
    user = number // MATCHED * 7919 % scale.groups
    code = code_of(number // MATCHED % BASE_RULES) if matched else 4_000 + number % 500
    return {
        "@timestamp": f"{START + number * scale.interval:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "host": {"name": f"HOST{number * 31 % 500:03d}"},
        "event": {"code": str(code), "provider": "Microsoft-Windows-Security-Auditing"},
        "winlog": {
            "channel": "Security",
            "event_data": {
                "TargetUserName": f"user{user:06d}",
                "IpAddress": f"10.{number % 199}.{number % 251}.{number % 241}",
                "CommandLine": f"C:\\Windows\\System32\\program{number % 997}.exe /argument {number}",
            },
        },
    }


def _send(http: urllib3.PoolManager, method: str, url: str, body: str) -> None:
    kind = "application/x-ndjson" if "_bulk" in url else "application/json"
    answer = http.request(method, url, body=body.encode() or None, headers={"content-type": kind}, timeout=600)
    if answer.status != 200:
        raise RuntimeError(f"{url}: {answer.data[:300]!r}")
