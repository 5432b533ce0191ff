"""A state that cannot be written, is gone, or of an older version: nothing is lost, nothing told that is not kept."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from house import House, until
from mortals import mortals
from told import attack, each_host_once, told

from watcher.state.index_templates import VERSION, templates

Break = Callable[[House], None]


def block(house: House) -> None:
    """Do what Elasticsearch does above the flood-stage watermark."""
    house.ask("PUT", f"/{house.prefix}-*/_settings", {"index.blocks.read_only_allow_delete": True})


def unblock(house: House) -> None:
    house.ask("PUT", f"/{house.prefix}-*/_settings", {"index.blocks.read_only_allow_delete": None})


def close(house: House) -> None:
    for index in house.admin.state().indices(f"{house.prefix}-*"):
        house.ask("POST", f"/{index}/_close")


def reopen(house: House) -> None:
    for index in house.ask("GET", f"/{house.prefix}-*/_settings?expand_wildcards=all"):
        house.ask("POST", f"/{index}/_open?wait_for_active_shards=1")


@pytest.mark.parametrize(("harm", "heal"), [(block, unblock), (close, reopen)], ids=["blocked", "closed"])
def test_a_state_that_cannot_be_written_tells_nothing_and_goes_on_afterwards(
    house: House, harm: Break, heal: Break
) -> None:
    each_host_once(house)
    this_month(house)
    house.template()
    house.feed([attack("before", "before")])
    with mortals(house) as runs:
        runs.run()
        until_then = house.live()["until"]
        harm(house)
        house.feed([attack("during", "during")], ago=timedelta(seconds=2))
        assert runs.run()["status"] == 3
        assert (len(house.slack.requests), len(house.smtp.messages)) == (1, 1)
        heal(house)
        assert house.live()["until"] == until_then
        runs.run()
    found = told(house)
    assert found.lost(["before", "during"], ["before", "during"]) == []
    assert not found.doubled()


def test_a_sidecar_whose_state_is_blocked_tells_its_operators_and_goes_on_afterwards(open_house: House) -> None:
    house = operated(open_house)
    with house.loop() as loop:
        loop.until_said("window.searched")
        block(house)
        house.feed([attack("during", "during")], ago=timedelta(seconds=1))
        until(lambda: "fails" in notices(house), what="a notice", shown=loop.said)
        assert set(told(house).alerts) == {"before"}
        unblock(house)
        until(lambda: "works again" in notices(house), what="a second notice", shown=loop.said)
        until(lambda: len(told(house).mails) == 2 and "during" in notices(house), what="messages", shown=loop.said)
        assert loop.stop(signal.SIGTERM) == 0
    assert told(house).lost(["during"], ["during"]) == []
    assert not told(house).doubled()


def test_a_sidecar_that_starts_with_a_blocked_state_waits(open_house: House) -> None:
    house = operated(open_house)
    block(house)
    house.feed([attack("during", "during")], ago=timedelta(seconds=1))
    with house.loop() as loop:
        until(lambda: "fails" in notices(house), what="a notice", shown=loop.said)
        unblock(house)
        until(lambda: len(told(house).mails) == 2 and "during" in notices(house), what="messages", shown=loop.said)
        assert loop.stop(signal.SIGTERM) == 0
    assert told(house).lost(["during"], ["during"]) == []


def operated(house: House) -> House:
    """Let Slack be told of watcher's own troubles too, soon."""
    each_host_once(house)
    this_month(house)
    house.template()
    house.feed([attack("before", "before")])
    channels = json.loads(house.settings().read_text(encoding="utf-8"))["channels"]
    channels["slack"]["operator"] = True
    house.changes |= {"channels": channels, "lease": "2s"}
    house.once()
    return house


def this_month(house: House) -> None:
    """Let new alerts live in the index that is there already, and is blocked."""
    house.changes["rules"]["select"] = [{"set": {"quiet_period": "1h"}}]


def notices(house: House) -> str:
    """Give what Slack was told."""
    return " ".join(request.body.decode() for request in list(house.slack.requests))


@contextmanager
def at_work(house: House) -> Iterator[Any]:
    """Let a sidecar run that has told one alert, and end it well."""
    each_host_once(house)
    house.template()
    house.changes["lease"] = "2s"
    house.feed([attack("before", "before")], ago=timedelta(seconds=1))
    with house.loop() as loop:
        for channel in ("mail", "slack"):
            loop.until_said(f"channel={channel}")  # told, and struck off
        yield loop
        assert loop.stop(signal.SIGTERM) == 0


def begun_anew(said: str) -> bool:
    """Tell whether the log says that coverage begins, and not as it does at every first start."""
    return any("coverage.begins" in line and "level=error" in line for line in said.splitlines())


def test_a_state_deleted_while_a_sidecar_runs_begins_anew_and_says_so(open_house: House) -> None:
    house = open_house
    with at_work(house) as loop:
        house.ask("DELETE", f"/{house.prefix}-state")
        until(lambda: begun_anew(loop.said()), what="`coverage.begins` as an error", shown=loop.said)
        house.feed([attack("after", "after")], ago=timedelta(seconds=1))
        until(lambda: len(house.slack.requests) == 2, what="a message", shown=loop.said)
    assert told(house).lost(["before", "after"], ["before", "after"]) == []
    assert not told(house).doubled()


def test_without_its_templates_nothing_is_created_and_nothing_told(open_house: House) -> None:
    house = open_house
    with at_work(house) as loop:
        (index,) = house.admin.state().indices(f"{house.prefix}-alerts-*")
        for kind in ("alerts", "hits", "state"):
            house.ask("DELETE", f"/_index_template/{house.prefix}-{kind}")
        for kind in ("alerts", "hits"):
            house.ask("DELETE", f"/{house.prefix}-{kind}-*")
        house.feed([attack("during", "during")], ago=timedelta(seconds=1))
        loop.until_said("watcher setup")
        assert house.admin.state().indices(f"{house.prefix}-alerts-*") == []
        # what a sidecar does that strikes off in this moment: the engine makes the index, without any mapping
        house.ask("PUT", f"/{index}")
        assert len(house.slack.requests) == 1
        for name, template in templates(house.prefix).items():  # as if `setup` were killed halfway
            house.admin.state().put_template(name, template)
        loop.until_said("was made without its index template")
        assert house.call("setup").returncode == 0
        until(lambda: "during" in notices(house), what="a message", shown=loop.said)
    assert told(house).lost(["during"], ["during"]) == []
    assert house.admin.state().strict(f"{house.prefix}-alerts-*") == [index]


def test_a_document_that_the_state_refuses_is_kept_as_text_and_told(house: House) -> None:
    each_host_once(house)
    house.template()
    with mortals(house) as runs:
        runs.run()
        for kind in ("alerts", "hits"):  # as if somebody had mapped what events hold in a way of their own
            stored = templates(house.prefix)[f"{house.prefix}-{kind}"]
            properties = {**stored["template"]["mappings"]["properties"], "process": {"type": "long"}}
            mappings = {**stored["template"]["mappings"], "properties": properties}
            template = {**stored, "template": {**stored["template"], "mappings": mappings}}
            house.admin.state().put_template(f"{house.prefix}-{kind}", template)
        house.feed([attack("a", "a")])
        runs.run()
    (alert,), (hit,) = house.documents("alerts"), house.documents("hits")
    for document in (alert.document, hit.document):
        assert "process" not in document
        assert json.loads(document["event"]["original"])["host"]["name"] == "a"
    assert (len(house.slack.requests), len(house.smtp.messages)) == (1, 1)
    assert "module /name:MyNativeModule" in house.smtp.messages[0].part("text/plain")


def test_a_state_of_an_older_version_is_brought_forward(house: House) -> None:
    each_host_once(house)
    house.template()
    for name, template in older(house.prefix).items():
        house.admin.state().put_template(name, template)
    month = f"{house.admin.events().now():%Y.%m}"
    for kind in ("alerts", "hits"):
        house.ask("PUT", f"/{house.prefix}-{kind}-{month}")
    house.ask("PUT", f"/{house.prefix}-state")
    now = house.admin.events().now()
    note = {"kind": "live", "source": "windows", "changed": now.isoformat(), "version": 1}
    edge = {"body": {"until": (now - timedelta(minutes=20)).isoformat()}}
    house.ask("PUT", f"/{house.prefix}-state/_doc/live-windows?refresh=true", note | edge)
    house.feed([attack("missed", "missed")], ago=timedelta(minutes=15))
    house.feed([attack("late", "late")], ago=timedelta(minutes=25))
    house.feed([attack("a", "a")])
    house.once()
    assert told(house).lost(["a", "missed", "late"], ["a", "missed", "late"]) == []
    for name, template in templates(house.prefix).items():
        assert house.admin.state().template_version(name) == VERSION, template
    mapping = house.ask("GET", f"/{house.prefix}-alerts-{month}/_mapping")
    owed = mapping[f"{house.prefix}-alerts-{month}"]["mappings"]["properties"]["watcher"]["properties"]["owed"]
    assert "told_in" in owed["properties"]


def older(prefix: str) -> dict[str, Any]:
    """Give the templates of version 1: without what came later."""
    made = json.loads(json.dumps(templates(prefix)))
    for template in made.values():
        template["version"] = 1
    own = made[f"{prefix}-alerts"]["template"]["mappings"]["properties"]["watcher"]["properties"]
    del own["owed"]["properties"]["told_in"]
    return dict(made)
