"""Deletion of old indices: the requests to ILM and ISM, which the engines of the tests do not have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from support import fake_cluster as fake_server
from support.borrowed_indices import connections
from support.fake_cluster import Fake, Reply, serving

from watcher.errors import Forbidden, Overloaded

AGE = timedelta(days=396)
ILM = "/_ilm/policy/watcher-hits"
ISM = "/_plugins/_ism/policies/watcher-hits"
ADD = "/_plugins/_ism/add/watcher-hits-*"
DONE = Reply(body={"acknowledged": True})
ABSENT = Reply(status=400, body={"error": "no handler found for uri [/_ilm/policy/watcher-hits] and method [PUT]"})


def keep(fake: Fake) -> Mapping[str, Any] | None:
    """Install the policy of the hits."""
    with connections(fake.cluster) as opened:
        fake.seen.clear()
        return opened.state().keep_for("watcher-hits", "watcher-hits-*", AGE)


def requests(fake: Fake) -> list[tuple[str, str, str]]:
    """Return the requests, in order."""
    return [(request["method"], request["path"], request["query"]) for request in fake.seen]


def sent(fake: Fake, number: int) -> Any:
    """Return the body of a request."""
    return json.loads(fake.seen[number]["body"])


def elastic(**replies: Reply) -> tuple[Mapping[str, Reply], Reply]:
    """Answer as an Elasticsearch that has ILM."""
    table, otherwise = fake_server.elasticsearch("8.19.0")
    product = otherwise.headers
    own = {f"PUT {ILM}": DONE, "PUT /watcher-hits-*/_settings": DONE, **replies}
    return {
        **table,
        **{path: Reply(status=reply.status, body=reply.body, headers=product) for path, reply in own.items()},
    }, otherwise


def opensearch(replies: Mapping[str, Reply]) -> tuple[Mapping[str, Reply], Reply]:
    """Answer as an OpenSearch that has ISM."""
    table, otherwise = fake_server.opensearch("3.6.0")
    own = {f"GET {ISM}": Reply(status=404), f"PUT {ISM}": DONE, f"POST {ADD}": DONE, f"PUT {ILM}": ABSENT, **replies}
    return {**table, **own}, otherwise


def test_ilm_gets_a_policy_for_old_and_new_indices() -> None:
    with serving(*elastic()) as fake:
        assert keep(fake) == {"lifecycle": {"name": "watcher-hits"}}
    (policy, settings) = requests(fake)
    assert policy == ("PUT", ILM, "")
    assert settings[:2] == ("PUT", "/watcher-hits-*/_settings")
    assert {"allow_no_indices=true", "ignore_unavailable=true"} <= set(settings[2].split("&"))
    assert sent(fake, 0) == {"policy": {"phases": {"delete": {"min_age": "396d", "actions": {"delete": {}}}}}}
    assert sent(fake, 1) == {"index": {"lifecycle": {"name": "watcher-hits"}}}


def test_ism_gets_a_policy_for_new_indices_by_name_and_is_attached_to_old_ones() -> None:
    with serving(*opensearch({})) as fake:
        assert keep(fake) == {}
    assert requests(fake) == [("PUT", ILM, ""), ("GET", ISM, ""), ("PUT", ISM, ""), ("POST", ADD, "")]
    policy = sent(fake, 2)["policy"]
    assert policy["ism_template"] == [{"index_patterns": ["watcher-hits-*"], "priority": 300}]
    kept, old = policy["states"]
    assert policy["default_state"] == kept["name"]
    assert kept["transitions"] == [{"state_name": old["name"], "conditions": {"min_index_age": "396d"}}]
    assert old["actions"] == [{"delete": {}}]
    assert sent(fake, 3) == {"policy_id": "watcher-hits"}


def test_an_existing_policy_of_ism_is_replaced_conditionally() -> None:
    existing = Reply(body={"_id": "watcher-hits", "_seq_no": 7, "_primary_term": 2, "policy": {}})
    with serving(*opensearch({f"GET {ISM}": existing})) as fake:
        assert keep(fake) == {}
    assert requests(fake)[2] == ("PUT", ISM, "if_seq_no=7&if_primary_term=2")


def test_ism_without_an_index_has_nothing_to_attach() -> None:
    with serving(*opensearch({f"POST {ADD}": Reply(status=404, body={"error": "no such index"})})) as fake:
        assert keep(fake) == {}


@pytest.mark.parametrize("status", [405, 410])
def test_a_cluster_with_neither_service_returns_none(status: int) -> None:
    missing = Reply(status=status, body={"error": "Incorrect HTTP method"})
    with serving(*opensearch({f"PUT {ILM}": missing, f"GET {ISM}": ABSENT})) as fake:
        assert keep(fake) is None
    assert requests(fake) == [("PUT", ILM, ""), ("GET", ISM, "")]


def test_a_missing_privilege_is_raised() -> None:
    refusal = Reply(status=403, body={"error": {"type": "security_exception", "reason": "no permissions for [ilm]"}})
    with serving(*opensearch({f"PUT {ISM}": refusal})) as fake, pytest.raises(Forbidden, match="lacks the permission"):
        keep(fake)


def test_a_busy_cluster_is_not_taken_for_a_cluster_without_the_service() -> None:
    with serving(*opensearch({f"PUT {ILM}": Reply(status=503, body={})})) as fake, pytest.raises(Overloaded):
        keep(fake)
