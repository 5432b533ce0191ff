"""The product in one command: a real OpenSearch, real-shaped events, the rules, the alert, the mail, the Slack message.

Everything runs on this machine and is gone afterwards; only what was downloaded stays in the cache folder.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
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

from watcher import app as wiring
from watcher.cluster.connections import Connection
from watcher.errors import WatcherError
from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start
from watcher.local_engine.winlogbeat import TEMPLATE
from watcher.ports import NewDocument, StoredDocument
from watcher.present.message_panels import mail_panel, slack_panel
from watcher.present.progress_bars import Stages, stages
from watcher.present.terminal import alerts_table
from watcher.settings import Channel, Cluster, MailChannel, Secret, Settings, SlackChannel, Source
from watcher.shipped import shipped
from watcher.timestamps import format_timestamp

_INDEX = "winlogbeat-8.19.0-demo"
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d\.\d{3}Z?")  # as Windows and Sysmon write it
_SOURCE = Source(delay=timedelta(seconds=0), overlap=timedelta(minutes=15))
_SHORT_LIVED = Runtime(options="-Xms512m -Xmx1g -XX:TieredStopAtLevel=1")  # compiles less, so starts sooner


@dataclass  # without slots: older Pythons cannot list the members of a slotted dataclass, and aiosmtpd does
class _Mailbox:
    """Takes mails over SMTP."""

    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail."""
        mail = BytesParser(policy=policy.default).parsebytes(envelope.content)
        if isinstance(mail, EmailMessage):
            self.mails.append(mail)
        return "250 OK"


@contextmanager
def _smtp(mailbox: _Mailbox) -> Iterator[int]:
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - of the extra `local`

    with socket.socket() as probe:  # the controller must be told a port
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@contextmanager
def _webhook(taken: list[dict[str, Any]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
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
    """Run the demo; with `keep` the engine stays up until Ctrl-C."""
    console = Console(highlight=False, markup=False)
    mailbox, taken = _Mailbox(), list[dict[str, Any]]()
    with stages(Console(stderr=True, highlight=False, markup=False)) as say, ExitStack() as until_shown:
        node = until_shown.enter_context(
            start(OPENSEARCH, cache=default_cache(os.environ), progress=say, runtime=_SHORT_LIVED)
        )
        smtp = until_shown.enter_context(_smtp(mailbox))
        http = until_shown.enter_context(_webhook(taken))
        settings = Settings(
            cluster=Cluster(hosts=(node.url,)),
            sources=(_SOURCE,),
            channels=_channels(smtp, http),
            discover_url="https://dashboards.corp.example/app/discover",
        )
        connections = until_shown.enter_context(closing(wiring.connect_clusters(settings)))
        events = _feed(connections.events, say)
        alerts = _run(connections, settings, say)
        say.done()
        _show_all(console, events, alerts, mailbox.mails, taken)
        if keep:
            _keep(console, node.url)


def _keep(console: Console, url: str) -> None:
    console.print(Text(f"\nOpenSearch stays up at {url} until Ctrl-C. In another terminal:\n", style="bold"))
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


def _channels(smtp: int, http: int) -> tuple[Channel, ...]:
    mail = MailChannel(
        name="mail", host="127.0.0.1", port=smtp, tls="none", sender="watcher@corp.example", to=("soc@corp.example",)
    )
    return (mail, SlackChannel(name="slack", webhook_url=Secret(f"http://127.0.0.1:{http}/services/demo")))


def _feed(connection: Connection, say: Stages) -> int:
    """Index the demo's events, moved to the minutes before now."""
    say("indexing events", 0.0)
    now = connection.events().now()
    lines = shipped("demo/events.ndjson").read_text(encoding="utf-8").splitlines()
    drafts = [_draft(json.loads(line), number, now) for number, line in enumerate(lines)]
    state = connection.state()
    state.put_template("winlogbeat-demo", TEMPLATE)
    refused = [made.error for made in state.create(drafts) if made.error]
    if refused:
        raise WatcherError(f"the engine refused {len(refused)} events, the first with: {refused[0]}")
    state.refresh(_INDEX)
    say("indexing events", 1.0)
    return len(drafts)


def _draft(line: Mapping[str, Any], number: int, now: datetime) -> NewDocument:
    event = shift_event(line["event"], now + timedelta(milliseconds=line["offset_ms"]))
    return NewDocument(index=_INDEX, id=sha256(f"demo {number}".encode()).hexdigest()[:20], document=event)


def shift_event(event: Mapping[str, Any], time: datetime) -> dict[str, Any]:
    """Give an event as if it had happened at another time: every time that it tells moves with it."""
    by = time - datetime.fromisoformat(event["@timestamp"])

    def move(found: re.Match[str]) -> str:
        written = format_timestamp(datetime.fromisoformat(found[0]).replace(tzinfo=UTC) + by)
        return written if found[1] == "T" else written.replace("T", " ").removesuffix("Z")

    made: dict[str, Any] = json.loads(_TIME.sub(move, json.dumps(event)))
    return made


def _run(connections: wiring.Connections, settings: Settings, say: Stages) -> tuple[StoredDocument, ...]:
    """Do what `watcher run --once` does."""
    rules = wiring.load_rules(settings)
    say(f"searching with {len(rules.rules)} rules", None)
    wiring.installation(settings, connections).install()
    wiring.one_shot_sidecar(settings, connections, rules, lambda: False).once()
    return wiring.alert_store(settings, connections).alerts(size=100)


def _show_all(
    console: Console,
    events: int,
    alerts: tuple[StoredDocument, ...],
    mails: list[EmailMessage],
    taken: list[dict[str, Any]],
) -> None:
    wanted = "IIS module"
    mail = next((one for one in mails if wanted in str(one["Subject"])), None)
    message = next((one for one in taken if wanted in json.dumps(one)), None)
    if mail is None or message is None:
        raise WatcherError("the demo's alert was not told: its mail or Slack message is missing")
    counts = f"{events} events, {len(alerts)} alerts, {len(mails)} mails, {len(taken)} Slack messages"
    console.print(Text(f"\n{counts}\n", style="bold"))
    console.print(alerts_table(alerts, title="Alerts in watcher-alerts-*"))
    console.print(mail_panel(mail, width=console.width))
    console.print(slack_panel(message))
