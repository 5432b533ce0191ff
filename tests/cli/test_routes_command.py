"""`watcher routes test`: the path of the alert of an event, or of the events of a correlation rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.correlation_files import CHAIN, COUNTING, write_files
from support.in_process import call

ROUTES = """\
channels:
  mail: {type: mail, host: localhost, sender: w@corp.example, to: [soc@corp.example]}
  pager: {type: webhook, url: "https://pager.corp.example/"}
calendars:
  - {name: office, time_zone: Europe/Vienna, weekdays: [mon-fri], hours: ["08:00-17:00"]}
routes:
  - name: alice
    matchers: ["TargetUserName=alice", "level>=high"]
    outside: office
    receivers: pager
  - {name: guessing, match: {tag: attack.t1110}, receivers: mail, digest: 1h}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = write_files(tmp_path)
    file.write_text(file.read_text(encoding="utf-8") + ROUTES, encoding="utf-8")
    return file


def routed(settings: Path, rule: str, *events: str, at: str = "2026-03-01T12:00:00Z") -> list[dict[str, object]]:
    """Return the paths of the alerts of a rule; the default time is a Sunday."""
    names = [argument for event in events for argument in ("-e", f"{settings.parent / 'logons.ndjson'}{event}")]
    done = call("routes", "test", "--rule", rule, *names, "--at", at, "--settings", str(settings), "--json")
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_the_alert_of_a_correlation_takes_the_route_of_its_group(settings: Path) -> None:
    (path,) = routed(settings, COUNTING, "")
    assert path["labels"]["TargetUserName"] == ["alice"]
    assert path["receivers"] == [{"channel": "pager", "route": "alice"}]
    (monday,) = routed(settings, COUNTING, ":1", ":2", ":4", at="2026-03-02T12:00:00+01:00")
    assert [step["reason"] for step in monday["steps"]] == ["calendar", "matched"]
    assert monday["receivers"][0]["channel"] == "mail"
    (chain,) = routed(settings, CHAIN, "")
    assert (chain["labels"]["level"], chain["labels"]["code"]) == (["critical"], ["4624"])
    assert chain["receivers"] == [{"channel": "pager", "route": "alice"}]


def test_events_that_open_no_alert_of_a_correlation_are_reported(settings: Path) -> None:
    event = f"{settings.parent / 'logons.ndjson'}:1"
    done = call("routes", "test", "--rule", COUNTING, "-e", event, "--settings", str(settings))
    assert (done.returncode, "the events open no alert" in done.stderr) == (2, True)
    done = call("routes", "test", "--rule", "Failed Logon", "-e", event, "-e", event, "--settings", str(settings))
    assert (done.returncode, "matches single events, and 2 are named" in done.stderr) == (2, True)
    done = call("routes", "test", "--rule", COUNTING, "--settings", str(settings))
    assert (done.returncode, "pass `--rule` and `--event`" in done.stderr) == (2, True)


def test_the_alert_of_a_single_event_takes_its_route(settings: Path) -> None:
    (path,) = routed(settings, "Failed Logon", ":1")
    assert [step["reason"] for step in path["steps"]] == ["labels", "labels", "default"]
    assert {receiver["channel"] for receiver in path["receivers"]} == {"mail", "pager"}
