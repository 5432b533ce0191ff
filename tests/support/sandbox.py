"""A sandbox of a test on an engine: its own indices, settings and receivers, and `watcher` as a user calls it."""

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
from watcher.errors import Overloaded
from watcher.ports import NewDocument, StateQuery, StoredDocument

HERE = Path(__file__).resolve().parents[1]

RULES = HERE.parent / "rules"
IIS = RULES / "windows/process_creation/webserver_iis_module_installed_command.yml"
IIS_TITLE = "Webserver IIS module installed (command)"
COMMAND = Path(sys.executable).with_name("watcher")

SMALL_TEMPLATE: Mapping[str, Any] = {  # an excerpt of Winlogbeat's template
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
    """Read the test events of a rule."""
    path = rule.relative_to(RULES).as_posix()
    lines = rule.with_suffix(".test.ndjson").read_text(encoding="utf-8").splitlines()
    return tuple(
        RuleEvent(rule=path, id=f"{rule.stem}-{number}", **json.loads(line))
        for number, line in enumerate(lines, start=1)
    )


@dataclass(kw_only=True)
class Sandbox:
    """The indices, settings and receivers of a test."""

    running: Running
    admin: Connection
    folder: Path
    smtp: SmtpServer
    slack: HttpReceiver
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:10])
    url: str = ""  # replaces the engine's own, e.g. by that of a proxy
    changes: dict[str, Any] = field(default_factory=dict)  # to the settings below, by their first key
    caller: Callable[..., subprocess.CompletedProcess[str]] = field(default_factory=lambda: run_watcher)

    @property
    def prefix(self) -> str:
        """The prefix of the state's indices."""
        return f"watcher-{self.name}"

    @property
    def index(self) -> str:
        """The index that events are written to."""
        return f"winlogbeat-{self.name}-2026.11"

    # ---- the cluster

    def template(self, template: Mapping[str, Any] = SMALL_TEMPLATE) -> None:
        """Install an index template for this sandbox's events."""
        index_template = {**template, "index_patterns": [f"winlogbeat-{self.name}-*"], "priority": 500}
        self.admin.state().put_template(f"winlogbeat-{self.name}", index_template)

    def feed(self, events: Sequence[RuleEvent], *, ago: timedelta = timedelta(minutes=2), index: str = "") -> None:
        """Index events with timestamps from `ago` on, 100 ms apart."""
        start = self.admin.events().now() - ago
        drafts = [
            NewDocument(
                index=index or self.index,
                id=rule_event.id,
                document=shift_event(rule_event.event, start + timedelta(milliseconds=100 * number)),
            )
            for number, rule_event in enumerate(events)
        ]
        assert [result.error for result in self.admin.state().create(drafts) if not result.new] == []
        self.admin.state().refresh(index or self.index)

    def index_text(self, name: str, text: str) -> None:
        """Index a document as raw JSON, and refresh."""
        cluster = self.running.admin()
        context = ssl.create_default_context(cafile=cluster.ca_certs) if cluster.ca_certs else None
        path = f"{cluster.hosts[0]}/{self.index}/_create/{name}?refresh=true"
        request = urllib.request.Request(path, text.encode(), {"content-type": "application/json"}, method="PUT")  # noqa: S310 - an engine of the tests
        if cluster.username and cluster.password:
            token = base64.b64encode(f"{cluster.username}:{cluster.password.value}".encode()).decode()
            request.add_header("authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310 - an engine of the tests
            assert answer.status == 201

    def documents(self, kind: str) -> Sequence[StoredDocument]:
        """Read the state's `alerts` or `hits`, oldest first; waits for the shards of an index that was just created."""
        pattern = f"{self.prefix}-{kind}-*"
        self.admin.state().refresh(pattern)
        query = StateQuery(index=pattern, query={"match_all": {}}, size=1000, sort=[{"@timestamp": "asc"}])
        answers: list[Sequence[StoredDocument]] = []

        def is_answered() -> bool:
            with suppress(Overloaded):
                answers.append(self.admin.state().search(query))
            return bool(answers)

        wait_until(is_answered, what=f"an answer of `{pattern}`")
        return answers[0]

    def deliveries(self) -> dict[str, Mapping[str, Any]]:
        """Return the deliveries of the only alert, by channel."""
        (alert,) = self.documents("alerts")
        return {entry["channel"]: entry for entry in alert.document["watcher"]["deliveries"]}

    def hasten(self) -> None:
        """Set the due time of every pending delivery to now, and end the wait of every channel."""
        wait_until(self._hastened, what="a moment without other writes to the alerts")
        index, state = f"{self.prefix}-state", self.admin.state()
        state.refresh(index)
        for health in state.search(StateQuery(index=index, query={"term": {"kind": "channel"}}, size=100)):
            body = {**health.document["body"], "next_try": None}
            assert state.replace(health, {**health.document, "body": body})

    def _hastened(self) -> bool:
        """Replace all alerts; false where another write, e.g. of a killed run, came first."""
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

    def gaps(self) -> Sequence[Mapping[str, Any]]:
        """Return the gaps of the source."""
        gaps: Sequence[Mapping[str, Any]] = self.live()["gaps"]
        return gaps

    @property
    def sources(self) -> Sequence[str]:
        """The names of the sources in the settings."""
        return [source.get("name", "windows") for source in self.changes.get("sources", [{}])]

    def source(self, **changes: Any) -> None:
        """Change the source in the settings."""
        self.changes["sources"] = [
            {"index": f"winlogbeat-{self.name}-*", "every": "1s", "delay": "0s", "overlap": "10m", **changes}
        ]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the engine as an administrator."""
        answer = self.admin.transport.request(method, path, body=body)
        assert answer.status < 300, answer
        return answer.body

    def clear(self) -> None:
        """Delete the indices and templates of this sandbox."""
        for pattern in (f"winlogbeat-{self.name}-*", f"{self.prefix}-*"):
            self._delete_indices(pattern)
            self.admin.transport.request("DELETE", f"/_index_template/{pattern}")
        self.admin.transport.request("DELETE", f"/_index_template/winlogbeat-{self.name}")

    def _delete_indices(self, pattern: str) -> None:
        answer = self.admin.transport.request(
            "GET", f"/_cat/indices/{pattern}", params={"h": "index", "format": "json"}
        )
        names = [row["index"] for row in answer.body] if answer.status == 200 else []
        if names:
            self.admin.transport.request("DELETE", f"/{','.join(names)}")

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
        settings = {
            "cluster": self.cluster(),
            "state": {"prefix": self.prefix},
            "sources": [{"index": f"winlogbeat-{self.name}-*", "every": "1s", "delay": "0s", "overlap": "10m"}],
            "rules": {"folders": [{"name": "shipped", "path": str(IIS.parent)}]},
            "channels": channels,
            "discover_url": "https://kibana.corp.example/app/discover",
            **self.changes,
        }
        file = self.folder / "watcher.yml"
        file.write_text(
            json.dumps({key: value for key, value in settings.items() if value is not None}), encoding="utf-8"
        )
        return file

    def cluster(self) -> dict[str, Any]:
        """Return the `cluster` section that reaches the engine as watcher's own user."""
        section: dict[str, Any] = {"hosts": [self.url or self.running.url], "timeout": "10s"}
        if self.running.ca is not None:
            (self.folder / "password").write_text(f"{self.running.password}\n", encoding="utf-8")
            section |= {
                "username": self.running.username,
                "password_file": "password",
                "ca_certs": str(self.running.ca),
            }
        return section

    def rule(self, text: str, name: str = "rule.yml") -> Path:
        """Write a rule into a folder of this sandbox, and use that folder."""
        folder = self.folder / "rules"
        folder.mkdir(exist_ok=True)
        self.changes["rules"] = {"folders": [{"name": "own", "path": str(folder)}]}
        file = folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call `watcher` with this sandbox's settings, by default in a process of its own."""
        return self.caller(*arguments, "--settings", str(self.settings()), **environment)

    def once(self) -> subprocess.CompletedProcess[str]:
        """Run once; the exit code must be 0."""
        done = self.call("run", "--once")
        assert done.returncode == 0, done.stderr
        return done

    @contextmanager
    def loop(self) -> Iterator[RunningSidecar]:
        """Yield a running sidecar, and kill it where the test does not stop it."""
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
    """A running sidecar."""

    process: subprocess.Popen[bytes]
    log: Path

    def log_text(self) -> str:
        """Return the log so far."""
        return self.log.read_text(encoding="utf-8")

    def wait_for_log(self, words: str) -> None:
        """Wait until the log contains the words."""
        wait_until(lambda: words in self.log_text(), what=f"`{words}`", shown=self.log_text)

    def wait_for_deliveries(self) -> None:
        """Wait until each channel has sent a message and recorded it; each delivers in a thread of its own."""
        for channel in ("mail", "slack"):
            self.wait_for_log(f"channel={channel}")

    def stop(self, number: int, seconds: float = 30) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)


def wait_until(holds: Callable[[], bool], *, what: str, shown: Callable[[], str] = str, seconds: float = 40) -> None:
    """Wait until a condition holds."""
    clock = SystemClock()
    end = clock.monotonic() + seconds
    while not holds():
        assert clock.monotonic() < end, f"{what} did not come within {seconds} s: {shown()}"
        clock.wait(0.1)


def environ(**more: str) -> dict[str, str]:
    """Return an environment without watcher's variables."""
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
    """Yield a sandbox on an engine, and clear it afterwards."""
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
    """Return the timestamp of an ISO 8601 string."""
    return datetime.fromisoformat(text)
