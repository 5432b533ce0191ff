"""The summary of an event: one function, for raw events and those of modules, with what mapping and settings add."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.fakes import NOW, effective, event, event_document, grouped_hit, rule
from support.memory_state import MemoryDocuments

from watcher.alerts.alert_documents import alert_document, without_event_fields
from watcher.alerts.alert_store import AlertStore
from watcher.alerts.group_keys import group_key, key_parts
from watcher.alerts.grouping import alerts_of_hits
from watcher.match.event_summarizer import stored_summary, summarize
from watcher.match.event_view import EventView
from watcher.model import EventDocument, EventSummary
from watcher.ports import FieldType, IndexMapping, Server
from watcher.settings import Source
from watcher.translate.mapped_events import EventReader

SYSMON = "Microsoft-Windows-Sysmon/Operational"


@pytest.mark.parametrize(
    ("data", "account"),
    [
        ({"User": "CORP\\alice"}, ("CORP", "alice")),
        ({"User": "alice"}, ("", "alice")),
        ({"User": "-", "SubjectUserName": "bob", "SubjectDomainName": "CORP"}, ("CORP", "bob")),
        ({"SubjectUserName": "-", "TargetUserName": "carol"}, ("", "carol")),
        ({}, ("", "")),
    ],
)
def test_an_account_is_split_into_domain_and_user(data: dict[str, str], account: tuple[str, str]) -> None:
    summary = summarize(EventView({"winlog": {"channel": SYSMON, "event_data": data}}))
    assert (summary.domain, summary.user) == account


@pytest.mark.parametrize("shape", [{"winlog": {"computer_name": "A"}}, {"host": {"hostname": "A"}}, {"host.name": "A"}])
def test_the_host_is_read_wherever_it_is(shape: dict[str, Any]) -> None:
    assert summarize(EventView(shape)).host == "A"


def test_fields_mapped_in_settings_are_summarised() -> None:
    view = EventView({"custom": {"exe": "C:\\a.exe"}}, {"Image": ("custom.exe",)})
    assert summarize(view).process == "C:\\a.exe"


def reader(**types: FieldType) -> EventReader:
    """Return the reader of an index whose paths (`__` for a dot) are mapped like that."""
    fields = {path.replace("__", "."): (field_type,) for path, field_type in types.items()}
    server = Server(engine="elasticsearch", version="8.19.0")
    return EventReader(Source(), IndexMapping(pattern="i", server=server, indices=("i",), fields=fields))


def test_constants_aliases_and_computed_values_are_summarised_and_grouped_by() -> None:
    """The mapping's values fill what the event lacks, replace nothing, and are no details."""
    read = reader(
        host__name=FieldType(type="constant_keyword", value="FIXED"),
        user__name=FieldType(type="alias", path="account"),
        source__ip=FieldType(type="alias", path="ip"),
    )
    source = {"account": "alice", "ip": "10.0.0.1", "dns": {"question": {"name": "a.example"}}}
    view = read.view(EventDocument(index="i", id="1", event=source, computed={"process.executable": ("C:\\a.exe",)}))
    summary = summarize(view)
    assert (summary.host, summary.user, summary.process) == ("FIXED", "alice", "C:\\a.exe")
    assert summary.details == (("dns.question.name", "a.example"),)
    assert group_key(key_parts(view, ("host.name", "user.name", "process.executable"))) == (
        ("host.name", "FIXED"),
        ("user.name", "alice"),
        ("process.executable", "C:\\a.exe"),
    )
    own = read.view(EventDocument(index="i", id="2", event={"host": {"name": "OWN"}}))
    assert summarize(own).host == "OWN"


def test_a_sigma_field_that_settings_map_is_grouped_by() -> None:
    view = EventView({"custom": {"who": "alice"}}, {"Account": ("custom.who",)})
    assert group_key(key_parts(view, ("Account", "Other"))) == (("Account", "alice"), ("Other", None))


def test_a_summary_is_stored_with_its_alert_and_read_again() -> None:
    """A stored summary is equal to the one that was written, and is not computed from the event again."""
    document = event_document(User="CORP\\alice", Other="x" * 1_000)
    (alert,) = alerts_of_hits(rule(), effective(), [grouped_hit(rule(), effective(), document)], origin="live")
    state = MemoryDocuments()
    AlertStore(state).record([alert], [alert.first], now=NOW)
    (stored,) = AlertStore(state).alerts(size=10)
    assert stored_summary(stored.document) == alert.first.summary
    assert stored.document["host"]["name"] == "WEB01"
    assert stored.document["user"] == {"name": "alice", "domain": "CORP"}
    other = {**stored.document, "watcher": {**stored.document["watcher"], "summary": {"host": "STORED"}}}
    assert stored_summary(other) == EventSummary(host="STORED")


def test_an_alert_without_a_summary_has_that_of_its_event() -> None:
    """Alerts of earlier versions, and those of which the engine refused the fields, are summarised when read."""
    (alert,) = alerts_of_hits(rule(), effective(), [grouped_hit(rule(), effective(), event_document())], origin="live")
    document = without_event_fields(alert_document(alert, now=NOW))
    assert "summary" not in document["watcher"]
    assert stored_summary(document) == alert.first.summary
    assert stored_summary({"watcher": {}, "event": {"original": "no JSON"}, "host": {"name": "A"}}).host == "A"


def test_an_alert_stores_what_a_message_needs_of_its_rule() -> None:
    author = rule(status="test", falsepositives=("Backups",))
    (alert,) = alerts_of_hits(author, effective(), [grouped_hit(author, effective(), event_document())], origin="live")
    document = alert_document(alert, now=NOW)
    assert document["watcher"]["rule"]["status"] == "test"
    assert document["watcher"]["rule"]["tags"] == ["attack.execution", "attack.t1059"]
    assert document["watcher"]["rule"]["falsepositives"] == ["Backups"]
    assert document["rule"]["name"] == author.title


def test_a_summary_as_json_leaves_out_what_is_empty() -> None:
    summary = EventSummary(host="A", details=(("Label", "value"),))
    written = json.loads(json.dumps(summary.as_document()))
    assert written == {"host": "A", "details": [{"label": "Label", "value": "value"}]}
    assert EventSummary.from_document(written) == summary
    assert EventSummary.from_document({"host": "A", "later": 1}) == EventSummary(host="A")


def test_long_details_are_cut_with_a_count() -> None:
    summary = summarize(EventView(event("Any", Script="x" * 5_000)))
    assert dict(summary.details)["Script"].endswith(" more characters)")
    assert len(dict(summary.details)["Script"]) <= 600
