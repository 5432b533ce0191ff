"""The events that a rule can match, and what Windows needs to log them."""

from __future__ import annotations

import pytest

from watcher.catalogue.event_needs import event_needs
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_folders import read_file
from watcher.taxonomy.audit_needs import audit_needs
from watcher.taxonomy.logsources import _CATEGORIES, _SERVICES, SECURITY, SYSMON

RULE = """\
title: A Test
logsource: {{product: windows, {source}}}
detection:
  one: {first}
  two: {two}
  condition: {condition}
"""


def seen(source: str, need: str, *, two: str = "{User: x}", condition: str = "one and two") -> set[str]:
    text = RULE.format(source=source, first=need, two=two, condition=condition)
    rules, findings = read_file(text, file="rule.yml", origin=RuleOrigin())
    assert rules, findings
    return {f"{event_need.channel or 'any'} {event_need.code or 'any'}" for event_need in event_needs(rules[0])}


def test_a_category_has_its_event_ids_in_each_channel() -> None:
    assert seen("category: process_creation", "{Image: x}") == {f"{SYSMON} 1", "Security 4688"}


def test_a_condition_narrows_a_service_to_the_event_ids_that_it_names() -> None:
    assert seen("service: security", "{EventID: [4624, '4625']}") == {"Security 4624", "Security 4625"}


def test_both_sides_of_an_or_must_name_ids() -> None:
    result = {"two": "{EventID: 4625}", "condition": "one or two"}
    assert seen("service: security", "{EventID: 4624}", **result) == {"Security 4624", "Security 4625"}
    assert seen("service: security", "{User: y}", **result) == {"Security any"}


def test_contradicting_event_ids_leave_no_event() -> None:
    assert seen("service: security", "{EventID: 4624}", two="{EventID: 4625}") == set()
    assert seen("category: process_creation", "{EventID: 1}") == {f"{SYSMON} 1"}


def test_negations_and_patterns_do_not_narrow() -> None:
    assert seen("service: security", "{EventID: 4624}", condition="not one and two") == {"Security any"}
    assert seen("service: security", "{EventID|startswith: '46'}") == {"Security any"}


@pytest.mark.parametrize(
    ("channel", "code", "what"),
    [
        (SECURITY, "4688", "Process Creation, success"),
        (SECURITY, "4769", "Kerberos Service Ticket Operations, success, failure"),
        (SECURITY, "1102", "Nothing"),
        (SYSMON, "10", "<ProcessAccess>"),
        ("security", "4698", "Other Object Access Events, success, failure"),
        ("Microsoft-Windows-PowerShell/Operational", "4104", "Turn on PowerShell Script Block Logging"),
        ("Microsoft-Windows-TaskScheduler/Operational", "106", "The log itself"),
        ("System", "7045", "Nothing"),
    ],
)
def test_what_an_event_needs(channel: str, code: str, what: str) -> None:
    result = audit_needs(channel, code)
    assert result is not None
    assert result.setting == what


def test_an_unknown_need_is_none() -> None:
    assert audit_needs(SECURITY, "99999") is None
    assert audit_needs("Company-VPN/Operational", "1") is None
    assert audit_needs(None, "4688") is None


def test_every_event_of_sysmon_and_powershell_in_sigma_has_a_need() -> None:
    event_classes = [where for item in _CATEGORIES.values() for where in item]
    assert [
        (event_class.channel, code)
        for event_class in event_classes
        for code in event_class.codes
        if audit_needs(event_class.channel, code) is None
    ] == []


def test_the_channels_of_services_without_an_answer_are_few() -> None:
    """Only logs without documentation are left; the list may shrink, not grow."""
    missing = {channel for item in _SERVICES.values() for channel in item if audit_needs(channel, None) is None}
    assert missing <= {
        "Microsoft-ServiceBus-Client",
        "Microsoft-ServiceBus-Client/Admin",
        "Microsoft-ServiceBus-Client/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
    }
