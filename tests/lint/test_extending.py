"""The recipes of `docs/extending.md` for lints and log sources: their places exist, and following them works."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ("Add a lint", "Add a log source")
LINT = """

def _empty_company(line: SourceLine) -> Iterator[Finding]:
    for node in line.values:
        if line.field == "Company" and not node.text:
            yield make_finding("empty-company", "`Company` is empty", node.location, "write a name")
"""
RULE = """\
title: A
logsource: {product: windows, service: new-service}
detection: {selection: {Company: ''}, condition: selection}
"""
PROGRAM = f"""
from datetime import date
from watcher.lint.run_lints import lint_rules
from watcher.model import LogSource
from watcher.settings import Source
from watcher.sigma.rule_file import read_contents
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.taxonomy.logsources import events_of
rules = read_contents({RULE!r}, file="a.yml", origin=RuleOrigin()).rules
print(*(finding for finding in lint_rules(rules, Source(), today=date(2026, 1, 1))), sep="\\n")
print(*(event_class.channel for event_class in events_of(LogSource(service=("new-service",))).event_classes))
"""


def section(heading: str) -> str:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    match = re.search(rf"^## {heading}\n(.+?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[1]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_file_and_function_of_a_recipe_exists(heading: str) -> None:
    text = section(heading)
    files = re.findall(r"`((?:watcher|tests|docs)/[\w/.]+)`", text)
    assert len(files) >= 4
    assert [file for file in files if not (ROOT / file).is_file()] == []
    modules = [importlib.import_module(file[:-3].replace("/", ".")) for file in files if file.startswith("watcher/")]
    names = re.findall(r"`(\w+)(?:\(\))?`", text)
    functions = re.findall(r"`(\w+)\(\)`", text)
    assert functions
    assert [name for name in functions if not any(hasattr(module, name) for module in modules)] == []
    tables = [name for name in names if re.fullmatch(r"_?[A-Z]{4,}[A-Z_]*", name)]
    assert tables
    assert [name for name in tables if not any(hasattr(module, name) for module in modules)] == []


def insert(file: Path, after: str, text: str) -> None:
    source = file.read_text(encoding="utf-8")
    assert source.count(after) == 1, (file, after)
    file.write_text(source.replace(after, after + text), encoding="utf-8")


def test_a_lint_and_a_log_source_added_by_the_recipes_are_in_effect(tmp_path: Path) -> None:
    package = tmp_path / "watcher"
    shutil.copytree(ROOT / "watcher", package, ignore=shutil.ignore_patterns("__pycache__"))
    insert(
        package / "lint/detection_codes.py", "\nVALUES = (\n", '    ("empty-company", _I, "A company is empty.", ""),\n'
    )
    lints = package / "lint/value_lints.py"
    insert(lints, "    for line in rule.lines:\n", "        yield from _empty_company(line)\n")
    lints.write_text(lints.read_text(encoding="utf-8") + LINT, encoding="utf-8")
    services = "_SERVICES: Mapping[str, tuple[str, ...]] = {\n"
    insert(package / "taxonomy/logsources.py", services, '    "new-service": ("New/Operational",),\n')
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.stderr == ""
    *findings, channels = result.stdout.splitlines()
    assert "a.yml:3:34: info: `Company` is empty; write a name [empty-company]" in findings
    assert channels == "New/Operational"
