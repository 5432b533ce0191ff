"""No secret of the settings is in an error, a log line or an answer that is shown."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from rich.text import Text

from watcher.cli.common import configure_log, error_terminal, terminal, write_json
from watcher.cluster.cluster_faults import cluster_error
from watcher.cluster.engine_transport import Answer
from watcher.correlate.correlation_plan import SearchedRules
from watcher.errors import DeliveryError, Refused, SettingsError
from watcher.known_secrets import without_secrets
from watcher.notify.channel_registry import notifier_type
from watcher.notify.message_context import operator_notice
from watcher.notify.renderer import Renderer
from watcher.present.terminal import cell, table
from watcher.search.outcomes import reason_of
from watcher.settings import Cluster, FaultySettingsError, Secret, Settings, Source, read
from watcher.usecases.slice_workers import SliceWorkerSettings, slice_workers

PASSWORD = "correct horse/battery+staple"
SENT = base64.b64encode(f"elastic:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def credentials() -> Cluster:
    return Cluster(
        hosts=("http://h:9200",), username="elastic", password=Secret(PASSWORD), timeout=timedelta(seconds=1)
    )


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        f"Authorization: Basic {SENT}",
        "https://h/?k=correct%20horse%2Fbattery%2Bstaple",
        "https://h/?k=correct+horse%2Fbattery%2Bstaple",
        f"AUTH PLAIN {base64.b64encode(f'{chr(0)}elastic{chr(0)}{PASSWORD}'.encode()).decode()}",
    ],
)
def test_a_secret_is_hidden_however_it_was_sent(text: str) -> None:
    shown = without_secrets(text)
    assert "***" in shown
    assert "horse" not in shown
    assert SENT.rstrip("=") not in shown


@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_an_answer_that_repeats_the_header_becomes_an_error_without_it(status: int) -> None:
    body = {"error": {"type": "security_exception", "reason": f"not allowed: Authorization: Basic {SENT}"}}
    error = cluster_error(Answer(status=status, value=body), "searching `a`")
    assert SENT.rstrip("=") not in str(error)
    assert "***" in str(error)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_log_hides_secrets_at_any_depth_and_in_tracebacks(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    configure_log(as_json=as_json, level=logging.INFO)
    log = structlog.get_logger()
    try:
        int(PASSWORD)
    except ValueError:
        log.exception("test.failed", answers=[{"deep": {SENT: PASSWORD}}], error=ValueError(PASSWORD))
    line = capsys.readouterr().err
    structlog.reset_defaults()
    assert "test.failed" in line
    assert "horse" not in line
    assert SENT.rstrip("=") not in line
    if as_json:
        assert json.loads(line)["error"] == "***"


def test_the_terminal_hides_secrets_in_sentences_and_cells(capsys: pytest.CaptureFixture[str]) -> None:
    shown = table("answer")
    shown.add_row(cell(PASSWORD))
    terminal().print(f"a sentence: {PASSWORD}", shown, Text(PASSWORD))
    error_terminal().print(PASSWORD)
    write_json({"error": [PASSWORD], "at": timedelta(hours=1)})
    output = capsys.readouterr()
    assert output.out.count("***") == 4
    assert output.err == "***\n"
    assert "horse" not in output.out


def test_the_text_of_an_error_which_the_state_repeats_hides_secrets() -> None:
    errors = (
        DeliveryError(f"535 {PASSWORD}", permanent=True),
        SettingsError(f"`{PASSWORD}`", fix=PASSWORD),
        Refused("searching", indices={"logs": PASSWORD}),
    )
    shown = [f"{error} {getattr(error, 'indices', None)}" for error in errors]
    assert shown == ["535 *** None", "`***`; *** None", "searching {'logs': '***'}"]


def test_the_denied_action_of_an_answer_hides_secrets() -> None:
    body = {"error": {"type": "security_exception", "reason": f"no permissions for [{PASSWORD}]"}}
    assert "horse" not in str(cluster_error(Answer(status=403, value=body), "searching"))


def test_a_reason_that_is_cut_holds_no_start_of_a_secret() -> None:
    assert "horse" not in reason_of(ValueError("x" * 285 + PASSWORD))


@pytest.mark.parametrize("channel_type", ["mail", "slack", "apprise"])
def test_a_message_hides_secrets_in_subject_and_body(channel_type: str) -> None:
    notice = operator_notice(
        PASSWORD, f"the server said: {PASSWORD}", moment=datetime(2026, 11, 1, tzinfo=UTC), digest="d"
    )
    notification = Renderer().render_type(notice, notifier_type(channel_type), channel="soc")
    shown = f"{notification.subject} {notification.bodies}"
    assert "***" in shown
    assert "horse" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Max retries exceeded with url: /services/T000/B000/abcdefghijklmnopqrst",
        "posting to https://hooks.slack.test/services/T000/B000/abcdefghijklmnopqrst",
        "the token abcdefghijklmnopqrst is revoked",
    ],
)
def test_a_secret_address_is_hidden_in_parts(text: str) -> None:
    Secret("https://hooks.slack.test/services/T000/B000/abcdefghijklmnopqrst")
    assert "abcdefghij" not in without_secrets(text)
    assert without_secrets("services of hooks.slack.test") == "services of hooks.slack.test"


def test_what_a_worker_process_writes_hides_the_secrets_of_its_parent(capfd: pytest.CaptureFixture[str]) -> None:
    # the error of a cluster that is unknown quotes its address, and so this password
    cluster = Cluster(hosts=("http://unknown.invalid:9200",), username="u", password=Secret("unknown.invalid"))
    worker = SliceWorkerSettings(
        settings=Settings(cluster=cluster), source=Source(), searched=SearchedRules(rules=()), silent=False
    )
    with slice_workers(worker, 1) as workers, pytest.raises(BrokenProcessPool):
        workers.pool.submit(without_secrets, "").result(60)
    output = capfd.readouterr().err
    assert "Unreachable: `http://***:9200`" in output
    assert "unknown.invalid" not in output


PROGRAM = """
import logging, threading
from watcher.known_secrets import filter_unexpected_errors, remember_secret

def fail():
    raise ValueError("hunter2secret")

remember_secret("hunter2secret")
filter_unexpected_errors()
logging.getLogger("library").error("sent %s", "hunter2secret")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_tracebacks_and_logs_of_libraries_hide_secrets() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.count("ValueError: ***") == 2
    assert "sent ***" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_a_short_secret_hides_no_part_of_other_words() -> None:
    Secret("on")
    assert without_secrets("one connection") == "one connection"


def error_of(text: str) -> str:
    """Return the error of reading faulty settings."""
    with pytest.raises(FaultySettingsError) as fault:
        read(text, {})
    return str(fault.value)


@pytest.mark.parametrize(
    "password",
    [
        "*hunter2secret",
        "!hunter2secret",
        "!hunter2secret x",
        "!!int hunter2secret",
        "&hunter2secret",
        "@hunter2secret",
        "[hunter2secret",
        "{hunter2secret: a}",
        "hunter2secret: a",
    ],
)
def test_no_error_of_a_password_without_quotes_shows_it(password: str) -> None:
    assert "hunter2" not in error_of(f"cluster:\n  username: u\n  password: {password}\n")


@pytest.mark.parametrize(
    "text",
    [
        "cluster: http://u:hunter2secret@h\n",
        "cluster: {hosts: 'http://h/?k=hunter2secret'}\n",
        "cluster: {hosts: 'http://h/#hunter2secret'}\n",
        "cluster: {hosts: 'http://u:hunter2secret@h/'}\n",
    ],
)
def test_no_error_of_an_address_shows_it(text: str) -> None:
    assert "hunter2" not in error_of(text)
