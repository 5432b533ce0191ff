"""A corner of an engine for one test: indices, settings and receivers of its own, and `watcher` as a user calls it."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from support.engines import Running
from support.receivers import HttpReceiver, SmtpServer
from watcher.clock import SystemClock
from watcher.cluster.connections import Connection, connect
from watcher.demo import shift_event
from watcher.ports import NewDocument, StateQuery, StoredDocument

HERE = Path(__file__).resolve().parents[1]

RULES = HERE.parent / "rules"
IIS = RULES / "windows/process_creation/webserver_iis_module_installed_command.yml"
IIS_TITLE = "Webserver IIS module installed (command)"
COMMAND = Path(sys.executable).with_name("watcher")

SMALL_TEMPLATE: Mapping[str, Any] = {  # the least of what Winlogbeat's own template says
    "template": {
        "settings": {"index": {"number_of_shards": 1, "number_of_replicas": 0}},
        "mappings": {
            "date_detection": False,
            "dynamic_templates": [
                {
                    "strings_as_keyword": {
                        "match_mapping_type": "string",
                        "mapping": {"type": "keyword", "ignore_above": 1024},
                    }
                }
            ],
            "properties": {"@timestamp": {"type": "date"}, "message": {"type": "text"}},
        },
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvent:
    """A test event of a shipped rule."""

    rule: str  # the rule's file, relative to the rules folder
    expect: str  # hit or miss
    name: str
    event: Mapping[str, Any]
    id: str


def rule_events(rule: Path) -> tuple[RuleEvent, ...]:
    """Read the test events that stand beside a rule."""
    path = rule.relative_to(RULES).as_posix()
    lines = rule.with_suffix(".test.ndjson").read_text(encoding="utf-8").splitlines()
    return tuple(
        RuleEvent(rule=path, id=f"{rule.stem}-{number}", **json.loads(line))
        for number, line in enumerate(lines, start=1)
    )


@dataclass(kw_only=True)
class Sandbox:
    """Where one test lives."""

    running: Running
    admin: Connection
    folder: Path
    smtp: SmtpServer
    slack: HttpReceiver
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:10])
    url: str = ""  # instead of the engine's own, e.g. of a proxy before it
    changes: dict[str, Any] = field(default_factory=dict)  # to the settings below, by their first key
    caller: Callable[..., subprocess.CompletedProcess[str]] = field(default_factory=lambda: run_watcher)

    @property
    def prefix(self) -> str:
        """What the names of the state's indices begin with."""
        return f"watcher-{self.name}"

    @property
    def index(self) -> str:
        """The index that events are written to."""
        return f"winlogbeat-{self.name}-2026.11"

    # ---- the cluster

    def template(self, template: Mapping[str, Any] = SMALL_TEMPLATE) -> None:
        """Map this house's events by a template."""
        whole = {**template, "index_patterns": [f"winlogbeat-{self.name}-*"], "priority": 500}
        self.admin.state().put_template(f"winlogbeat-{self.name}", whole)

    def feed(self, events: Sequence[RuleEvent], *, ago: timedelta = timedelta(minutes=2), index: str = "") -> None:
        """Index events as if they happened a little while ago, one soon after the other."""
        start = self.admin.events().now() - ago
        drafts = [
            NewDocument(
                index=index or self.index,
                id=one.id,
                document=shift_event(one.event, start + timedelta(milliseconds=100 * number)),
            )
            for number, one in enumerate(events)
        ]
        assert [made.error for made in self.admin.state().create(drafts) if not made.new] == []
        self.admin.state().refresh(index or self.index)

    def index_text(self, name: str, text: str) -> None:
        """Index a document as the JSON text that it is written in, and make it visible."""
        cluster = self.running.admin()
        context = ssl.create_default_context(cafile=cluster.ca_certs) if cluster.ca_certs else None
        path = f"{cluster.hosts[0]}/{self.index}/_create/{name}?refresh=true"
        request = urllib.request.Request(path, text.encode(), {"content-type": "application/json"}, method="PUT")  # noqa: S310 - an engine of ours
        if cluster.username and cluster.password:
            token = base64.b64encode(f"{cluster.username}:{cluster.password.value}".encode()).decode()
            request.add_header("authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310 - an engine of ours
            assert answer.status == 201

    def documents(self, kind: str) -> Sequence[StoredDocument]:
        """Read the state's `alerts` or `hits`, oldest first."""
        pattern = f"{self.prefix}-{kind}-*"
        self.admin.state().refresh(pattern)
        return self.admin.state().search(
            StateQuery(index=pattern, query={"match_all": {}}, size=1000, sort=[{"@timestamp": "asc"}])
        )

    def deliveries(self) -> dict[str, Mapping[str, Any]]:
        """Return the deliveries of the only alert, by channel."""
        (alert,) = self.documents("alerts")
        return {entry["channel"]: entry for entry in alert.document["watcher"]["deliveries"]}

    def hasten(self) -> None:
        """Make every pending delivery due now, as if time had passed."""
        wait_until(self._hastened, what="a moment in which nobody else writes to the alerts")

    def _hastened(self) -> bool:
        """Make it due in all alerts that hold still; a killed run's last request may still be on its way."""
        due = (self.admin.events().now() - timedelta(seconds=5)).isoformat()
        replaced = []
        for alert in self.documents("alerts"):
            own = alert.document["watcher"]
            if any("due" in entry for entry in own["deliveries"]):
                deliveries = [{**entry, "due": due} if "due" in entry else entry for entry in own["deliveries"]]
                replaced.append(
                    self.admin.state().replace(alert, {**alert.document, "watcher": {**own, "deliveries": deliveries}})
                )
        return all(replaced)

    def hasten_gaps(self) -> None:
        """Make every gap and every late-event check due now, as if time had passed."""
        keys = [(f"{self.prefix}-state", f"live-{name}") for name in self.sources]
        for note in self.admin.state().get(keys):
            assert note is not None
            body = note.document["body"]
            gaps = [{**gap, "due": body["since"]} for gap in body["gaps"]]
            document = {**note.document, "body": {**body, "gaps": gaps, "last_late_check": None}}
            assert self.admin.state().replace(note, document)

    def live(self) -> Mapping[str, Any]:
        """Return the stored checkpoint of the only source."""
        (note,) = self.admin.state().get([(f"{self.prefix}-state", f"live-{self.sources[0]}")])
        assert note is not None
        body: Mapping[str, Any] = note.document["body"]
        return body

    @property
    def sources(self) -> Sequence[str]:
        """Name the sources of the settings."""
        return [one.get("name", "windows") for one in self.changes.get("sources", [{}])]

    def source(self, **changes: Any) -> None:
        """Change the one source of the settings below."""
        self.changes["sources"] = [
            {"index": f"winlogbeat-{self.name}-*", "every": "1s", "delay": "0s", "overlap": "10m", **changes}
        ]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the engine as an administrator."""
        answer = self.admin.transport.request(method, path, body=body)
        assert answer.status < 300, answer
        return answer.body

    def clear(self) -> None:
        """Delete what this house made."""
        for pattern in (f"winlogbeat-{self.name}-*", f"{self.prefix}-*"):
            answer = self.admin.transport.request(
                "GET", f"/_cat/indices/{pattern}", params={"h": "index", "format": "json"}
            )
            for one in answer.body if answer.status == 200 else ():
                self.admin.transport.request("DELETE", f"/{one['index']}")
            self.admin.transport.request("DELETE", f"/_index_template/{pattern}")
        self.admin.transport.request("DELETE", f"/_index_template/winlogbeat-{self.name}")

    # ---- watcher

    def settings(self) -> Path:
        """Write the settings file."""
        channels = {
            "mail": {
                "type": "mail",
                "host": "127.0.0.1",
                "port": self.smtp.port,
                "tls": "none",
                "sender": "watcher@corp.example",
                "to": ["soc@corp.example"],
            },
            "slack": {"type": "slack", "webhook_url": self.slack.url("/services/T0/B0/secret-token")},
        }
        whole = {
            "cluster": self.cluster(),
            "state": {"prefix": self.prefix},
            "sources": [{"index": f"winlogbeat-{self.name}-*", "every": "1s", "delay": "0s", "overlap": "10m"}],
            "rules": {"folders": [{"name": "house", "path": str(IIS.parent)}]},
            "channels": channels,
            "discover_url": "https://kibana.corp.example/app/discover",
            **self.changes,
        }
        file = self.folder / "watcher.yml"
        file.write_text(json.dumps({key: value for key, value in whole.items() if value is not None}), encoding="utf-8")
        return file

    def cluster(self) -> dict[str, Any]:
        """Give the `cluster` section that reaches the engine as watcher's own user."""
        made: dict[str, Any] = {"hosts": [self.url or self.running.url], "timeout": "10s"}
        if self.running.ca is not None:
            (self.folder / "password").write_text(f"{self.running.password}\n", encoding="utf-8")
            made |= {"username": self.running.username, "password_file": "password", "ca_certs": str(self.running.ca)}
        return made

    def rule(self, text: str, name: str = "rule.yml") -> Path:
        """Write a rule into a folder of this house, and watch that folder."""
        folder = self.folder / "rules"
        folder.mkdir(exist_ok=True)
        self.changes["rules"] = {"folders": [{"name": "own", "path": str(folder)}]}
        file = folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call `watcher` with this house's settings, by default in a process of its own."""
        return self.caller(*arguments, "--settings", str(self.settings()), **environment)

    def once(self) -> subprocess.CompletedProcess[str]:
        """Run once, which must be all right."""
        done = self.call("run", "--once")
        assert done.returncode == 0, done.stderr
        return done

    @contextmanager
    def loop(self) -> Iterator[RunningSidecar]:
        """Run until stopped; killed where a test forgets to stop it."""
        command = [COMMAND, "run", "--settings", self.settings()]
        log = self.folder / f"log-{uuid.uuid4().hex[:6]}"
        with log.open("wb") as output, subprocess.Popen(command, stderr=output, env=environ()) as process:
            try:
                yield RunningSidecar(process=process, log=log)
            finally:
                with suppress(ProcessLookupError):
                    process.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSidecar:
    """A sidecar that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Give what it logged so far."""
        return self.log.read_text(encoding="utf-8")

    def until_said(self, words: str) -> None:
        """Wait for words in the log."""
        wait_until(lambda: words in self.said(), what=f"`{words}`", shown=self.said)

    def stop(self, number: int, seconds: float = 30) -> int:
        """Send a signal and wait for the end; give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)


def wait_until(holds: Callable[[], bool], *, what: str, shown: Callable[[], str] = str, seconds: float = 40) -> None:
    """Wait until something holds."""
    clock = SystemClock()
    end = clock.monotonic() + seconds
    while not holds():
        assert clock.monotonic() < end, f"{what} did not come within {seconds} s: {shown()}"
        clock.wait(0.1)


def environ(**more: str) -> dict[str, str]:
    """Give an environment that says nothing about watcher."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WATCHER_", "COLUMNS", "NO_"))}
    return {**kept, "COLUMNS": "120", "PYTHONUTF8": "1", **more}


def run_watcher(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call `watcher` in a process of its own."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        env=environ(**environment),
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def open_sandbox(running: Running, folder: Path) -> Iterator[Sandbox]:
    """Open a house on an engine, and clear it away afterwards."""
    admin = connect(running.admin())
    try:
        with SmtpServer() as smtp, HttpReceiver() as slack:
            sandbox = Sandbox(running=running, admin=admin, folder=folder, smtp=smtp, slack=slack)
            try:
                yield sandbox
            finally:
                sandbox.clear()
    finally:
        admin.close()


def stamp(text: str) -> datetime:
    """Read a time as documents write it."""
    return datetime.fromisoformat(text)
