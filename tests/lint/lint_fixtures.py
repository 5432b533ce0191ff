"""A clean rule, and the findings of its variants."""

from __future__ import annotations

from datetime import date

from watcher.lint.query_cost import QueryCost, query_cost
from watcher.lint.run_lints import lint_rules
from watcher.model import Finding, QueryPlan, Rule
from watcher.ports import FieldType, IndexMapping, Server
from watcher.settings import Source
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.translate.plan import Translator, translate_rule

TODAY = date(2026, 11, 25)
FILE = "rules/proc_creation_win_a_shell_starts.yml"
CLEAN = r"""title: A Shell Starts
id: 7f6f2c52-3b5b-4d0a-9c1e-0d2f8a5b6c77
status: test
description: A shell is started with an encoded command, which hides what it does.
references:
    - https://example.org/shells
author: A. Author
date: 2024-05-01
modified: 2024-06-01
tags:
    - attack.execution
    - attack.t1059.001
logsource:
    category: process_creation
    product: windows
detection:
    selection:
        Image|endswith: '\powershell.exe'
        CommandLine|contains: 'encoded'
    filter_main_admin:
        User|contains: 'admin'
    condition: selection and not 1 of filter_main_*
falsepositives:
    - Administrative scripts
level: high
"""


def rules_of(text: str, *, file: str = FILE) -> tuple[Rule, ...]:
    """Return the rules of a text without faults."""
    read = read_contents(text, file=file, origin=RuleOrigin(folder="own", path=file))
    assert [str(finding) for finding in read.findings] == []
    return read.rules


def findings_of(text: str, *, file: str = FILE, today: date = TODAY) -> tuple[Finding, ...]:
    """Return the findings of the reader and the lints."""
    rules = rules_of(text, file=file)
    return (*(finding for rule in rules for finding in rule.findings), *lint_rules(rules, Source(), today=today))


def file_of(text: str) -> str:
    """Return a file name in Sigma's naming scheme."""
    if "service: sysmon" in text:
        return "rules/sysmon_a_shell_starts.yml"
    return "rules/win_a_shell_starts.yml" if "service:" in text else FILE


def changed(old: str, new: str) -> str:
    """Return the clean rule with one change."""
    assert old in CLEAN
    return CLEAN.replace(old, new, 1)


COMMAND_LINE = "process.command_line"


def planned_on(selection: str, types: dict[str, str]) -> tuple[QueryPlan, QueryCost]:
    """Return the plan of a rule with one selection, and the cost of its query."""
    text = f"title: T\nlogsource: {{product: windows, category: process_creation}}\ndetection:\n  s: {{{selection}}}\n"
    (rule,) = read_contents(f"{text}  condition: s\n", file="r.yml", origin=RuleOrigin()).rules
    fields = {path: (FieldType(type=kind),) for path, kind in types.items()}
    fields |= {path: (FieldType(type="keyword"),) for path in ("winlog.channel", "event.code")}
    server = Server(engine="opensearch", version="3.6.0")
    mapping = IndexMapping(pattern="winlogbeat-*", server=server, indices=("winlogbeat-1",), fields=fields)
    translator = Translator(Source(), mapping)
    plan = translate_rule(rule, translator)
    return plan, query_cost(plan, translator.log_source_query(rule), mapping)
