"""Settings that let others read credentials are findings, each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from structlog.testing import capture_logs

from watcher.settings import read
from watcher.settings.risks import is_loopback, is_readable_by_all
from watcher.usecases.loading import load_settings

LOGIN = "username: u, password: hunter2secret"
MAIL = "channels: {m: {type: mail, host: smtp.example, to: a@b.example"
SLACK = "channels: {s: {type: slack, webhook_url: "
APPRISE = "channels: {a: {type: apprise, url: "


def codes(text: str) -> list[str]:
    return [risk.code for risk in read(text, {}).risks]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"cluster: {{hosts: 'http://search.example:9200', {LOGIN}}}", ["clear-text"]),
        ("cluster: {hosts: 'http://search.example:9200', api_key: YWJjOmRlZmdo}", ["clear-text"]),
        (f"cluster: {{hosts: ['https://a.example', 'http://10.0.0.1:9200'], {LOGIN}}}", ["clear-text"]),
        (f"state: {{cluster: {{hosts: 'http://state.example:9200', {LOGIN}}}}}", ["clear-text"]),
        ("cluster: {hosts: 'https://a.example', verify_certs: false}", ["unverified-server"]),
        (f"{MAIL}, tls: none, {LOGIN}}}}}", ["clear-text"]),
        (f"{MAIL}, verify_certs: false, {LOGIN}}}}}", ["unverified-server"]),
        (f"{SLACK}'http://hooks.example/services/T/B/X'}}}}", ["clear-text"]),
        ("monitoring: {dead_man_url: 'http://ping.example/0123'}", ["clear-text"]),
        (f"{APPRISE}'json://user:hunter2secret@hooks.example/'}}}}", ["clear-text"]),
        ("cluster: {hosts: 'https://a.example', username: u, password: abc12}", ["short-secret"]),
        (f"{MAIL}, username: u, password: abc12}}}}", ["short-secret"]),
        (f"{APPRISE}'gotify://gotify.example/token'}}}}", ["clear-text"]),
        (f"{APPRISE}'jsons://u:hunter2secret@hooks.example/?verify=no'}}}}", ["unverified-server"]),
    ],
)
def test_a_risk_is_found_once_and_shows_no_secret(text: str, expected: list[str]) -> None:
    assert codes(text) == expected
    assert "hunter2" not in str(read(text, {}).risks)


@pytest.mark.parametrize(
    "text",
    [
        f"cluster: {{hosts: 'https://search.example:9200', {LOGIN}}}",
        f"cluster: {{hosts: ['http://localhost:9200', 'http://127.1.2.3', 'http://[::1]:9200'], {LOGIN}}}",
        "cluster: {hosts: 'http://search.example:9200'}",
        f"cluster: {{hosts: 'https://a.example', verify_certs: false, ca_fingerprint: {'ab' * 32}}}",
        f"{MAIL}, tls: none}}}}",
        f"{MAIL}, {LOGIN}}}}}",
        f"channels: {{m: {{type: mail, host: localhost, to: a@b.example, tls: none, {LOGIN}}}}}",
        f"{SLACK}'https://hooks.example/services/T/B/X'}}}}",
        f"{SLACK}'http://127.0.0.1:8000/services/demo'}}}}",
        f"{APPRISE}'jsons://user:hunter2secret@hooks.example/'}}}}",
        f"{APPRISE}'json://hooks.example/'}}}}",
        f"{APPRISE}'ntfy://topic'}}}}",
        f"{APPRISE}'gotify://localhost:80/token'}}}}",
    ],
)
def test_what_nobody_else_can_read_is_no_risk(text: str) -> None:
    assert codes(text) == []


def test_a_risk_names_the_place_and_what_to_do() -> None:
    (risk,) = read(
        f"cluster:\n  hosts: http://search.example:9200\n  {LOGIN.replace(', ', chr(10) + '  ')}\n", {}
    ).risks
    assert str(risk) == (
        "settings:2:3: warning: the password is sent to `search.example:9200` in clear text; write `https://` in "
        "`hosts` [clear-text]"
    )


def test_the_environment_can_be_a_risk() -> None:
    environ = {"WATCHER_URL": "http://search.example", "WATCHER_USERNAME": "u", "WATCHER_PASSWORD": "hunter2secret"}
    assert [str(risk.location) for risk in read("", environ).risks] == ["WATCHER_URL:1:1"]


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Create a folder that every user may enter, which pytest's own folder is not."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.parametrize(("mode", "expected"), [(0o644, ["readable-secret"]), (0o640, []), (0o600, [])])
def test_a_secret_file_that_all_users_can_read_is_a_risk(shared_folder: Path, mode: int, expected: list[str]) -> None:
    secret, file = shared_folder / "password", shared_folder / "watcher.yml"
    secret.write_text("hunter2secret\n", encoding="utf-8")
    secret.chmod(mode)
    file.write_text("cluster: {username: u, password_file: password}\n", encoding="utf-8")
    with capture_logs() as entries:
        settings = load_settings(file)
    assert [risk.code for risk in settings.risks] == expected
    assert [entry["event"] for entry in entries] == ["settings.risk"] * len(expected)


@pytest.mark.parametrize(("mode", "expected"), [(0o644, ["readable-secret"]), (0o640, [])])
def test_a_secret_in_settings_that_all_users_can_read_is_a_risk(
    shared_folder: Path, mode: int, expected: list[str]
) -> None:
    file = shared_folder / "watcher.yml"
    file.write_text("cluster: {username: u, password: hunter2secret}\n", encoding="utf-8")
    file.chmod(mode)
    assert [risk.code for risk in load_settings(file).risks] == expected
    file.write_text("cluster: {username: u, password: '${HIDDEN}'}\n", encoding="utf-8")
    assert read(file.read_text("utf-8"), {"HIDDEN": "hunter2secret"}, file=file).risks == ()


def test_a_file_in_a_folder_that_others_may_not_enter_is_no_risk(shared_folder: Path) -> None:
    secret = shared_folder / "password"
    secret.write_text("hunter2secret", encoding="utf-8")
    secret.chmod(0o644)
    assert is_readable_by_all(secret)
    shared_folder.chmod(0o700)
    assert not is_readable_by_all(secret)


def test_the_key_of_a_client_certificate_is_a_secret_file(shared_folder: Path) -> None:
    for name in ("client.crt", "client.key"):
        (shared_folder / name).write_text("PEM", encoding="utf-8")
        (shared_folder / name).chmod(0o644)
    text = "cluster: {client_cert: client.crt, client_key: client.key}"
    (risk,) = read(text, {}, file=shared_folder / "watcher.yml").risks
    assert "client.key" in risk.message


@pytest.mark.parametrize(
    ("host", "expected"),
    [("LOCALHOST", True), ("::1", True), ("127.0.0.1", True), ("localhost.example", False), ("0.0.0.0", False)],  # noqa: S104 - an address to judge, not to bind
)
def test_loopback_is_this_machine_alone(host: str, *, expected: bool) -> None:
    assert is_loopback(host) == expected
