"""Elasticsearch behind TLS, a password and privileges, from the command line."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from engines import ADMIN, KEEPER, READER
from house import IIS, House, cases

ATTACK = next(case for case in cases(IIS) if case.expect == "hit")
WRONG = "not-the-password-7f3a"


def fingerprint(ca: Path) -> str:
    """Give the SHA-256 of a CA as Elasticsearch prints it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ca.read_text(encoding="ascii"))).hexdigest()


def test_the_least_privileged_user_needs_nothing_more(closed_house: House) -> None:
    closed_house.feed([ATTACK])
    assert closed_house.call("setup").returncode == 0
    checked = closed_house.call("check", "--live")
    assert "cluster:" not in checked.stdout
    assert checked.returncode == 0
    closed_house.once()
    assert len(closed_house.slack.requests) == 1


def test_a_wrong_password_is_one_sentence_without_any_secret(closed_house: House) -> None:
    (closed_house.folder / "wrong").write_text(WRONG, encoding="utf-8")
    closed_house.changes["cluster"] = {**closed_house.cluster(), "password_file": "wrong"}
    for command in (("run", "--once"), ("status",), ("check", "--live"), ("run",)):
        done = closed_house.call(*command)
        assert done.returncode == 3
        (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("watcher: ")]
        assert "does not accept the credentials; check `username`, `password`, `api_key`" in sentence
        assert WRONG not in done.stdout + done.stderr
        assert "secret-token" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_an_unknown_authority_is_said_with_the_setting_to_change(closed_house: House) -> None:
    closed_house.changes["cluster"] = {**closed_house.cluster(), "ca_certs": None}
    done = closed_house.call("run", "--once")
    assert done.returncode == 3
    assert "the certificate's authority is unknown; set `ca_certs` to its PEM file" in done.stderr


def test_the_fingerprint_of_the_authority_is_enough(closed_house: House) -> None:
    assert closed_house.running.ca is not None
    closed_house.feed([ATTACK])
    right = {**closed_house.cluster(), "ca_certs": None, "ca_fingerprint": fingerprint(closed_house.running.ca)}
    closed_house.changes["cluster"] = right
    closed_house.once()
    assert len(closed_house.slack.requests) == 1
    closed_house.changes["cluster"] = {**right, "ca_fingerprint": "00" * 32}
    done = closed_house.call("run", "--once")
    assert done.returncode == 3
    assert "`ca_fingerprint` differs" in done.stderr


def test_user_and_password_may_come_from_the_environment(closed_house: House) -> None:
    closed_house.changes["cluster"] = None
    done = closed_house.call(
        "status",
        WATCHER_URL=closed_house.running.url,
        WATCHER_USERNAME=ADMIN.name,
        WATCHER_PASSWORD=ADMIN.password,
        WATCHER_CA_CERTS=str(closed_house.running.ca),
    )
    assert done.returncode == 1, done.stderr  # never searched
    assert "never searched" in done.stdout


@pytest.mark.parametrize("command", [("run", "--once"), ("run",)])
def test_a_user_who_may_not_install_templates_is_sent_to_setup(closed_house: House, command: tuple[str, ...]) -> None:
    closed_house.changes["cluster"] = closed_house.cluster() | {"username": READER.name, "password_file": "reader"}
    (closed_house.folder / "reader").write_text(READER.password, encoding="utf-8")
    done = closed_house.call(*command)
    assert done.returncode == 2
    assert "are not installed, and this user may not" in done.stderr
    assert "let an administrator call `watcher setup`" in done.stderr


def test_a_user_who_may_not_look_at_templates_runs_after_somebody_else_set_them_up(closed_house: House) -> None:
    own = closed_house.cluster()
    assert closed_house.call("setup").returncode == 0
    closed_house.changes["cluster"] = own | {"username": KEEPER.name, "password_file": "keeper"}
    (closed_house.folder / "keeper").write_text(KEEPER.password, encoding="utf-8")
    done = closed_house.call("run", "--once")
    assert (done.returncode, "run.done" in done.stderr) == (0, True), done.stderr


def test_check_live_names_every_privilege_that_is_missing(closed_house: House) -> None:
    closed_house.changes["cluster"] = closed_house.cluster() | {"username": READER.name, "password_file": "reader"}
    (closed_house.folder / "reader").write_text(READER.password, encoding="utf-8")
    done = closed_house.call("check", "--live")
    assert done.returncode == 1
    assert "cluster: the user lacks the cluster privilege `manage_index_templates`; add it to its role" in done.stdout
    assert f"the index privilege `create_index` on `{closed_house.prefix}-*`" in done.stdout
