from dataclasses import replace
from datetime import UTC, datetime

import pytest

from watcher.alerts.alert_documents import alert_document
from watcher.delivery.restored_alert import restore_alert
from watcher.model import Alert, Level
from watcher.notify.sample import sample
from watcher.ports import StoredDocument
from watcher.routes import Labels, alert_labels, all_match, parse_matchers, rule_labels

NOW = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


def tagged(*tags: str) -> Labels:
    return rule_labels(replace(sample(NOW).rule, tags=tags))


def test_an_alert_has_the_labels_of_its_rule_group_key_and_first_hit() -> None:
    key = (("host.name", "TEST-HOST"), ("TargetUserName", "anna\nben"), ("LogonType", None), ("level", "critical"))
    labels = alert_labels(replace(sample(NOW), key=key), source="windows")
    assert labels["level"] == ("informational",)  # whatever a group key is called
    assert labels["rule"] == ("00000000-0000-4000-8000-000000000000", "Test message: this channel works")
    assert labels["user"] == ("TEST\\nobody", "nobody")
    assert labels["host"] == ("TEST-HOST",)
    assert labels["code"] == ("1",)
    assert labels["source"] == ("windows",)
    assert labels["kind"] == ("match",)
    assert labels["TargetUserName"] == ("anna", "ben")
    assert "LogonType" not in labels
    assert "service" not in labels


def test_a_stored_alert_has_the_labels_of_the_alert_that_was_stored() -> None:
    alert = sample(NOW, channels=("mail",))
    document = alert_document(alert, now=NOW)
    stored = StoredDocument(index="watcher-alerts-2026.03", id=alert.id, document=document, seq_no=0, primary_term=1)
    assert alert_labels(restore_alert(stored)) == alert_labels(alert)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("attack.t1562.001", "tag=attack.t1685"),
        ("attack.t1685", "tag=attack.t1562.001"),
        ("attack.T1685", "technique=t1562.001"),
        ("attack.t1562.001", "technique=T1685"),
        ("attack.defense-evasion", "tag=attack.stealth"),
        ("attack.defense_evasion", "tag=attack.defense-impairment"),
        ("attack.stealth", "tag=attack.defense-evasion"),
        ("attack.defense-impairment", "tactic=defense-evasion"),
        ("attack.stealth", "tactic!=defense-impairment"),
        ("attack.t1059.001", "technique=T1059.001, technique!=T1059"),
        ("attack.t1562.001", "technique!=T1562.006"),
        ("cve.2021-44228", "tag=CVE.2021-44228"),
    ],
)
def test_names_of_attack_match_in_every_version(tag: str, text: str) -> None:
    assert all_match(parse_matchers(text), tagged(tag))


def test_every_level_is_a_label() -> None:
    alert = sample(NOW)
    for level in Level:
        labels = alert_labels(with_level(alert, level))
        assert [name for name in Level if all_match(parse_matchers(f"level={name}"), labels)] == [level]
        assert all_match(parse_matchers(f"level>={level}, level<={level}"), labels)


def with_level(alert: Alert, level: Level) -> Alert:
    return replace(alert, rule=replace(alert.rule, level=level))
