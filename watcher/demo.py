"""The product in one command: an OpenSearch, events, rules, the alert, the mail and the Slack message.

Everything runs on this machine and is removed afterwards; downloads stay in the cache folder.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rich.console import Console
from rich.text import Text

from watcher.app import App, open_app
from watcher.cluster.connections import Connection
from watcher.errors import WatcherError
from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start
from watcher.local_engine.winlogbeat import TEMPLATE
from watcher.notify.mail import MailChannel
from watcher.notify.slack import SlackChannel
from watcher.ports import NewDocument
from watcher.present.alert_tables import alerts_table
from watcher.present.message_panels import mail_panel, slack_panel
from watcher.present.progress_bars import Stages, stages
from watcher.settings import ChannelSettings, Cluster, Secret, Settings, Source
from watcher.shipped import shipped
from watcher.timestamps import format_timestamp
from watcher.usecases.triage import AlertRecord

_INDEX = "winlogbeat-8.19.0-demo"
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d\.\d{3}Z?")  # as Windows and Sysmon write it
_SOURCE = Source(delay=timedelta(seconds=0), overlap=timedelta(minutes=15))
_SHOWN_RULE = "IIS module"  # in the title of the rule whose messages are shown
_SHORT_LIVED = Runtime(options="-Xms512m -Xmx1g -XX:TieredStopAtLevel=1")  # compiles less, so starts sooner


@dataclass  # without slots: aiosmtpd lists the members, which older Pythons cannot do of a slotted dataclass
class _Mailbox:
    """Receives mails over SMTP."""

    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Store a mail."""
        mail = BytesParser(policy=policy.default).parsebytes(envelope.content)
        if isinstance(mail, EmailMessage):
            self.mails.append(mail)
        return "250 OK"


@contextmanager
def _smtp(mailbox: _Mailbox) -> Iterator[int]:
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - of the extra `local`

    with socket.socket() as probe:  # the controller needs a port number
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@contextmanager
def _webhook(messages: list[dict[str, Any]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def show(*, keep: bool) -> None:
    """Run the demo; with `keep` the engine keeps running until Ctrl-C."""
    console = Console(highlight=False, markup=False)
    mailbox, slack_messages = _Mailbox(), list[dict[str, Any]]()
    with stages(Console(stderr=True, highlight=False, markup=False)) as progress, ExitStack() as stack:
        cache = default_cache(os.environ)
        node = stack.enter_context(start(OPENSEARCH, cache=cache, progress=progress, runtime=_SHORT_LIVED))
        smtp = stack.enter_context(_smtp(mailbox))
        http = stack.enter_context(_webhook(slack_messages))
        settings = Settings(
            cluster=Cluster(hosts=(node.url,)),
            sources=(_SOURCE,),
            channels=_channels(smtp, http),
            discover_url="https://dashboards.corp.example/app/discover",
        )
        app = stack.enter_context(open_app(settings))
        events = _index_events(app.components.connections.events, progress)
        alerts = _run(app, progress)
        progress.done()
        _print(console, events, alerts, mailbox.mails, slack_messages)
        if keep:
            _keep_running(console, node.url)


def _keep_running(console: Console, url: str) -> None:
    console.print(Text(f"\nOpenSearch keeps running at {url} until Ctrl-C. In another terminal:\n", style="bold"))
    for command in (
        f"export WATCHER_URL={url}",
        "watcher alerts",
        "watcher status",
        "watcher explain 'Webserver IIS module installed (command)'",
        f"curl '{url}/watcher-hits-*/_search?pretty'",
    ):
        console.print(f"  {command}", soft_wrap=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    console.print("\nstopping")


def _channels(smtp: int, http: int) -> tuple[ChannelSettings, ...]:
    mail = MailChannel(
        name="mail", host="127.0.0.1", port=smtp, tls="none", sender="watcher@corp.example", to=("soc@corp.example",)
    )
    return (mail, SlackChannel(name="slack", webhook_url=Secret(f"http://127.0.0.1:{http}/services/demo")))


def _index_events(connection: Connection, progress: Stages) -> int:
    """Index the events of the demo, shifted to the minutes before now."""
    progress("indexing events", 0.0)
    now = connection.events().now()
    lines = shipped("demo/events.ndjson").read_text(encoding="utf-8").splitlines()
    drafts = [_draft(json.loads(line), number, now) for number, line in enumerate(lines)]
    state = connection.state()
    state.put_template("winlogbeat-demo", TEMPLATE)
    refused = [result.error for result in state.create(drafts) if result.error]
    if refused:
        raise WatcherError(f"the engine refused {len(refused)} events, the first with: {refused[0]}")
    state.refresh(_INDEX)
    progress("indexing events", 1.0)
    return len(drafts)


def _draft(line: Mapping[str, Any], number: int, now: datetime) -> NewDocument:
    event = shift_event(line["event"], now + timedelta(milliseconds=line["offset_ms"]))
    return NewDocument(index=_INDEX, id=sha256(f"demo {number}".encode()).hexdigest()[:20], document=event)


def shift_event(event: Mapping[str, Any], time: datetime) -> dict[str, Any]:
    """Return an event as if it had happened at another time: every timestamp in it is shifted."""
    offset = time - datetime.fromisoformat(event["@timestamp"])

    def shift(match: re.Match[str]) -> str:
        written = format_timestamp(datetime.fromisoformat(match[0]).replace(tzinfo=UTC) + offset)
        return written if match[1] == "T" else written.replace("T", " ").removesuffix("Z")

    shifted: dict[str, Any] = json.loads(_TIME.sub(shift, json.dumps(event)))
    return shifted


def _run(app: App, progress: Stages) -> tuple[AlertRecord, ...]:
    """Search as `watcher run --once` does, and return the alerts."""
    rules = app.rules()
    progress(f"searching with {len(rules.rules)} rules", None)
    app.run_once(rules)
    return app.alerts(limit=100)


def _print(
    console: Console,
    events: int,
    alerts: tuple[AlertRecord, ...],
    mails: list[EmailMessage],
    slack_messages: list[dict[str, Any]],
) -> None:
    mail = next((mail for mail in mails if _SHOWN_RULE in str(mail["Subject"])), None)
    message = next((message for message in slack_messages if _SHOWN_RULE in json.dumps(message)), None)
    if mail is None or message is None:
        raise WatcherError("the alert of the demo was not delivered: its mail or Slack message is missing")
    counts = f"{events} events, {len(alerts)} alerts, {len(mails)} mails, {len(slack_messages)} Slack messages"
    console.print(Text(f"\n{counts}\n", style="bold"))
    console.print(alerts_table(alerts, title="Alerts in watcher-alerts-*"))
    console.print(mail_panel(mail, width=console.width))
    console.print(slack_panel(message))
