"""The product in one command: a real OpenSearch, real-shaped events, the rules, the alert, the mail, the Slack message.

Everything runs on this machine and is gone afterwards; only what was downloaded stays in the cache folder.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text

from watcher import pipeline, schedule
from watcher.clock import SystemClock
from watcher.cluster.connect import Connection, connect
from watcher.cluster.local import OPENSEARCH, default_cache, start
from watcher.decide.documents import iso
from watcher.decide.ledger import Ledger
from watcher.errors import WatcherError
from watcher.notify.channels import notifier
from watcher.notify.links import Links
from watcher.notify.render import Renderer
from watcher.notify.text import shown as printable
from watcher.ports import Draft, Stored
from watcher.read.folder import read_folder
from watcher.settings import Channel, Cluster, MailChannel, Secret, Settings, SlackChannel, Source
from watcher.shipped import shipped
from watcher.translate.select import choose

_INDEX = "winlogbeat-8.19.0-demo"
_SOURCE = Source(name="demo", delay=timedelta(seconds=0), overlap=timedelta(minutes=15))
_TEMPLATE: Mapping[str, Any] = {  # as Winlogbeat maps what it has no field for
    "index_patterns": ["winlogbeat-*"],
    "priority": 150,
    "template": {
        "settings": {"index": {"number_of_shards": 1, "number_of_replicas": 0}},
        "mappings": {
            "date_detection": False,
            "dynamic_templates": [
                {
                    "event_data": {
                        "path_match": "winlog.event_data.*",
                        "match_mapping_type": "string",
                        "mapping": {"type": "keyword"},
                    }
                },
                {
                    "strings_as_keyword": {
                        "match_mapping_type": "string",
                        "mapping": {"type": "keyword", "ignore_above": 1024},
                    }
                },
            ],
            "properties": {"@timestamp": {"type": "date"}, "message": {"type": "text"}},
        },
    },
}


@dataclass(slots=True)
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
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        say = _Stages(bars)
        with start(OPENSEARCH, cache=default_cache(os.environ), progress=say) as node:
            with _smtp(mailbox) as smtp, _webhook(taken) as http:
                settings = Settings(
                    cluster=Cluster(hosts=(node.url,)), sources=(_SOURCE,), channels=_channels(smtp, http)
                )
                connection = connect(settings.cluster)
                events = _feed(connection, say)
                alerts = _run(connection, settings, say)
            say.done()
            bars.stop()
            _show_all(console, events, alerts, mailbox.mails, taken)
            if keep:
                console.print(Text(f"\nOpenSearch stays up at {node.url} until Ctrl-C", style="bold"))
                _wait(console)
            connection.close()


def _wait(console: Console) -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("stopping")


class _Stages:
    """Shows one progress bar a stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, stage: str, fraction: float | None) -> None:
        if stage not in self._tasks:
            self.done()
            self._tasks[stage] = self._bars.add_task(stage, total=None if fraction is None else 1.0)
        if fraction is not None:
            self._bars.update(self._tasks[stage], completed=fraction, total=1.0)

    def done(self) -> None:
        """Finish what was begun."""
        for task in self._tasks.values():
            self._bars.update(task, completed=1.0, total=1.0)


def _channels(smtp: int, http: int) -> tuple[Channel, ...]:
    mail = MailChannel(
        name="mail", host="127.0.0.1", port=smtp, tls="none", sender="watcher@corp.example", to=("soc@corp.example",)
    )
    return (mail, SlackChannel(name="slack", webhook_url=Secret(f"http://127.0.0.1:{http}/services/demo")))


def _feed(connection: Connection, say: _Stages) -> int:
    """Index the demo's events, moved to the minutes before now."""
    say("indexing events", 0.0)
    now = connection.events().now()
    lines = shipped("demo/events.ndjson").read_text(encoding="utf-8").splitlines()
    drafts = [_draft(json.loads(line), number, now) for number, line in enumerate(lines)]
    state = connection.state()
    state.put_template("winlogbeat-demo", _TEMPLATE)
    refused = [made.error for made in state.create(drafts) if made.error]
    if refused:
        raise WatcherError(f"the engine refused {len(refused)} events, the first with: {refused[0]}")
    state.refresh(_INDEX)
    say("indexing events", 1.0)
    return len(drafts)


def _draft(line: Mapping[str, Any], number: int, now: datetime) -> Draft:
    moment = iso(now + timedelta(milliseconds=line["offset_ms"]))
    event = {**line["event"], "@timestamp": moment}
    return Draft(index=_INDEX, id=sha256(f"demo {number}".encode()).hexdigest()[:20], document=event)


def _run(connection: Connection, settings: Settings, say: _Stages) -> tuple[Stored, ...]:
    """Do what `watcher run --once` does."""
    rules = read_folder("watcher", shipped("rules"))
    say(f"searching with {len(rules.rules)} rules", None)
    ledger = Ledger(connection.state())
    ledger.install()
    watched = [pipeline.watch(rule, choose(rule, settings), _SOURCE) for rule in rules.rules]
    clock = SystemClock()
    sidecar = schedule.Sidecar(
        tickers=(
            schedule.Ticker(
                pipeline.Detector(source=_SOURCE, events=connection.events(), ledger=ledger, rules=watched)
            ),
        ),
        delivery=pipeline.Delivery(
            ledger=ledger,
            channels={channel.name: (channel, notifier(channel, clock)) for channel in settings.channels},
            renderer=Renderer(),
            links=Links(discover_url="https://dashboards.corp.example/app/discover"),
            now=connection.events().now,
        ),
    )
    sidecar.once()
    return ledger.alerts(size=100)


# --------------------------------------------------------------------------- what people see


def _show_all(
    console: Console,
    events: int,
    alerts: tuple[Stored, ...],
    mails: list[EmailMessage],
    taken: list[dict[str, Any]],
) -> None:
    console.print(
        Text(
            f"\n{events} events, {len(alerts)} alerts, {len(mails)} mails, {len(taken)} Slack messages\n", style="bold"
        )
    )
    console.print(_alerts(alerts))
    wanted = "IIS module"
    mail = next((one for one in mails if wanted in str(one["Subject"])), None)
    message = next((one for one in taken if wanted in json.dumps(one)), None)
    if mail is None or message is None:
        raise WatcherError("the demo's alert was not told: its mail or Slack message is missing")
    console.print(_mail(mail))
    console.print(_slack(message))


def _alerts(alerts: tuple[Stored, ...]) -> Table:
    table = Table(title="Alerts in watcher-alerts-*", title_justify="left", header_style="bold")
    for column in ("time", "level", "rule", "host", "process or command line", "told"):
        table.add_column(column, overflow="fold")
    for one in alerts:
        document = one.document
        process = document.get("process", {})
        told = ", ".join(f"{debt['channel']} {debt['state']}" for debt in document["watcher"]["owed"])
        row = (
            str(document["@timestamp"])[:19].replace("T", " "),
            document["watcher"]["rule"]["level"],
            document["rule"]["name"],
            document.get("host", {}).get("name", ""),
            process.get("command_line") or process.get("executable") or "",
            told,
        )
        table.add_row(*(Text(printable(text, 160)) for text in row))
    return table


def _mail(mail: EmailMessage) -> Panel:
    head = [Text(f"{name}: {printable(str(mail[name]), 300)}") for name in ("From", "To", "Subject", "Message-ID")]
    kinds = ", ".join(part.get_content_type() for part in mail.iter_parts())
    body = mail.get_body(preferencelist=("plain",))
    text = body.get_content() if body is not None else ""
    lines = Text("\n".join(printable(line, 400) for line in text.splitlines()))
    return Panel(Group(*head, Text(f"Parts: {kinds}"), Line(style="dim"), lines), title="The mail", title_align="left")


def _slack(message: Mapping[str, Any]) -> Panel:
    lines: list[Text] = []
    for block in message["blocks"]:
        texts = [printable(text, 1500) for text in _texts(block)]
        style = "bold" if block["type"] == "header" else ""
        lines.append(Text("".join(texts) if block["type"] == "rich_text" else "  ".join(texts), style=style))
    return Panel(Group(*lines), title="The Slack message (Block Kit)", title_align="left")


def _texts(node: Any) -> Iterator[str]:
    """Give the texts of Slack's blocks, in order."""
    if isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, Mapping):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for key in ("text", "fields", "elements"):
            if isinstance(node.get(key), list | Mapping):
                yield from _texts(node[key])
