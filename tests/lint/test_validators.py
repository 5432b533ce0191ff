"""Every finding of pySigma's and SigmaHQ's validators on real rules is a finding of watcher."""

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
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents

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
    """Return all rules of one author, and every tenth of the others."""
    effective = [
        file for number, file in enumerate(sorted(rule_files(folder))) if file[0].startswith("mde") or number % 10 == 0
    ]
    return dict(effective)


def by_pysigma(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield validator and file of every finding."""
    rules = []
    for path, text in texts.items():
        try:
            documents = [item for item in yaml.safe_load_all(text) if isinstance(item, dict) and "detection" in item]
            source = SigmaRuleLocation(Path(path))
            for document in documents:
                document.pop("correlation", None)  # a remark of one author
                rules.append((path, SigmaRule.from_dict(document, collect_errors=True, source=source)))
        except (yaml.YAMLError, SigmaError):
            continue
    validators = InstalledSigmaPlugins.autodiscover(include_backends=False, include_pipelines=False).validators
    for name, validator in validators.items():
        if name not in ONLINE:
            running = validator()
            for path, rule in rules:
                yield from ((name, path) for _ in validated(running, rule))


def validated(validator: object, rule: SigmaRule) -> list[object]:
    """Run a validator, which may fail on a rule with an error."""
    try:
        return list(validator.validate(rule))  # type: ignore[attr-defined]
    except (SigmaError, TypeError, AttributeError):
        return []


@pytest.mark.usefixtures("_offline")
def test_every_finding_of_the_validators_is_a_finding_of_watcher(shared_data: Path) -> None:
    texts = some(shared_data)
    assert len(texts) > 350
    read = [
        rule
        for path, text in texts.items()
        for rule in read_contents(text, file=path, origin=RuleOrigin(path=path)).rules
    ]
    ours = defaultdict(set)
    for finding in (
        *(finding for rule in read for finding in rule.findings),
        *lint_rules(read, Source(), today=date(2026, 11, 25)),
    ):
        for name in CODES[finding.code].validators:
            ours[finding.location.file].add(name)
    theirs = {(name, path) for name, path in by_pysigma(texts) if path in {rule.path for rule in read}}
    assert len(theirs) > 1000
    assert {their for their in theirs if their[0] not in ours[their[1]]} - OTHERWISE == set()
