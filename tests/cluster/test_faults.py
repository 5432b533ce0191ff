from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from typing import Any

import pytest
import urllib3.exceptions

from watcher.cluster.cluster_faults import accept, cluster_error, privilege, reason, unreachable
from watcher.cluster.engine_transport import Answer
from watcher.errors import ClusterError, Forbidden, Incomplete, Overloaded, Refused, Unreachable


def error(kind: str, words: str = "why", **more: Any) -> dict[str, Any]:
    return {"error": {"root_cause": [{"type": kind, "reason": words}], "type": kind, "reason": words, **more}}


def shards(*kinds: str) -> dict[str, Any]:
    failed = [{"shard": 0, "index": "winlogbeat-a", "reason": {"type": kind, "reason": kind}} for kind in kinds]
    return error("search_phase_execution_exception", "all shards failed", failed_shards=failed)


TABLE: list[tuple[int, Any, type[ClusterError]]] = [
    # The credentials are wrong, or a privilege is missing.
    (401, error("security_exception"), Forbidden),
    (401, "", Forbidden),
    (403, error("security_exception"), Forbidden),
    (403, "<html>proxy</html>", Forbidden),
    (500, error("security_exception"), Forbidden),
    # Writing is blocked, which has the same status as a missing privilege, or that of a full queue.
    (403, error("cluster_block_exception", "index [w] blocked by: [FORBIDDEN/5/index read-only (api)];"), Overloaded),
    (429, error("cluster_block_exception", "[TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage];"), Overloaded),
    # The snapshot is gone: 404 where it is entirely gone, 503 where nodes disagree.
    (404, shards("search_context_missing_exception"), Incomplete),
    (503, shards("search_context_missing_exception", "no_shard_available_action_exception"), Incomplete),
    (503, error("no_shard_available_action_exception"), Incomplete),
    (504, error("search_timeout_exception"), Incomplete),
    (500, shards("query_shard_exception", "node_disconnected_exception"), Incomplete),
    # Temporary.
    (429, error("circuit_breaking_exception"), Overloaded),
    (503, error("circuit_breaking_exception"), Overloaded),
    (429, error("es_rejected_execution_exception"), Overloaded),
    (429, error("rejected_execution_exception"), Overloaded),
    (429, "", Overloaded),
    (400, error("task_cancelled_exception", "cancelled task with reason: heap usage exceeded"), Overloaded),
    (503, error("master_not_discovered_exception"), Overloaded),
    (503, error("unavailable_shards_exception"), Overloaded),
    (503, "", Overloaded),
    (500, error("io_exception"), Overloaded),
    (500, "", Overloaded),
    # Permanent.
    (400, error("parsing_exception"), Refused),
    (400, shards("query_shard_exception"), Refused),
    (400, error("too_many_clauses"), Refused),
    (500, shards("too_many_clauses"), Refused),
    (500, shards("too_complex_to_determinize_exception"), Refused),
    (400, error("illegal_argument_exception"), Refused),
    (404, error("index_not_found_exception"), Refused),
    (405, {"error": "Incorrect HTTP method", "status": 405}, Refused),
    (406, error("media_type_header_exception"), Refused),
    (413, "", Refused),
    # No cluster behind the proxy.
    (408, "", Unreachable),
    (502, "<html>Bad Gateway</html>", Unreachable),
    (504, "", Unreachable),
]


@pytest.mark.parametrize(("status", "body", "kind"), TABLE)
def test_every_answer_has_its_class_of_error(status: int, body: Any, kind: type[ClusterError]) -> None:
    fault = cluster_error(Answer(status=status, value=body), "searching `winlogbeat-*`")
    assert type(fault) is kind
    assert str(fault).startswith("searching `winlogbeat-*`: ")
    assert ";;" not in str(fault)
    assert not str(fault).endswith(".")


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_has_a_meaning(status: int) -> None:
    assert isinstance(cluster_error(Answer(status=status), "asking"), ClusterError)


def test_returns_a_successful_answer_and_raises_any_other() -> None:
    answer = Answer(status=201, value={})
    assert accept(answer, "writing") is answer
    with pytest.raises(Overloaded):
        accept(Answer(status=503), "writing")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (
                "action [indices:data/read/search] is unauthorized for user [w] with effective roles "
                "[watcher_sidecar_reader,watcher_sidecar_writer,and_more_roles_with_names_as_long_as_those] on indices "
                "[winlogbeat-1], this action is granted by the index privileges [read,all]"
            ),
            (
                "the user lacks the index privilege `read` or `all` on `winlogbeat-1` "
                "(for `indices:data/read/search`); add it to its role"
            ),
        ),
        (
            (
                "action [cluster:monitor/main] is unauthorized for API key id [k] of user [w], this action is granted "
                "by the cluster privileges [monitor,manage,all]"
            ),
            (
                "the user lacks the cluster privilege `monitor` or `manage` or `all` (for `cluster:monitor/main`); "
                "add it to its role"
            ),
        ),
        (
            "no permissions for [indices:data/write/bulk] and User [name=w, backend_roles=[], requestedTenant=null]",
            "the user lacks the permission `indices:data/write/bulk`; add it to its role",
        ),
        ("not today", "access is denied: not today"),
    ],
)
def test_names_the_missing_privilege(words: str, message: str) -> None:
    assert privilege(error("security_exception", words)) == message


def test_names_the_index_and_the_innermost_cause() -> None:
    failed = [{"shard": 0, "index": "winlogbeat-a", "reason": {"type": "query_shard_exception", "reason": "bad"}}]
    cause = {"type": "number_format_exception", "reason": 'For input string: "x"'}
    body = error("search_phase_execution_exception", "all shards failed", failed_shards=failed, caused_by=cause)
    assert reason(body) == 'index `winlogbeat-a`: bad: For input string: "x"'


def test_reasons_have_no_control_characters_and_a_limited_length() -> None:
    message = reason(error("document_parsing_exception", "Preview: '\x1b[2J\u202e" + "x" * 5_000 + "'"))
    assert message.isprintable()
    assert len(message) == 200


HOSTS = ("http://es:9200",)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ConnectionRefusedError(111, "refused"), "refused the connection"),
        (socket.gaierror(-2, "unknown"), "name is unknown; check `hosts`"),
        (TimeoutError(), "did not answer within 30 s"),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "Read timed out"), "did not answer within 30 s"),  # type: ignore[arg-type] # no pool is at hand
        (ConnectionResetError(104, "reset"), "closed the connection without an answer"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "write `http://` in `hosts`"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate in certificate chain"), "set `ca_certs`"),
        (ssl.SSLCertVerificationError(1, "Hostname mismatch, certificate is not valid for 'es'"), "use that name"),
        (ssl.SSLError(1, "tlsv13 alert certificate required"), "set `client_cert` and `client_key`"),
    ],
)
def test_names_the_setting_to_check(broken: Exception, message: str) -> None:
    wrapper = RuntimeError("a client's own exception", broken)
    for error in (broken, wrapper):
        fault = unreachable(HOSTS, error, timedelta(seconds=30))
        assert message in str(fault)
        assert "`http://es:9200`" in str(fault)
