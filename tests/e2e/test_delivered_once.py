"""From the rule file to the state, the mail and the Slack message, on real engines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.engines import Running
from support.in_process import call
from support.sandbox import IIS, IIS_TITLE, RULES, SMALL_TEMPLATE, Sandbox, open_sandbox, rule_events, stamp

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
WINLOGBEAT = {"opensearch": "template-os.json", "elasticsearch": "template-es8.json"}
# types whose modules the small Elasticsearch of the tests lacks, and their replacements
LACKING = {"wildcard": "keyword", "match_only_text": "text", "scaled_float": "float"}


def winlogbeat_template(engine: str) -> Mapping[str, Any]:
    """Return Winlogbeat's template with types that the engine has; a small template where it is absent."""
    file = DATA / WINLOGBEAT[engine]
    if not file.is_file():
        return SMALL_TEMPLATE
    index_template = json.loads(file.read_text(encoding="utf-8"))
    if engine == "elasticsearch":
        index_template = without_modules(index_template)
        index_template["template"]["settings"].pop("analysis", None)
        index_template["template"]["settings"]["index"].pop("analysis", None)
    return {"template": index_template["template"]}


def without_modules(node: Any) -> Any:
    if isinstance(node, list):
        return [without_modules(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: without_modules(value) for key, value in node.items() if not key.endswith("analyzer")}
    kind = kept.get("type")
    return {**kept, "type": LACKING.get(kind, kind)} if isinstance(kind, str) else kept


@pytest.mark.parametrize("mapping", ["winlogbeat", "dynamic"])
def test_every_shipped_rule_matches_its_hit_events_and_no_miss_event(sandbox: Sandbox, mapping: str) -> None:
    if mapping == "winlogbeat":
        sandbox.template(winlogbeat_template(sandbox.admin.server.engine))
    every = [case for rule in sorted(RULES.rglob("*.yml")) for case in rule_events(rule)]
    sandbox.feed(every)
    sandbox.changes |= {
        "channels": None,
        "rules": {
            "folders": [{"name": "shipped", "path": str(RULES)}],
            "select": [{"set": {"group_by": "event", "enabled": True}}],
        },
    }
    sandbox.once()
    recorded = {
        (hit.document["watcher"]["rule"]["path"], hit.document["watcher"]["hit"]["id"])
        for hit in sandbox.documents("hits")
    }
    assert {
        (case.rule, case.name) for case in every if case.expect == "hit" and (case.rule, case.id) not in recorded
    } == set()
    assert {
        (case.rule, case.name) for case in every if case.expect == "miss" and (case.rule, case.id) in recorded
    } == set()
    assert len(sandbox.documents("alerts")) == len(recorded)


# --------------------------------------------------------------------------- what is stored and delivered of an alert


@pytest.fixture(scope="module", params=["opensearch", "elasticsearch"])
def delivered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Yield a sandbox where an attack among similar events was alerted and delivered."""
    running: Running = request.getfixturevalue(request.param)
    with open_sandbox(running, tmp_path_factory.mktemp("delivered")) as sandbox:
        sandbox.caller = call
        sandbox.template()
        attack, *_ = [case for case in rule_events(IIS) if case.expect == "hit"]
        sandbox.feed([attack, *(case for case in rule_events(IIS) if case.expect == "miss")])
        sandbox.once()
        yield sandbox


def test_only_appcmd_that_installs_a_module_opens_an_alert(delivered: Sandbox) -> None:
    (alert,) = delivered.documents("alerts")
    assert alert.document["process"]["command_line"].endswith(
        "install module /name:MyNativeModule /image:c:\\mymodule.dll"
    )
    lines = [json.loads(hit.document["event"]["original"]) for hit in delivered.documents("hits")]
    assert [line["winlog"]["event_data"]["CommandLine"] for line in lines] == [
        alert.document["process"]["command_line"]
    ]


def test_a_hit_refers_to_its_event_rule_and_alert(delivered: Sandbox) -> None:
    (hit,), (alert,) = delivered.documents("hits"), delivered.documents("alerts")
    document = hit.document
    event = json.loads(document["event"]["original"])
    assert stamp(document["@timestamp"]) == stamp(event["@timestamp"])
    assert hit.index == f"{delivered.prefix}-hits-{document['@timestamp'][:7].replace('-', '.')}"
    assert document["rule"]["name"] == IIS_TITLE
    assert document["rule"]["id"] == alert.document["rule"]["id"]
    assert document["watcher"]["rule"]["path"] == IIS.name
    assert len(document["watcher"]["rule"]["hash"]) >= 32
    assert document["watcher"]["hit"] == {"index": delivered.index, "id": rule_events(IIS)[0].id}
    assert document["watcher"]["alert"] == {"id": alert.id}


def test_an_alert_has_the_fields_that_dashboards_need(delivered: Sandbox) -> None:
    (alert,) = delivered.documents("alerts")
    document, own = alert.document, alert.document["watcher"]["alert"]
    assert alert.index == f"{delivered.prefix}-alerts-{own['slot'][:7].replace('-', '.')}"
    assert own["id"] == alert.id
    assert (own["state"], own["origin"], own["key"]) == ("open", "live", ["host.name=WEB01.corp.example"])
    assert stamp(own["slot"]) <= stamp(document["@timestamp"])
    assert document["rule"]["name"] == IIS_TITLE
    assert document["threat"]["technique"]["id"] == ["T1505.004"]
    assert document["threat"]["tactic"]["name"] == ["persistence"]
    assert (document["host"]["name"], document["user"]["name"]) == ("WEB01.corp.example", "jdoe")
    assert document["process"]["executable"] == "C:\\Windows\\System32\\inetsrv\\appcmd.exe"


def test_deliveries_store_the_outcome_for_each_channel(delivered: Sandbox) -> None:
    deliveries = delivered.deliveries()
    assert set(deliveries) == {"mail", "slack"}
    for entry in deliveries.values():
        assert (entry["state"], entry["attempts"]) == ("sent", 1)
        assert stamp(entry["sent"])
        assert "due" not in entry


def test_the_mail_contains_every_detail_in_text_and_html(delivered: Sandbox) -> None:
    (mail,) = delivered.smtp.messages
    (alert,) = delivered.documents("alerts")
    assert mail.recipients == ("soc@corp.example",)
    assert mail.message["Subject"] == f"[HIGH] WEB01.corp.example: {IIS_TITLE}"
    assert mail.message.get_content_type() == "multipart/alternative"
    mapping = (
        IIS_TITLE,
        "high",
        "WEB01.corp.example",
        "CORP\\jdoe",
        "C:\\Windows\\System32\\inetsrv\\appcmd.exe",
        "install module /name:MyNativeModule /image:c:\\mymodule.dll",
        alert.document["@timestamp"][:19].rstrip("Z"),
        "https://attack.mitre.org/techniques/T1505/004/",
        "https://attack.mitre.org/tactics/TA0003/",
        "https://securelist.com/owowa-credential-stealer-and-remote-access/105219/",
        "https://www.welivesecurity.com/2021/08/06/anatomy-native-iis-malware/",  # the last of five references
        "New modules deployed on IIS Web servers, but also Exchange and ADCS servers",
        "https://kibana.corp.example/app/discover#/?_g=",
        alert.id,
    )
    text, html = mail.part("text/plain"), mail.part("text/html")
    assert [fact for fact in mapping if fact not in text] == []
    assert [fact for fact in mapping if fact.lower() not in html.lower()] == []
    assert html.lstrip().lower().startswith("<!doctype html>")


def test_the_slack_message_is_block_kit(delivered: Sandbox) -> None:
    (request,) = delivered.slack.requests
    assert request.path == "/services/T0/B0/secret-token"
    message = json.loads(request.body)
    kinds = [block["type"] for block in message["blocks"]]
    assert kinds[0] == "header"
    assert {"rich_text", "actions", "context"} <= set(kinds)
    (button,) = (block for block in message["blocks"] if block["type"] == "actions")
    assert button["elements"][0]["url"].startswith("https://kibana.corp.example/app/discover#/?_g=")
    text = json.dumps(message)
    assert IIS_TITLE in message["blocks"][0]["text"]["text"]
    for fact in ("WEB01.corp.example", "CORP\\\\jdoe", "/name:MyNativeModule", "techniques/T1505/004", "Exchange"):
        assert fact in text
