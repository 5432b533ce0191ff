"""The findings about events that Winlogbeat's modules changed."""

from __future__ import annotations

from pathlib import Path

import yaml
from support.borrowed_indices import TIME, connections, indices
from support.engines import Running
from test_traps_on_engines import DAY, SOURCE

from watcher.model import Finding, Rule
from watcher.search.live_findings import live_findings
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.taxonomy.logsources import SECURITY, SYSMON
from watcher.taxonomy.lost_values import LOST_VALUES
from watcher.translate.plan import PlanCache

DOCUMENT = Path(__file__).parents[2] / "docs" / "modules-shape.md"
INDEX = "winlogbeat-shape"


def rule(title: str, logsource: dict[str, str], **selection: str) -> Rule:
    body = {
        "title": title,
        "logsource": {"product": "windows", **logsource},
        "detection": {"selection": selection, "condition": "selection"},
    }
    (only_rule,) = read_contents(yaml.safe_dump(body), file=f"{title}.yml", origin=RuleOrigin(path=title)).rules
    return only_rule


RULES = (
    rule("hashes", {"category": "process_creation"}, Hashes="IMPHASH=ABC", Image="x.exe"),
    rule("more", {"category": "process_creation"}, Hashes="MD5=ABC"),
    rule("privileges", {"service": "security"}, PrivilegeList="SeDebugPrivilege"),
    rule("registry", {"category": "registry_set"}, Details="DWORD (0x00000001)"),
)


def field_findings(engine: Running, *events: dict[str, object]) -> dict[str, Finding]:
    """Return the findings about fields in a cluster with these events, by code and field."""
    with indices(engine.admin()) as lent, connections(engine.cluster()) as connection:
        lent.make(INDEX, {"properties": TIME})
        lent.fill(INDEX, [{"@timestamp": "2026-03-01T12:00:00Z", **event} for event in events])
        cache = PlanCache(SOURCE, RULES)
        events_port = connection.events()
        with events_port.open(INDEX, DAY, time_field="@timestamp") as snapshot:
            findings = live_findings(
                snapshot, RULES, cache.translator_for(events_port.mapping(INDEX, cache.paths))
            ).findings
    return {
        f"{finding.code} {finding.message.split('`')[1]}": finding
        for finding in findings
        if finding.code.endswith("-field")
    }


def test_rebuilt_and_lossy_fields_are_reported_once_with_advice(engine: Running) -> None:
    findings = field_findings(
        engine,
        {
            "event": {"code": "1", "module": "sysmon"},
            "winlog": {"channel": SYSMON, "event_id": "1"},
            "process": {"executable": "x.exe", "hash": {"md5": "abc"}},
        },
        {
            "event": {"code": "13", "module": "sysmon"},
            "winlog": {"channel": SYSMON, "event_id": "13"},
            "registry": {"data": {"strings": ["1"], "type": "SZ_DWORD"}},
        },
        {
            "event": {"code": "4672", "module": "security"},
            "winlog": {"channel": SECURITY, "event_id": "4672", "event_data": {"PrivilegeList": ["SeDebugPrivilege"]}},
        },
        # another log keeps a field of that name: it is rebuilt for Sysmon all the same
        {"winlog": {"channel": "Other", "event_data": {"Hashes": "a", "Details": "b"}}},
    )
    assert set(findings) == {
        *("rebuilt-field Hashes", "rebuilt-field Details"),
        *("lossy-field Hashes", "lossy-field Details", "lossy-field PrivilegeList"),
    }
    assert findings["rebuilt-field Hashes"].message == (
        "`Hashes` (2 rules) is taken apart by Winlogbeat's modules and put together again"
    )
    assert findings["lossy-field PrivilegeList"].fix == (
        "where a rule asks for just that, write `contains` with one name"
    )


def test_raw_events_have_no_findings(engine: Running) -> None:
    data = {"Hashes": "MD5=ABC", "Image": "x.exe"}
    assert field_findings(engine, {"winlog": {"channel": SYSMON, "event_id": "1", "event_data": data}}) == {}


def test_every_lost_value_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in LOST_VALUES if f"`{name}`" not in text and not name.startswith("param")] == []
