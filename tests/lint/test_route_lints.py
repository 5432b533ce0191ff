from dataclasses import replace
from datetime import UTC, datetime

from support.fakes import rule

from watcher.lint.route_lints import lint
from watcher.model import Level
from watcher.settings import read

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SETTINGS = """\
channels: {mail: {type: file, path: a.jsonl}}
calendars:
- {name: over, dates: 2026-11-27}
- {name: mondays, dates: 2026-11-24/2026-11-29, weekdays: mon}
- {name: today, dates: 2026-11-28}
routes:
- {name: low, match: {level: low}, receivers: mail}
- name: high
  matchers: level>=high, host=DC01
  receivers: mail
  routes:
  - {name: inner, matchers: level=medium}
  - {name: every}
  - {name: last}
- {name: all, receivers: mail, continue: true}
- {name: rest, receivers: mail}
- {name: never, receivers: mail, during: today}
"""


def test_routes_that_no_alert_takes_and_calendars_that_are_over_are_findings() -> None:
    rules = [replace(rule(), level=Level.HIGH)]
    findings = lint(rules, read(SETTINGS, {}), now=NOW)
    assert [(finding.code, finding.location.line) for finding in findings] == [
        ("unused-route", 7),
        ("unused-route", 12),
        ("unreachable-route", 17),
        ("unreachable-route", 14),
        ("calendar-over", 3),
        ("calendar-over", 4),
    ]


def test_settings_without_routes_have_no_findings() -> None:
    assert list(lint([rule()], read("", {}), now=NOW)) == []
