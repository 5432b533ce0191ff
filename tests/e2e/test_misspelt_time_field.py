"""A time field that no index maps is a fault everywhere, and no event is lost by it."""

from __future__ import annotations

from support.sandbox import IIS, Sandbox, rule_events

ATTACK = next(case for case in rule_events(IIS) if case.expect == "hit")


def test_a_misspelt_time_field_is_an_error_and_its_events_alert(opensearch_sandbox: Sandbox) -> None:
    sandbox = opensearch_sandbox
    sandbox.template()
    sandbox.feed([ATTACK])
    sandbox.source(time_field="event.ingestd")
    fault = f"no index of `winlogbeat-{sandbox.name}-*` maps `event.ingestd` as a date"
    for command in (("run", "--once"), ("status", "--json"), ("check", "--live")):
        done = sandbox.call(*command)
        shown = " ".join((done.stdout + done.stderr).split())
        assert (done.returncode, fault in shown) == (1, True), shown
    assert len(sandbox.documents("alerts")) == 1
    sandbox.source()
    sandbox.once()
    assert len(sandbox.documents("alerts")) == 1
    assert sandbox.call("status").returncode == 0
