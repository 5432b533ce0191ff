"""Statuses, error bodies and broken connections → ClusterErrors, by who must act."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import urllib3.exceptions

from watcher.cluster.engine_transport import Answer
from watcher.cluster.failing_indices import failing_indices, unavailable_indices
from watcher.errors import ClusterError, Forbidden, Incomplete, Overloaded, Refused, Unreachable
from watcher.known_secrets import without_secrets

MAX_REASON = 200
"""How much of each of the engine's own sentences a message repeats."""

_DEEPEST = 30
"""How deep an error's body is read: causes of causes are few."""

# The snapshot, or shards of it, are gone: the window is searched again on a new one.
LOST = frozenset(
    {
        "search_context_missing_exception",
        "no_shard_available_action_exception",
        "shard_not_found_exception",
        "illegal_index_shard_state_exception",
        "node_disconnected_exception",
        "node_not_connected_exception",
        "connect_transport_exception",
        "receive_timeout_transport_exception",
        "search_timeout_exception",
    }
)

# A node or the cluster has too much work at the moment.
BUSY = frozenset(
    {
        "circuit_breaking_exception",
        "es_rejected_execution_exception",
        "rejected_execution_exception",
        "open_search_rejected_execution_exception",
        "task_cancelled_exception",
        "process_cluster_event_timeout_exception",
        "master_not_discovered_exception",
        "cluster_manager_not_discovered_exception",
    }
)

_TOO_LARGE = r"cannot hold more than"  # an answer of more bytes than the engine can hold: less may be asked for
_READ_BLOCKS = r"index read \(api\)|index metadata \(api\)|index closed"

# An index was deleted since the search began.
_GONE = frozenset({"index_not_found_exception"})

# No retry changes these, whatever status they come with (some come as 500).
PERMANENT = frozenset(
    {
        "query_shard_exception",
        "parsing_exception",
        "x_content_parse_exception",
        "too_many_clauses",
        "too_many_nested_clauses",
        "too_complex_to_determinize_exception",
        "number_format_exception",
        "illegal_argument_exception",
        "unsupported_operation_exception",
        "class_cast_exception",
        "null_pointer_exception",
    }
)


def cluster_error(answer: Answer, doing: str) -> ClusterError:
    """Return the error for an unsuccessful answer; `doing` names the request, e.g. `searching `winlogbeat-*``."""
    error = _error(answer, doing)
    failing = dict(failing_indices(_failed_shards(answer.body), LOST | BUSY | _GONE))
    error.indices = failing or (dict(unavailable_indices(answer.body)) if isinstance(error, Incomplete) else {})
    return error


def _error(answer: Answer, doing: str) -> ClusterError:
    kinds = frozenset(_types(answer.body))
    message = f"{doing}: {reason(answer.body) or f'status {answer.status}'}"
    if answer.status == 401:
        return Forbidden(
            f"{doing}: the cluster does not accept the credentials; check `username`, `password`, `api_key`"
        )
    if "cluster_block_exception" in kinds:
        if re.search(_READ_BLOCKS, message):
            return Incomplete(f"{message}; remove the block from the settings of the index")
        return Overloaded(f"{message}; writing is blocked until an operator lifts it (disk space, read-only index)")
    if answer.status == 403 or "security_exception" in kinds:
        return Forbidden(f"{doing}: {privilege(answer.body)}")
    if kinds & LOST:
        return Incomplete(f"{message}; search it again")
    if kinds & BUSY or answer.status == 429 or re.search(_TOO_LARGE, message):
        return Overloaded(f"{message}; ask again later, and for less")
    return _by_status(answer.status, kinds, message)


def _by_status(status: int, kinds: frozenset[str], message: str) -> ClusterError:
    if kinds & PERMANENT or (400 <= status < 500 and status != 408):
        return Refused(message)
    if status in {408, 502, 504}:
        return Unreachable(f"{message}; the proxy before the cluster got no answer from it")
    return Overloaded(f"{message}; ask again later")


def privilege(body: Any) -> str:
    """Return which privilege is missing, from the engine's own words."""
    words = ": ".join(_reasons(body))  # uncut: the important part is at the end
    action = re.search(r"action \[([^\]]+)\]", words)
    granted = re.search(r"granted by the (cluster|index) privileges \[([^\]]+)\]", words)
    indices = re.search(r"on indices \[([^\]]+)\]", words)
    opensearch = re.search(r"no permissions for \[([^\]]+)\]", words)
    if opensearch:
        return f"the user lacks the permission `{opensearch[1]}`; add it to its role"
    if action and granted:
        where = f" on `{indices[1]}`" if indices else ""
        any_of = "` or `".join(granted[2].split(","))
        return f"the user lacks the {granted[1]} privilege `{any_of}`{where} (for `{action[1]}`); add it to its role"
    return f"access is denied: {reason(body) or 'status 403'}"


def unreachable(addresses: Sequence[object], error: BaseException, waited: timedelta) -> Unreachable:
    """Return why nothing answered, and which setting to check."""
    where = ", ".join(f"`{address}`" for address in addresses)
    causes = tuple(_causes(error))
    if any(isinstance(cause, ssl.SSLError | urllib3.exceptions.SSLError) for cause in causes):
        return Unreachable(f"{where}: no secure connection; {_tls_advice(causes)}")
    if any(isinstance(cause, socket.gaierror | urllib3.exceptions.NameResolutionError) for cause in causes):
        return Unreachable(f"{where}: the host's name is unknown; check `hosts`")
    # Before the timeouts: urllib3 counts a connection that was refused among them.
    if any(isinstance(cause, ConnectionRefusedError | urllib3.exceptions.NewConnectionError) for cause in causes):
        return Unreachable(
            f"{where} refused the connection; check that the cluster is running, and host and port in `hosts`"
        )
    if any(isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError) for cause in causes):
        return Unreachable(
            f"{where} did not answer within {waited.total_seconds():g} s; raise `timeout`, or check whether it is busy"
        )
    return Unreachable(
        f"{where} closed the connection without an answer; if it expects TLS, write `https://` in `hosts`"
    )


def _tls_advice(causes: Sequence[BaseException]) -> str:
    words = " ".join(str(cause) for cause in causes).lower()
    if "fingerprint" in words:
        return "`ca_fingerprint` differs (on OpenSearch it is that of the server's own certificate); or set `ca_certs`"
    if "wrong version number" in words or "record layer failure" in words or "http_request" in words:
        return "the server speaks plain HTTP; write `http://` in `hosts`"
    if "hostname mismatch" in words or "ip address mismatch" in words or "doesn't match" in words:
        return "the certificate was issued for another name; use that name in `hosts`"
    if "certificate required" in words or "handshake failure" in words:
        return "the server asks for a client certificate; set `client_cert` and `client_key`"
    if "self-signed" in words or "self signed" in words or "unable to get" in words or "unknown ca" in words:
        return "the certificate's authority is unknown; set `ca_certs` to its PEM file"
    return "the certificate is not trusted; set `ca_certs`"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, however the libraries hold them."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
        pending += getattr(cause, "errors", ()) or ()


def reason(body: Any) -> str:
    """Return the engine's reasons in one line: the innermost cause last, those of shards with their index."""
    parts = dict.fromkeys(_reasons(body))
    return ": ".join(_shortened(part).rstrip(";") for part in parts if part)  # those of blocks end with one


def _shortened(text: str) -> str:
    # Reasons quote values of events: of any length, and with characters that would move a terminal's cursor.
    clean = "".join(char if char.isprintable() else " " for char in without_secrets(text))
    return clean if len(clean) <= MAX_REASON else f"{clean[: MAX_REASON - 1]}…"


def _reasons(body: Any) -> Iterator[str]:
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, str):
        yield " ".join(error.split())
    if not isinstance(error, Mapping):
        return
    shards = [shard for shard in _failed_shards(error) if isinstance(shard, Mapping)]
    for shard in shards[:1]:
        why = shard.get("reason")
        words = (why.get("reason") or why.get("type")) if isinstance(why, Mapping) else why
        yield f"index `{shard.get('index')}`: {words}"
    if not shards:
        yield str(error.get("reason") or error.get("type") or "")
    cause = error.get("caused_by")
    if isinstance(cause, Mapping) and cause.get("reason"):
        yield str(cause["reason"])


def _failed_shards(body: Any) -> Sequence[Any]:
    error = body.get("error", body) if isinstance(body, Mapping) else body
    listed = error.get("failed_shards") or error.get("failures") or () if isinstance(error, Mapping) else ()
    return listed if isinstance(listed, list | tuple) else ()


def _types(body: Any, depth: int = 0) -> Iterator[str]:
    """Yield all exception types of an error's body."""
    if depth > _DEEPEST:
        return
    if isinstance(body, Mapping):
        if isinstance(body.get("type"), str):
            yield body["type"]
        for key in ("error", "root_cause", "caused_by", "failed_shards", "failures", "reason", "suppressed"):
            yield from _types(body.get(key), depth + 1)
    elif isinstance(body, Sequence) and not isinstance(body, str):
        for part in body:
            yield from _types(part, depth + 1)


def accept(answer: Answer, doing: str) -> Answer:
    """Return a successful answer; raise the error of any other."""
    if 200 <= answer.status < 300:
        return answer
    raise cluster_error(answer, doing)
