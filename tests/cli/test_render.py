"""`watcher render`: messages by their templates, to the terminal, a file or a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, Sandbox, rule_events, run_watcher

CHANNELS = {
    "soc": {"type": "mail", "host": "localhost", "to": ["soc@corp.example"]},
    "chat": {"type": "slack", "webhook_url": "https://hooks.example/services/secret-token"},
}


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """Write settings with two channels and a folder of templates."""
    (tmp_path / "templates").mkdir()
    file = tmp_path / "watcher.yml"
    file.write_text(json.dumps({"channels": CHANNELS, "templates": "templates"}), encoding="utf-8")
    return file


def test_the_terminal_shows_the_subject_and_every_body(settings_file: Path) -> None:
    done = call("render", "soc", "--settings", str(settings_file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Subject: [TEST] ")
    assert re.findall("^--- (.+) ---$", done.stdout, re.MULTILINE) == ["text/plain", "text/html"]
    assert "THIS IS A TEST" in done.stdout


@pytest.mark.parametrize("name", ["mail", "slack", "apprise", "soc", "chat"])
def test_a_channel_or_a_channel_type_is_named(settings_file: Path, name: str) -> None:
    done = call("render", name, "--settings", str(settings_file))
    assert done.returncode == 0, done.stderr
    assert "whoami" in done.stdout
    assert "secret-token" not in done.stdout


def test_an_unknown_channel_is_reported_with_the_names_that_exist(settings_file: Path) -> None:
    done = call("render", "pager", "--settings", str(settings_file))
    assert done.returncode == 2
    assert "no channel and no channel type is called `pager`; settings have `soc`, `chat`" in done.stderr
    assert "types are `mail`, `slack`, `apprise`" in done.stderr


@pytest.mark.parametrize(
    ("kind", "text"), [("digest", "1,234 further alerts"), ("notice", "This is a test of the templates.")]
)
def test_digests_and_notices_have_samples(settings_file: Path, kind: str, text: str) -> None:
    for channel in ("mail", "slack", "apprise"):
        done = call("render", channel, "--message", kind, "--settings", str(settings_file))
        assert done.returncode == 0, done.stderr
        assert text in done.stdout


@pytest.mark.parametrize(("channel", "name"), [("soc", "a.html"), ("soc", "a.txt"), ("chat", "a.json")])
def test_the_suffix_of_the_file_names_the_body(settings_file: Path, channel: str, name: str) -> None:
    file = settings_file.parent / name
    done = call("render", channel, "--out", str(file), "--settings", str(settings_file))
    assert (done.returncode, done.stdout) == (0, f"written to `{file}`\n"), done.stderr
    text = file.read_text(encoding="utf-8")
    beginnings = {"a.html": "<!DOCTYPE html>", "a.txt": "*** THIS IS A TEST", "a.json": "{\n"}
    assert text.lstrip().startswith(beginnings[name])


def test_a_body_that_the_message_lacks_is_refused(settings_file: Path) -> None:
    done = call("render", "chat", "--out", "page.html", "--settings", str(settings_file))
    assert done.returncode == 2
    assert "`page.html`: no body of the message is of this type; end the file name in .json" in done.stderr


def test_a_file_that_cannot_be_written_is_reported(settings_file: Path) -> None:
    file = settings_file.parent / "missing" / "page.html"
    done = call("render", "soc", "--out", str(file), "--settings", str(settings_file))
    assert done.returncode == 2
    assert f"`{file}` cannot be written: No such file or directory" in done.stderr


def test_the_browser_opens_the_html_body(settings_file: Path) -> None:
    browser, opened = settings_file.parent / "browser", settings_file.parent / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n', encoding="utf-8")
    browser.chmod(0o755)
    done = run_watcher(
        "render",
        "soc",
        "--browser",
        "--settings",
        str(settings_file),
        BROWSER=str(browser),
        TMPDIR=str(settings_file.parent),
    )
    assert done.returncode == 0, done.stderr
    page = Path(opened.read_text(encoding="utf-8").removeprefix("file://"))
    assert done.stdout == f"opened `{page}`\n"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_message_without_html_opens_no_browser(settings_file: Path) -> None:
    done = call("render", "chat", "--browser", "--settings", str(settings_file))
    assert done.returncode == 2
    assert "messages of `chat` have no HTML body" in done.stderr


def test_a_faulty_template_is_reported_with_its_file_and_line(settings_file: Path) -> None:
    template = settings_file.parent / "templates" / "mail.txt.j2"
    template.write_text("first\n{{ hots }}\n", encoding="utf-8")
    done = call("render", "mail", "--settings", str(settings_file))
    assert done.returncode == 2
    assert f"{template}:2:1: UndefinedError: 'hots' is undefined" in done.stderr


def test_an_alert_is_no_digest(settings_file: Path) -> None:
    done = call("render", "soc", "--alert", "a", "--message", "digest", "--settings", str(settings_file))
    assert done.returncode == 2
    assert "`--alert` renders an alert; leave `--message` out" in done.stderr


def test_a_stored_alert_is_rendered_as_it_was_sent(sandbox: Sandbox) -> None:
    sandbox.template()
    sandbox.feed(rule_events(IIS)[:1])
    sandbox.once()
    (alert,) = sandbox.documents("alerts")
    (request,) = sandbox.slack.requests
    file = sandbox.folder / "message.json"
    done = sandbox.call("render", "slack", "--alert", alert.id, "--out", str(file))
    assert done.returncode == 0, done.stderr
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(request.body)
    assert IIS_TITLE in sandbox.call("render", "apprise", "--alert", alert.id).stdout

    done = sandbox.call("render", "slack", "--alert", "missing")
    assert done.returncode == 2
    assert "no alert has the id `missing`; `watcher alerts --json` lists the newest ids" in done.stderr
