"""`watcher resend`: what a channel refused for good is sent after the cause is mended, and once."""

from __future__ import annotations

from support.sandbox import IIS, Sandbox, rule_events

ATTACK = next(case for case in rule_events(IIS) if case.expect == "hit" and "(raw)" in case.name)


def test_a_message_that_a_webhook_refused_for_good_is_sent_again_once(sandbox: Sandbox) -> None:
    sandbox.feed([ATTACK])
    sandbox.slack.status, sandbox.slack.answer = 400, "invalid_payload"
    assert sandbox.call("run", "--once").returncode == 1
    assert sandbox.deliveries()["slack"]["state"] == "failed"
    sandbox.slack.status, sandbox.slack.answer = 200, "ok"
    sandbox.slack.requests.clear()
    sandbox.once()
    assert sandbox.slack.requests == []  # nothing sends it by itself

    asked = sandbox.call("resend")
    assert asked.returncode == 2  # no terminal to ask on
    assert "answered 400" in asked.stdout
    assert "add `--yes`" in asked.stdout
    assert sandbox.deliveries()["slack"]["state"] == "failed"

    unknown = sandbox.call("resend", "--channel", "pager", "--yes")
    assert unknown.returncode == 2
    assert "no channel is called `pager`; settings have `mail`, `slack`" in unknown.stderr
    assert sandbox.call("resend", "no-such-id").returncode == 2
    assert "nothing to send again" in sandbox.call("resend", "--channel", "mail", "--yes").stdout

    done = sandbox.call("resend", "--since", "1h", "--channel", "slack", "--yes")
    assert (done.returncode, "pending again: 1" in done.stdout) == (0, True)
    assert "nothing to send again" in sandbox.call("resend", "--yes").stdout
    sandbox.once()
    sandbox.once()
    assert (len(sandbox.slack.requests), len(sandbox.smtp.messages)) == (1, 1)
    assert sandbox.deliveries()["slack"]["state"] == "sent"
