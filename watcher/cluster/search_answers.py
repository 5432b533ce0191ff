"""One search of several, or a page of a snapshot: its answer in its shape, or its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watcher.cluster.answer_shapes import (
    MultiSearchAnswer,
    PageAnswer,
    SearchAnswer,
    SearchSummary,
    decode,
    malformed,
    shaped,
)
from watcher.cluster.cluster_faults import cluster_error
from watcher.cluster.engine_transport import Answer
from watcher.errors import ClusterError, Incomplete, Refused, TooSlow


def several_answers(answer: Answer, count: int, doing: str) -> list[dict[str, Any]]:
    """Return the answers to some searches of one request; raises Malformed where there are not as many as searches."""
    responses = decode(answer, MultiSearchAnswer, doing).responses
    if len(responses) != count:
        raise malformed(doing, f"{len(responses)} answers to {count} searches")
    return responses


def search_answer(response: Mapping[str, Any], doing: str) -> SearchAnswer:
    """Return one answer of several; raises its error."""
    error = response_error(response, doing)
    if error is not None:
        raise error
    return shaped(response, SearchAnswer, doing)


def response_error(response: Mapping[str, Any], doing: str) -> ClusterError | None:
    """Return the error of one answer of several, None where it is none."""
    status = response.get("status", 200)
    if not isinstance(status, int):
        return malformed(doing, "a status that is no number")
    if "error" not in response and 200 <= status < 300:
        return None
    return _error(status, response.get("error"), doing)


def page_answer(response: PageAnswer, doing: str) -> SearchAnswer | ClusterError:
    """Return a page of several, or its error."""
    if response.error is not None or not 200 <= response.status < 300:
        return _error(response.status, response.error, doing)
    if response.timed_out is None or response.shards is None or response.hits is None:
        return malformed(doing, "no `timed_out`, `_shards` or `hits`")
    return SearchAnswer(
        timed_out=response.timed_out,
        shards=response.shards,
        hits=response.hits,
        took=response.took,
        clusters=response.clusters,
        pit_id=response.pit_id,
    )


def _error(status: int, error: Any, doing: str) -> ClusterError:
    answer = Answer(status=status if status >= 300 else 500, value={"error": error, "status": status})
    return lost_index(cluster_error(answer, doing), answer)


def lost_index(error: ClusterError, answer: Answer) -> ClusterError:
    """Return Incomplete for a 404: an index that existed when the snapshot was opened is gone."""
    if isinstance(error, Refused) and answer.status == 404:
        return Incomplete(f"{error}; search it again")
    return error


def partial_answer(response: SearchAnswer | SearchSummary, doing: str) -> ClusterError | None:
    """Return the error of an incomplete answer, None where it is complete."""
    shards, clusters = response.shards, response.clusters
    if shards.failed:
        # By the shards' own reasons: a query that one index cannot run is refused permanently.
        error = cluster_error(Answer(status=500, value={"error": {"failures": shards.failures}}), doing)
        lacking = Incomplete(f"{error}; {shards.failed} of {shards.total} shards failed", indices=error.indices)
        return error if isinstance(error, Refused) else lacking
    if response.timed_out:
        return TooSlow(f"{doing}: it ran out of time; search a shorter window, or raise `timeout`")
    absent = clusters.skipped + clusters.partial + clusters.failed
    if absent:
        return Incomplete(f"{doing}: {absent} of {clusters.total} clusters did not answer in full")
    return None
