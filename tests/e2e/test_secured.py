"""Elasticsearch behind TLS, a password and privileges, from the command line."""

from __future__ import annotations

import hashlib
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from support.engines import ADMIN, INSPECTOR, KEEPER, READ_ALONE, READER, STRANGER
from support.sandbox import IIS, Sandbox, rule_events

from watcher.local_engine import User

ATTACK = next(case for case in rule_events(IIS) if case.expect == "hit")
WRONG = "not-the-password-7f3a"


def fingerprint(ca: Path) -> str:
    """Return the SHA-256 of a CA as Elasticsearch prints it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca.read_text(encoding="ascii"))).hexdigest()


def test_the_least_privileged_user_needs_nothing_more(secured_sandbox: Sandbox) -> None:
    secured_sandbox.feed([ATTACK])
    assert secured_sandbox.call("setup").returncode == 0
    checked = secured_sandbox.call("check", "--live")
    assert "cluster:" not in checked.stdout
    assert checked.returncode == 0
    secured_sandbox.once()
    assert len(secured_sandbox.slack.requests) == 1


def test_a_wrong_password_is_reported_in_a_sentence_without_secrets(secured_sandbox: Sandbox) -> None:
    (secured_sandbox.folder / "wrong").write_text(WRONG, encoding="utf-8")
    secured_sandbox.changes["cluster"] = {**secured_sandbox.cluster(), "password_file": "wrong"}
    for command in (("run", "--once"), ("status",), ("check", "--live"), ("run",)):
        done = secured_sandbox.call(*command)
        assert done.returncode == 3
        (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("watcher: ")]
        assert "does not accept the credentials; check `username`, `password`, `api_key`" in sentence
        assert WRONG not in done.stdout + done.stderr
        assert "secret-token" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_an_unknown_authority_is_reported_with_the_setting_to_change(secured_sandbox: Sandbox) -> None:
    secured_sandbox.changes["cluster"] = {**secured_sandbox.cluster(), "ca_certs": None}
    done = secured_sandbox.call("run", "--once")
    assert done.returncode == 3
    assert "the certificate's authority is unknown; set `ca_certs` to its PEM file" in done.stderr


def test_the_fingerprint_of_the_authority_is_enough(secured_sandbox: Sandbox) -> None:
    assert secured_sandbox.running.ca is not None
    secured_sandbox.feed([ATTACK])
    right = {**secured_sandbox.cluster(), "ca_certs": None, "ca_fingerprint": fingerprint(secured_sandbox.running.ca)}
    secured_sandbox.changes["cluster"] = right
    secured_sandbox.once()
    assert len(secured_sandbox.slack.requests) == 1
    secured_sandbox.changes["cluster"] = {**right, "ca_fingerprint": "00" * 32}
    done = secured_sandbox.call("run", "--once")
    assert done.returncode == 3
    assert "`ca_fingerprint` differs" in done.stderr


def test_user_and_password_may_come_from_the_environment(secured_sandbox: Sandbox) -> None:
    secured_sandbox.changes["cluster"] = None
    done = secured_sandbox.call(
        "status",
        WATCHER_URL=secured_sandbox.running.url,
        WATCHER_USERNAME=ADMIN.name,
        WATCHER_PASSWORD=ADMIN.password,
        WATCHER_CA_CERTS=str(secured_sandbox.running.ca),
    )
    assert done.returncode == 1, done.stderr  # never searched
    assert "never searched" in done.stdout


@pytest.mark.parametrize("command", [("run", "--once"), ("run",)])
def test_a_user_without_template_privileges_is_referred_to_setup(
    secured_sandbox: Sandbox, command: tuple[str, ...]
) -> None:
    secured_sandbox.changes["cluster"] = secured_sandbox.cluster() | {
        "username": READER.name,
        "password_file": "reader",
    }
    (secured_sandbox.folder / "reader").write_text(READER.password, encoding="utf-8")
    done = secured_sandbox.call(*command)
    assert done.returncode == 2
    assert "are not installed, and this user may not" in done.stderr
    assert "let an administrator call `watcher setup`" in done.stderr


def test_a_user_who_cannot_read_templates_runs_after_setup_by_another_user(secured_sandbox: Sandbox) -> None:
    own = secured_sandbox.cluster()
    assert secured_sandbox.call("setup").returncode == 0
    secured_sandbox.changes["cluster"] = own | {"username": KEEPER.name, "password_file": "keeper"}
    (secured_sandbox.folder / "keeper").write_text(KEEPER.password, encoding="utf-8")
    done = secured_sandbox.call("run", "--once")
    assert (done.returncode, "run.done" in done.stderr) == (0, True), done.stderr


def test_check_live_names_every_privilege_that_is_missing(secured_sandbox: Sandbox) -> None:
    secured_sandbox.changes["cluster"] = secured_sandbox.cluster() | {
        "username": READER.name,
        "password_file": "reader",
    }
    (secured_sandbox.folder / "reader").write_text(READER.password, encoding="utf-8")
    done = secured_sandbox.call("check", "--live")
    assert done.returncode == 1
    assert "cluster: the user lacks the cluster privilege `manage_index_templates`; add it to its role" in done.stdout
    assert f"the index privilege `create_index` on `{secured_sandbox.prefix}-*`" in done.stdout


@pytest.mark.parametrize("user", [INSPECTOR, STRANGER], ids=["inspect-not-read", "neither"])
def test_an_index_that_may_not_be_read_is_named_everywhere_and_searched_once_it_may(
    secured_sandbox: Sandbox, user: User
) -> None:
    part, other = f"winlogbeat-{secured_sandbox.name}-part", secured_sandbox.index
    secured_sandbox.feed([ATTACK], index=part)
    secured_sandbox.feed([ATTACK], ago=timedelta(minutes=3))  # an event of its own
    own = secured_sandbox.cluster()
    (secured_sandbox.folder / "user").write_text(user.password, encoding="utf-8")
    secured_sandbox.changes["cluster"] = own | {"username": user.name, "password_file": "user"}
    lacking = f"the user lacks the index privilege `read` or `all` on `{other}`"
    done = secured_sandbox.call("run", "--once")
    assert (done.returncode, lacking in done.stderr) == (1, True), done.stderr
    assert len(secured_sandbox.slack.requests) == 1  # of the index that may be read
    status = secured_sandbox.call("status", "--json")
    assert (status.returncode, lacking in status.stdout) == (1, True)
    assert secured_sandbox.gaps()[0]["indices"] == [other]
    checked = secured_sandbox.call("check", "--live")
    assert (checked.returncode, lacking in " ".join(checked.stdout.split())) == (1, True)
    secured_sandbox.changes["cluster"] = own
    secured_sandbox.hasten_gaps()
    secured_sandbox.once()
    assert len(secured_sandbox.documents("hits")) == 2
    assert secured_sandbox.gaps() == []


def test_a_mapping_that_may_not_be_read_is_named_and_the_index_searched(secured_sandbox: Sandbox) -> None:
    secured_sandbox.feed([ATTACK])
    (secured_sandbox.folder / "user").write_text(READ_ALONE.password, encoding="utf-8")
    secured_sandbox.changes["cluster"] = secured_sandbox.cluster() | {
        "username": READ_ALONE.name,
        "password_file": "user",
    }
    lacking = f"the user lacks the index privilege `view_index_metadata` on `{secured_sandbox.index}`"
    for command in (("run", "--once"), ("status", "--json"), ("check", "--live")):
        done = secured_sandbox.call(*command)
        shown = " ".join((done.stdout + done.stderr).split())
        assert (done.returncode, lacking in shown) == (1, True), shown
    assert len(secured_sandbox.slack.requests) == 1
