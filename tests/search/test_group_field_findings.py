"""Fields of `group_by` that sampled events lack."""

from __future__ import annotations

from typing import Any

from support.fakes import RULE, SERVER, ListedEvents, event, rule

from watcher.model import EventDocument
from watcher.ports import FieldType, IndexMapping
from watcher.search.live_findings import live_findings
from watcher.settings import Source
from watcher.translate.plan import Translator

SHELL = rule()
OTHER = rule(RULE.replace("7f6f2c52", "8f6f2c52").replace("A Shell Starts", "Another Shell"))


def reported(group_by: tuple[str, ...], *events: dict[str, Any], **types: FieldType) -> list[tuple[str, str]]:
    """Return code and message of the findings about two rules' group-by fields."""
    documents = [EventDocument(index="i", id=str(number), event=source) for number, source in enumerate(events)]
    fields = {path.replace("__", "."): (field_type,) for path, field_type in types.items()}
    mapping = IndexMapping(pattern="i", server=SERVER, indices=("i",), fields=fields)
    grouped = {SHELL.id: group_by, OTHER.id: group_by}
    findings = live_findings(ListedEvents(documents), (SHELL, OTHER), Translator(Source(), mapping), grouped).findings
    return [(finding.code, finding.message) for finding in findings if finding.code.startswith("group-by")]


def test_a_field_that_no_event_has_makes_a_single_alert() -> None:
    ((code, message),) = reported(("nonsense.field",), event(), event(host="WEB02"))
    assert code == "group-by-empty"
    assert message.startswith(
        "2 of 2 sampled events have no `nonsense.field`: such hits of `A Shell Starts` and 1 more"
    )
    assert message.endswith("become a single alert for all computers")


def test_a_field_that_some_events_lack_is_reported_with_their_share() -> None:
    ((code, message),) = reported(("User",), event(User="alice"), event(), event())
    assert code == "group-by-empty"
    assert message.startswith("2 of 3 sampled events have no `User`: such hits of")


def test_a_field_beside_others_that_no_event_has_separates_nothing() -> None:
    ((code, message),) = reported(("host.name", "nonsense.field"), event(), event())
    assert code == "group-by-field"
    assert message.startswith("none of 2 sampled events has `nonsense.field`, so it separates no alerts of")


def test_events_without_a_computer_are_reported_for_the_default_key() -> None:
    ((code, message),) = reported(("host.name",), event(host=None))
    assert (code, "1 of 1 sampled events have no `host.name`" in message) == ("group-by-empty", True)


def test_keys_of_all_events_are_no_finding() -> None:
    assert reported(("host.name",), event(), {**event(host=None), "winlog.computer_name": "ws1"}) == []
    assert reported(("User",), event(SubjectUserName="bob")) == []
    assert reported(("tenant",), event(), tenant=FieldType(type="constant_keyword", value="A")) == []
    assert reported(("tenant",), event(), tenant=FieldType(type="keyword", computed=True)) == []


def test_log_sources_without_events_and_ungrouped_rules_are_no_finding() -> None:
    assert reported(("nonsense.field",)) == []
    assert reported((), event()) == []
