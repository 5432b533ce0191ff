from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from support.correlation_files import write_files
from support.fakes import rule

from watcher.lint.route_lints import lint
from watcher.model import Level
from watcher.settings import read
from watcher.usecases.loading import load_rules, load_settings

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


LABELS = """\
channels: {mail: {type: file, path: a.jsonl}}
rules: {select: [{set: {group_by: [TargetUserName]}}]}
routes:
- {name: misspelt, matchers: "hots=DC01", receivers: mail}
- {name: known, matchers: "TargetUserName=alice, host=DC01", receivers: mail}
- {name: grouped, matchers: "level=high", receivers: mail, digest: 1h, group_by: [host, usr]}
- {name: levels, match: {level: [high, hihg]}, receivers: mail}
inhibit:
- {source: level=critical, target: level<=low}
- {source: level=high, target: level<=high, equal: [host, TargetUserNam]}
"""


def test_labels_and_levels_that_no_alert_has_are_findings() -> None:
    rules = [replace(rule(), level=Level.HIGH)]
    findings = list(lint(rules, read(LABELS, {}), now=NOW))
    assert [(finding.code, finding.location.line, finding.fix) for finding in findings] == [
        ("unknown-label", 4, "did you mean `host`"),
        ("unknown-label", 6, "did you mean `user`"),
        ("label-level", 7, "use `informational`, `low`, `medium`, `high`, `critical`"),
        ("unknown-label", 10, "did you mean `TargetUserName`"),
        ("unused-inhibition", 9, "correct its matchers"),
        ("unused-inhibition", 9, "correct its matchers"),
    ]
    assert list(lint([], read(LABELS, {}), now=NOW)) == []


def test_the_fields_of_correlation_rules_are_labels(tmp_path: Path) -> None:
    settings = read(
        "channels: {mail: {type: file, path: a.jsonl}}\nroutes: [{name: r, matchers: TargetUserName=x}]", {}
    )
    loaded = load_rules(load_settings(write_files(tmp_path)))
    findings = lint((*loaded.rules, *loaded.correlations.rules), settings, now=NOW)
    assert [finding.code for finding in findings] == []
    assert [finding.code for finding in lint(loaded.rules, settings, now=NOW)] == ["unknown-label"]
