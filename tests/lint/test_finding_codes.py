"""Every code that is said is known, said somewhere, and documented; every validator of pySigma has one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sigma.plugins import InstalledSigmaPlugins

from watcher.lint.finding_codes import CODES, TOPICS

ROOT = Path(__file__).resolve().parents[2]
SAYING = {"make_finding", "say", "_say", "_warning"}  # functions whose argument is a code


def said(tree: ast.AST) -> Iterator[str]:
    """Give the codes that a module says: `code="…"`, or the first text that is given to a function that says."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for keyword in node.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                yield keyword.value.value
        texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if name in SAYING and texts and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|[a-z]{6,16}", texts[0]):
            yield texts[0]
        if name == "_fault" and len(texts) > 0 and texts[0].startswith("yaml-"):
            yield texts[0]


def spoken() -> set[str]:
    folders = ("sigma", "yaml_nodes", "lint", "search", "translate", "ruletests", "catalogue", "present")
    files = [file for folder in folders for file in (ROOT / "watcher" / folder).rglob("*.py")]
    codes = {code for file in files for code in said(ast.parse(file.read_text(encoding="utf-8")))}
    # syntax.py has a table with a default, and a class that names them by keyword
    return codes | {"yaml-syntax"}


def test_every_code_that_is_said_is_in_the_table_and_the_other_way_round() -> None:
    assert spoken() == set(CODES)


def test_the_page_documents_every_code_as_the_table_says() -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(blocks) == list(TOPICS.values())
    for topic, heading in TOPICS.items():
        rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.*?) ?\|$", blocks[heading], re.MULTILINE)
        assert rows == [
            (code.name, str(code.severity), code.about, ", ".join(f"`{one}`" for one in code.like))
            for code in CODES.values()
            if code.topic == topic
        ]


def test_every_code_says_one_sentence() -> None:
    for code in CODES.values():
        assert code.about.endswith("."), code.name
        assert len(code.about) <= 120, code.name


def test_whatever_a_validator_of_pysigma_or_sigmahq_looks_for_has_a_code() -> None:
    validators = InstalledSigmaPlugins.autodiscover(include_backends=False, include_pipelines=False).validators
    ours = {name for code in CODES.values() for name in code.like}
    assert len(validators) >= 80
    assert set(validators) - ours == set()
    assert ours - set(validators) == set()
