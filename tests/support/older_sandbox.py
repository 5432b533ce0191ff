"""A sandbox with the state and the events that version 2 left on the same engine."""

from __future__ import annotations

import json
import re
from collections import Counter

from support.older_state import captured
from support.sandbox import RULES, Sandbox
from watcher.ports import NewDocument

_MESSAGE = re.compile(r"^(\[\w+\]) (.+) on (\S+)$")  # version 2 named the host last: `[HIGH] Title on HOST`
LATER = ("live-ahead-1",)  # dated so far ahead that it is not ahead on the day of the test


def engine_name(sandbox: Sandbox) -> str:
    """Return the engine that the sandbox is on."""
    return sandbox.admin.server.engine


def load(sandbox: Sandbox, kind: str, former: str, prefix: str) -> None:
    """Write a captured file into the engine, under the index names of the sandbox."""
    state = sandbox.admin.state()
    exported = captured(kind, engine_name(sandbox))
    for name, template in exported["index_templates"].items():
        patterns = [pattern.replace(former, prefix) for pattern in template["index_patterns"]]
        state.put_template(name.replace(former, prefix), {**template, "index_patterns": patterns})
    events = f"winlogbeat-{sandbox.name}-"
    for former_index, content in exported["indices"].items():
        index = former_index.replace(former, prefix)
        sandbox.ask("PUT", f"/{index}")
        drafts = [
            NewDocument(index=index, id=name, document=json.loads(json.dumps(document).replace("winlogbeat-", events)))
            for name, document in content["documents"].items()
            if name not in LATER
        ]
        assert [created.error for created in state.create(drafts) if not created.new] == []
        state.refresh(index)


def configure(sandbox: Sandbox) -> None:
    """Use settings that fit the state: two sources, three channels, and no folder `own`."""
    start = captured("takeover", engine_name(sandbox))["start"]
    common = {
        "every": "1h",
        "delay": "0s",
        "overlap": "10m",
        "slice": "3650d",
        "late_events": {"past": "3650d", "every": "1s"},
    }
    windows = {"name": "windows", "index": f"winlogbeat-{sandbox.name}-corp-*", "start": start["windows"], **common}
    branch = {"name": "branch", "index": f"winlogbeat-{sandbox.name}-branch-*", "start": start["branch"], **common}
    mail = {"type": "mail", "host": "127.0.0.1", "port": sandbox.smtp.port, "tls": "none"}
    sandbox.changes = {
        "sources": [windows, {**branch, "search": "query", "budget": "5m"}],
        "rules": {"folders": [{"name": "watcher", "path": str(RULES)}]},
        "channels": {
            "mail": {**mail, "sender": "watcher@corp.example", "to": ["soc@corp.example"]},
            "slack": {"type": "slack", "webhook_url": sandbox.slack.url("/slack")},
            "pager": {"type": "slack", "webhook_url": sandbox.slack.url("/pager")},
        },
        "rate_limit": {"alerts": 100},
        "lease": "5s",
    }


def messages(sandbox: Sandbox) -> Counter[tuple[str, ...]]:
    """Count the messages that the channels accepted: channel, and alert id and key of a mail, or text of a post."""
    mails = (
        (
            "mail",
            str(received.message["X-Watcher-Alert"]),
            str(received.message["Message-ID"])[1:].partition("@")[0],
        )
        for received in sandbox.smtp.messages
    )
    posts = (
        (request.path.removeprefix("/"), json.loads(request.body)["text"][:200]) for request in sandbox.slack.requests
    )
    return Counter([*mails, *posts])


def expected_messages(sandbox: Sandbox, *, backfills: bool) -> Counter[tuple[str, ...]]:
    """Count the messages that version 2 sent from this state."""
    expected = captured("takeover", engine_name(sandbox))["messages"]
    return Counter(
        ("mail", message["alert"], message["key"])
        if message["channel"] == "mail"
        else (message["channel"], _MESSAGE.sub(r"\1 \3: \2", message["text"]))
        for message in expected
        if backfills or "backfill:" not in message.get("subject", message.get("text", ""))
    )


def assert_taken_over(sandbox: Sandbox, expected: Counter[tuple[str, ...]]) -> None:
    """Check messages, alerts, hits and gaps against what version 2 did."""
    sent = messages(sandbox)
    assert sent - expected == Counter()
    assert expected - sent == Counter()
    for key in sandbox.admin.state().get([(f"{sandbox.prefix}-state", f"live-{name}") for name in sandbox.sources]):
        assert key is not None
        body = key.document["body"]
        assert body.get("holes", body.get("gaps")) == []
