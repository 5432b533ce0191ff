"""A state of version 2 is migrated whatever happens to the migrating processes: killed, started twice, left running."""

from __future__ import annotations

import signal
from collections import Counter

import pytest
from support.killed_runs import killed_runs
from support.older_sandbox import assert_taken_over, expected_messages, messages
from support.older_state import captured
from support.sandbox import RunningSidecar, Sandbox, wait_until

from watcher.alerts.alert_upgrade import upgrade_alert
from watcher.checkpoints.checkpoint_upgrade import upgrade_checkpoint
from watcher.ports import PartialUpdate, StoredDocument
from watcher.state.index_templates import VERSION
from watcher.state.state_version import StateVersion

LEASES = ("lease-delivery", "lease-live-windows", "lease-past-windows")


def state_documents(sandbox: Sandbox, *names: str) -> dict[str, StoredDocument]:
    """Return the existing state documents by id."""
    documents = sandbox.admin.state().get([(f"{sandbox.prefix}-state", name) for name in names])
    return {document.id: document for document in documents if document is not None}


def shorten_leases(sandbox: Sandbox) -> None:
    """Store a short lease period: a migration waits that long for members of the older version."""
    changes = [
        PartialUpdate(stored=lease, part={"body": {"period": 0.1}})
        for lease in state_documents(sandbox, *LEASES).values()
    ]
    assert all(sandbox.admin.state().update(changes))


def kill_migrations(sandbox: Sandbox, *, stride: int) -> list[int | None]:
    """Kill a migration, each one `stride` steps later, until one ends; return the stored version after each kill."""
    versions = []
    version = StateVersion(sandbox.admin.state(), sandbox.prefix)
    with killed_runs(sandbox) as runs:
        at = stride
        while runs.run(work="migrate", at=at)["status"] == -signal.SIGKILL:
            versions.append(version.read())
            at += stride
    return versions


def check_killed_migrations(sandbox: Sandbox, *, stride: int, kills: int) -> None:
    """Kill migrations, and check that every document is upgraded once and every message sent once."""
    shorten_leases(sandbox)
    before = {alert.id: alert.document for alert in sandbox.documents("alerts")}
    live = [f"live-{name}" for name in sandbox.sources]
    checkpoints = {name: stored.document for name, stored in state_documents(sandbox, *live).items()}
    others = {hit.id: hit.document for hit in sandbox.documents("hits")}
    versions = kill_migrations(sandbox, stride=stride)
    print(f"{len(versions)} killed migrations")  # noqa: T201
    assert versions.count(2) >= kills  # until the last write readers and older programs are kept away
    assert versions == sorted(versions, key=int)
    assert StateVersion(sandbox.admin.state(), sandbox.prefix).read() == VERSION
    after = {alert.id: alert.document for alert in sandbox.documents("alerts")}
    assert after == {name: upgrade_alert(document) for name, document in before.items()}
    migrated = {name: stored.document for name, stored in state_documents(sandbox, *live).items()}
    assert migrated == {
        name: {**document, "version": VERSION, "body": upgrade_checkpoint(document["body"])}
        for name, document in checkpoints.items()
    }
    assert {hit.id: hit.document for hit in sandbox.documents("hits")} == others
    with killed_runs(sandbox) as runs:
        assert [runs.run()["status"] for _ in range(2)] == [0, 0]
    assert_taken_over(sandbox, expected_messages(sandbox, backfills=False))


def test_a_migration_that_is_killed_many_times_loses_and_doubles_nothing(older: Sandbox) -> None:
    check_killed_migrations(older, stride=13, kills=4)


@pytest.mark.slow
def test_a_migration_that_is_killed_at_every_third_step_loses_and_doubles_nothing(older: Sandbox) -> None:
    check_killed_migrations(older, stride=3, kills=12)  # an odd stride: before requests, and after their answers


# --------------------------------------------------------------------------- running sidecars


def search_often(sandbox: Sandbox) -> None:
    """Let running sidecars search soon after they take the leases; gaps are filled for `every` in each round."""
    sandbox.changes["sources"] = [{**source, "every": "10s"} for source in sandbox.changes["sources"]]
    sandbox.changes["lease"] = "3s"
    shorten_leases(sandbox)


def all_sent(sandbox: Sandbox, expected: Counter[tuple[str, ...]], loops: list[RunningSidecar]) -> None:
    """Wait until everything expected is sent and no gap is left."""

    def finished() -> bool:
        live = state_documents(sandbox, *(f"live-{name}" for name in sandbox.sources)).values()
        gaps = [gap for document in live for gap in document.document["body"].get("gaps", ())]
        return not gaps and not expected - messages(sandbox)

    def shown() -> str:
        return f"{expected - messages(sandbox)}\n" + "\n".join(loop.log_text()[-3000:] for loop in loops)

    wait_until(finished, what="every message and the end of every gap", shown=shown, seconds=240)


def former_members(sandbox: Sandbox) -> set[str]:
    """Return the members of the older version that still hold a lease."""
    former = set(captured("state", sandbox.admin.server.engine)["indices"]["watcher-state"]["documents"])
    leases = state_documents(sandbox, *LEASES).values()
    holders = {str(lease.document["body"]["holder"]) for lease in leases}
    return {holder for holder in holders if f"member-{holder}" in former}


@pytest.mark.slow
def test_a_running_sidecar_takes_over_the_leases_and_finishes_gaps_and_deliveries(older: Sandbox) -> None:
    expected = expected_messages(older, backfills=False)
    search_often(older)
    assert former_members(older)
    with older.loop() as sidecar:
        all_sent(older, expected, [sidecar])
        wait_until(lambda: not former_members(older), what="the leases of the former members")
        assert sidecar.stop(signal.SIGTERM) == 0
    assert "job.failed" not in sidecar.log_text()
    assert_taken_over(older, expected)


@pytest.mark.slow
def test_two_sidecars_that_start_at_once_migrate_and_deliver_once(older: Sandbox) -> None:
    expected = expected_messages(older, backfills=False)
    search_often(older)
    with older.loop() as first, older.loop() as second:
        loops = [first, second]
        for loop in loops:
            loop.wait_for_log("sidecar.started")
        all_sent(older, expected, loops)
        assert [loop.stop(signal.SIGTERM) for loop in loops] == [0, 0]
    migrated = sum(loop.log_text().count("state.migrated") for loop in loops)
    assert 1 <= migrated <= 2
    assert all("job.failed" not in loop.log_text() for loop in loops)
    assert_taken_over(older, expected)
