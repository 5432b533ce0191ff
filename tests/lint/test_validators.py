"""What pySigma's and SigmaHQ's validators say of real rules, our lints say too."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml
from sigma.exceptions import SigmaError, SigmaRuleLocation
from sigma.plugins import InstalledSigmaPlugins
from sigma.rule import SigmaRule
from support.truth_table import rule_files

from watcher.lint.finding_codes import CODES
from watcher.lint.run_lints import lint_rules
from watcher.settings import Source
from watcher.sigma.rule_file import read_contents
from watcher.sigma.rule_reader import RuleOrigin

# These look up tables that they download.
ONLINE = {
    *("attacktag", "d3_fendtag", "sigmahq_tags_techniques_without_tactics"),
    *("sigmahq_category_event_id", "sigmahq_category_windows_provider_name", "sigmahq_fieldname_cast"),
    *("sigmahq_filename_prefix", "sigmahq_invalid_fieldname", "sigmahq_logsource_unknown", "sigmahq_redundant_field"),
}
# It takes `timeframe` for a selection, which we report by a code of its own.
OTHERWISE = {("dangling_detection", "mdecrevoisier/windows-os/win-os-hidden account creation.yaml")}


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no validator of this test needs the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def some(folder: Path) -> dict[str, str]:
    """Give the rules of one author whole, and every tenth of the others."""
    effective = [
        one for number, one in enumerate(sorted(rule_files(folder))) if one[0].startswith("mde") or number % 10 == 0
    ]
    return dict(effective)


def by_pysigma(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give validator and file of everything that they say."""
    rules = []
    for path, text in texts.items():
        try:
            documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict) and "detection" in one]
            source = SigmaRuleLocation(Path(path))
            for one in documents:
                one.pop("correlation", None)  # a remark of one author
                rules.append((path, SigmaRule.from_dict(one, collect_errors=True, source=source)))
        except (yaml.YAMLError, SigmaError):
            continue
    validators = InstalledSigmaPlugins.autodiscover(include_backends=False, include_pipelines=False).validators
    for name, validator in validators.items():
        if name not in ONLINE:
            running = validator()
            for path, rule in rules:
                yield from ((name, path) for _ in validated(running, rule))


def validated(validator: object, rule: SigmaRule) -> list[object]:
    """Run a validator, which may break on a rule that has an error."""
    try:
        return list(validator.validate(rule))  # type: ignore[attr-defined]
    except (SigmaError, TypeError, AttributeError):
        return []


@pytest.mark.usefixtures("_offline")
def test_what_the_validators_say_of_a_rule_that_we_read_we_say_too(shared_data: Path) -> None:
    texts = some(shared_data)
    assert len(texts) > 350
    read = [
        rule
        for path, text in texts.items()
        for rule in read_contents(text, file=path, origin=RuleOrigin(path=path)).rules
    ]
    ours = defaultdict(set)
    for finding in (
        *(one for rule in read for one in rule.findings),
        *lint_rules(read, Source(), today=date(2026, 11, 25)),
    ):
        for name in CODES[finding.code].like:
            ours[finding.location.file].add(name)
    theirs = {(name, path) for name, path in by_pysigma(texts) if path in {rule.path for rule in read}}
    assert len(theirs) > 1000
    assert {one for one in theirs if one[0] not in ours[one[1]]} - OTHERWISE == set()
