"""A state of version 2 is migrated completely, however often the migration is killed, and by one program at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from support.fakes import NOW, FakeClock
from support.memory_state import MemoryState
from support.older_state import captured

from watcher.alerts.alert_upgrade import upgrade_alert
from watcher.checkpoints.checkpoint_upgrade import upgrade_checkpoint
from watcher.checkpoints.checkpoints import CHECKPOINT_KIND, Checkpoints
from watcher.delivery.delivery_queries import DeliveryQueries
from watcher.delivery.restored_alert import restore_alert
from watcher.errors import Forbidden, Overloaded, Refused
from watcher.ports import NewDocument, PartialUpdate, Replacement, StoredDocument
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_folders import read_file
from watcher.state.index_templates import VERSION
from watcher.state.installation import Installation
from watcher.state.migration import Migration
from watcher.state.state_documents import DocumentKey, StateDocuments

Deliveries = Counter[tuple[str, str, str, str]]


def version_2(state: MemoryState | None = None) -> MemoryState:
    """Create the captured state of version 2."""
    state = state or MemoryState()
    exported = captured("state", "opensearch")
    for name, template in exported["index_templates"].items():
        state.put_template(name, template)
    for index, content in exported["indices"].items():
        state.create(
            [NewDocument(index=index, id=name, document=document) for name, document in content["documents"].items()]
        )
    return state


def installation(state: MemoryState, clock: FakeClock | None = None) -> Installation:
    """Create an installation as the program does."""
    migration = Migration(
        documents=state,
        clock=clock or FakeClock(),
        upgrade_alert=upgrade_alert,
        upgrade_bodies={CHECKPOINT_KIND: upgrade_checkpoint},
    )
    return Installation(state=state, migration=migration)


def alerts(state: MemoryState) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Return the alert documents by index and id."""
    return {key: stored.document for key, stored in state.documents.items() if "-alerts-" in key[0]}


def checkpoints(state: MemoryState) -> Mapping[str, Mapping[str, Any]]:
    """Return the checkpoint documents by source."""
    documents = (stored.document for stored in state.documents.values())
    return {document["source"]: document for document in documents if document.get("kind") == CHECKPOINT_KIND}


def other_documents(state: MemoryState) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Return what is neither an alert nor a checkpoint: hits, counts, starts of rules, leases and backfills."""
    return {
        key: stored.document
        for key, stored in state.documents.items()
        if "-alerts-" not in key[0]
        and key[1] not in {"templates", "version"}
        and stored.document.get("kind") != CHECKPOINT_KIND
    }


def deliveries_before(state: MemoryState) -> Deliveries:
    """Count (alert, channel, state, digest) of a state of version 2."""
    return Counter(
        (alert, entry["channel"], entry["state"].replace("owed", "pending"), entry.get("told_in", ""))
        for (_, alert), document in alerts(state).items()
        for entry in document["watcher"].get("owed", ())
    )


def deliveries_after(state: MemoryState) -> Deliveries:
    """Count (alert, channel, state, digest) of a migrated state."""
    return Counter(
        (alert, entry["channel"], entry["state"], entry.get("digest_id", ""))
        for (_, alert), document in alerts(state).items()
        for entry in document["watcher"]["deliveries"]
    )


def test_every_delivery_keeps_its_state_under_the_new_names() -> None:
    state = version_2()
    before, expected = alerts(state), deliveries_before(state)
    result = installation(state).install()
    # counted in the captured state: 1 alert of October, 25 of November, and the checkpoints of two sources
    assert (len(before), len(checkpoints(state)), result.migrated) == (26, 2, 28)
    assert deliveries_after(state) == expected
    assert alerts(state).keys() == before.keys()
    assert {document["watcher"]["version"] for document in alerts(state).values()} == {VERSION}
    former_words = ("owed", "told_in", "told_alone")
    assert [
        key for key, document in alerts(state).items() if any(f"'{word}'" in str(document) for word in former_words)
    ] == []


def test_everything_else_of_an_alert_stays() -> None:
    state = version_2()
    before = alerts(state)
    installation(state).install()
    for key, document in alerts(state).items():
        assert {name: value for name, value in document.items() if name != "watcher"} == {
            name: value for name, value in before[key].items() if name != "watcher"
        }
        for name in ("alert", "hit"):
            assert document["watcher"][name] == before[key]["watcher"][name]
        assert before[key]["watcher"]["rule"].items() <= document["watcher"]["rule"].items()


def test_hits_counts_leases_and_backfills_stay() -> None:
    state = version_2()
    before = other_documents(state)
    installation(state).install()
    assert len(before) == 27 + 15
    assert other_documents(state) == before


CHECKPOINT_NAMES = {  # version 2 → this version
    "since": "since",
    "until": "watermark",
    "holes": "gaps",
    "indices": "indices",
    "gaps": "lost_indices",
    "swept": "last_late_check",
    "older": "too_late",
    "counted": "older_events",
    "ahead": "future_events",
}


def test_every_checkpoint_keeps_its_values_under_the_new_names() -> None:
    state = version_2()
    before = checkpoints(state)
    installation(state).install()
    assert {source: len(document["body"]["holes"]) for source, document in before.items()} == {
        "branch": 22,
        "windows": 0,
    }
    for source, document in checkpoints(state).items():
        expected = {CHECKPOINT_NAMES[name]: value for name, value in before[source]["body"].items()}
        assert (document["version"], document["body"]) == (VERSION, expected)
        assert Checkpoints(StateDocuments(state)).read(source) is not None


def test_a_checkpoint_that_an_older_program_writes_after_the_migration_is_migrated_by_the_next() -> None:
    state = version_2()
    installation(state).install()
    (body,) = (document["body"] for source, document in checkpoints(version_2()).items() if source == "branch")
    document = {"kind": CHECKPOINT_KIND, "source": "late", "version": VERSION - 1, "body": body}
    state.create([NewDocument(index="watcher-state", id="live-late", document=document)])
    late, branch = (DocumentKey(kind=CHECKPOINT_KIND, source=name) for name in ("late", "branch"))
    assert installation(state).install().migrated == 1
    assert StateDocuments(state).read(late) == StateDocuments(state).read(branch)


def due_to_any(state: MemoryState, later: datetime) -> int:
    """Return how many deliveries are due, to every channel that an alert names."""
    channels = {channel for _, channel, _, _ in deliveries_before(version_2())}
    return sum(len(DeliveryQueries(state).due(channel, now=later)) for channel in channels)


def test_due_deliveries_are_found_by_the_queries_of_this_version() -> None:
    state = version_2()
    later = NOW.replace(year=NOW.year + 1)
    assert due_to_any(state, later) == 0
    open_deliveries = sum(
        count for (_, _, status, _), count in deliveries_before(state).items() if status in {"pending", "claimed"}
    )
    installation(state).install()
    assert due_to_any(state, later) == open_deliveries == 24


def test_messages_of_migrated_alerts_have_the_texts_of_the_rule() -> None:
    state = version_2()
    installation(state).install()
    for stored in state.documents.values():
        source = stored.document.get("watcher", {}).get("rule", {}).get("source", "")
        if "-alerts-" in stored.index and source:
            rules, _ = read_file(source, file="rule.yml", origin=RuleOrigin(folder="own", path="rule.yml"))
            restored = restore_alert(stored).rule
            for name in ("title", "status", "level", "tags", "references", "falsepositives", "author"):
                assert getattr(restored, name) == getattr(rules[-1], name), name


def test_a_second_migration_changes_nothing() -> None:
    state = version_2()
    installation(state).install()
    before = dict(state.documents)
    assert installation(state).install().migrated == 0
    assert state.documents == before


@dataclass
class Killed(MemoryState):
    """A state whose process is killed after some writes."""

    writes: int = 0

    def _count(self) -> None:
        if self.writes == 0:
            raise KeyboardInterrupt
        self.writes -= 1

    def put(self, index: str, name: str, document: Mapping[str, Any], seq_no: int) -> None:
        self._count()
        super().put(index, name, document, seq_no)

    def put_template(self, name: str, template: Mapping[str, Any]) -> None:
        self._count()
        super().put_template(name, template)

    def put_mapping(self, index: str, mapping: Mapping[str, Any]) -> None:
        self._count()
        super().put_mapping(index, mapping)


def unnumbered(state: MemoryState) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Return all documents and templates without what differs between runs."""
    templates = {("templates", name): template for name, template in state.templates.items()}
    return {key: stored.document for key, stored in state.documents.items()} | templates


WRITES = 5 + 3 + 1 + 26 + 2 + 1  # mappings, templates, the fence, alerts, checkpoints, the version


@pytest.mark.parametrize("writes", range(WRITES + 1))
def test_a_migration_killed_after_any_write_is_completed_by_the_next(writes: int) -> None:
    expected = version_2()
    installation(expected).install()
    state = version_2(Killed(writes=10_000))
    assert isinstance(state, Killed)
    state.writes, before = writes, deliveries_before(state)
    try:
        installation(state).install()
    except KeyboardInterrupt:
        assert writes < WRITES
        # no older program may start on a half migrated state, and no reader of this version uses it
        is_fenced = "version" not in state.documents["watcher-state", "templates"].document
        assert is_fenced or deliveries_before(state) == before
        with pytest.raises(Refused, match="run `watcher setup`"):
            installation(state).version.require_current()
    else:
        assert (writes, state.writes) == (WRITES, 0)  # an uninterrupted migration makes just as many
    state.writes = 10_000
    installation(state).install()
    assert unnumbered(state) == unnumbered(expected)


@dataclass
class Shared(MemoryState):
    """A state where another program does something just before the first page is rewritten."""

    other: list[Callable[[], None]] = field(default_factory=list)

    def replace_many(self, replacements: Sequence[Replacement]) -> Sequence[bool]:
        if self.other:
            self.other.pop()()
        return super().replace_many(replacements)


def test_two_sidecars_may_migrate_at_once() -> None:
    expected = version_2()
    installation(expected).install()
    state = version_2(Shared())
    assert isinstance(state, Shared)
    state.other.append(lambda: installation(state).install() and None)
    assert installation(state).install().migrated == 0
    assert unnumbered(state) == unnumbered(expected)


@pytest.mark.parametrize("version", [3, 4])
def test_an_alert_of_the_last_versions_keeps_its_form(version: int) -> None:
    deliveries = [{"channel": "mail", "state": "pending", "attempts": 0, "due": "2026-11-23T12:00:00.000Z"}]
    document = {"rule": {"id": "r"}, "watcher": {"version": version, "deliveries": deliveries}}
    assert upgrade_alert(document) == {"rule": {"id": "r"}, "watcher": {"version": VERSION, "deliveries": deliveries}}


def test_an_alert_that_another_program_changes_meanwhile_is_migrated_as_it_is_then() -> None:
    state = version_2(Shared())
    assert isinstance(state, Shared)
    key = next(iter(alerts(state)))

    def acknowledge() -> None:
        stored = state.documents[key]
        state.update([PartialUpdate(stored=stored, part={"watcher": {"alert": {"state": "acknowledged"}}})])

    state.other.append(acknowledge)
    installation(state).install()
    document = alerts(state)[key]
    assert (document["watcher"]["alert"]["state"], document["watcher"]["version"]) == ("acknowledged", VERSION)


# --------------------------------------------------------------------------- which program may use the state


@dataclass
class LivingMember(FakeClock):
    """A clock by which a member of the older version renews its document."""

    state: MemoryState = field(default_factory=MemoryState)

    def wait(self, seconds: float, stopping: Callable[[], bool] = lambda: False) -> None:
        super().wait(seconds, stopping)
        name = "member-sidecar-b-25782-f5b8697b"
        stored = self.state.documents["watcher-state", name]
        self.state.update([PartialUpdate(stored=stored, part={"body": {"beat": round(self.at * 2)}})])


def test_nothing_is_migrated_while_a_sidecar_of_the_older_version_is_running() -> None:
    state = version_2()
    before = unnumbered(state)
    with pytest.raises(Overloaded, match="older version is running on the state `watcher-\\*`: `sidecar-b-25782"):
        installation(state, LivingMember(state=state)).install()
    changed = {key for key, document in unnumbered(state).items() if before[key] != document}
    assert changed == {("watcher-state", "member-sidecar-b-25782-f5b8697b")}


def test_killed_members_delay_the_migration_by_one_lease_period() -> None:
    clock = FakeClock()
    installation(version_2(), clock).install()
    assert clock.at == pytest.approx(5.0)


def test_a_new_state_waits_for_nobody() -> None:
    clock, state = FakeClock(), MemoryState()
    installation(state, clock).install()
    assert (clock.at, installation(state).version.read()) == (0.0, VERSION)


def versions() -> Iterator[tuple[str, int | None, str]]:
    """Yield rows: why, the stored version, what a reader is told."""
    yield "a new state", None, ""
    yield "this version", VERSION, ""
    yield (
        "an older one",
        VERSION - 1,
        f"has version {VERSION - 1}, and this program needs version {VERSION}; run `watcher setup`",
    )
    yield "a newer one", VERSION + 1, f"install a release of sigma-watcher that reads state version {VERSION + 1}"


@pytest.mark.parametrize(("version", "message"), [row[1:] for row in versions()], ids=[row[0] for row in versions()])
def test_a_reader_refuses_another_version_and_says_what_to_do(version: int | None, message: str) -> None:
    state = MemoryState()
    name = "templates" if version is not None and version < VERSION else "version"
    if version is not None:
        state.create([NewDocument(index="watcher-state", id=name, document={"kind": name, "version": version})])
    if not message:
        installation(state).version.require_current()
        assert installation(state).version.read() == version
        return
    with pytest.raises(Refused, match=message):
        installation(state).version.require_current()


def test_a_state_of_a_newer_version_is_left_as_it_is() -> None:
    state = MemoryState()
    document = {"kind": "version", "version": VERSION + 1}
    state.create([NewDocument(index="watcher-state", id="version", document=document)])
    before = dict(state.documents)
    with pytest.raises(Refused, match=f"has version {VERSION + 1}, and this program reads versions up to {VERSION}"):
        installation(state).install()
    assert state.documents == before


def test_a_program_of_version_2_finds_no_version_and_ends() -> None:
    state = version_2()
    installation(state).install()
    former: StoredDocument | None = state.get([("watcher-state", "templates")])[0]
    assert former is not None
    with pytest.raises(KeyError):  # what the program of version 2 reads at its start, before it writes anything
        former.document["version"]


@dataclass
class WithoutTemplates(MemoryState):
    """A state whose user may not read index templates."""

    def template_version(self, name: str) -> int | None:
        raise Forbidden(f"the user may not read `{name}`")


def test_a_user_who_may_not_read_templates_does_not_migrate_an_older_state() -> None:
    state = version_2(WithoutTemplates())
    before = dict(state.documents)
    with pytest.raises(Forbidden):
        installation(state).install()
    assert state.documents == before


def test_an_older_state_without_a_migration_is_refused() -> None:
    state = version_2()
    with pytest.raises(Refused, match="is not migrated"):
        replace(installation(state), migration=None).install()
