"""Finding codes: every reported code is in the table and documented; every validator of pySigma has one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sigma.plugins import InstalledSigmaPlugins

from watcher.lint.finding_codes import CODES, TOPICS

ROOT = Path(__file__).resolve().parents[2]
REPORTING = {"make_finding", "report", "_report", "say", "_say", "_warning"}  # functions with a code as argument


def reported_codes(tree: ast.AST) -> Iterator[str]:
    """Yield the codes of a module: `code="…"`, or the first string argument of a reporting function."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for keyword in node.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                yield keyword.value.value
        texts = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if name in REPORTING and texts and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|[a-z]{6,16}", texts[0]):
            yield texts[0]
        if name == "_fault" and len(texts) > 0 and texts[0].startswith("yaml-"):
            yield texts[0]


def used_codes() -> set[str]:
    folders = ("sigma", "yaml_nodes", "lint", "search", "translate", "ruletests", "catalogue", "present")
    files = [file for folder in folders for file in (ROOT / "watcher" / folder).rglob("*.py")]
    files.append(ROOT / "watcher" / "settings" / "risks.py")  # the codes of its neighbours are those of errors
    codes = {code for file in files for code in reported_codes(ast.parse(file.read_text(encoding="utf-8")))}
    # `yaml-syntax` is the default of a dataclass
    return codes | {"yaml-syntax"}


def test_the_table_has_exactly_the_codes_in_use() -> None:
    assert used_codes() == set(CODES)


def test_the_page_equals_the_table() -> None:
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(blocks) == list(TOPICS.values())
    for topic, heading in TOPICS.items():
        rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.*?) ?\|$", blocks[heading], re.MULTILINE)
        assert rows == [
            (
                code.name,
                str(code.severity),
                code.description,
                ", ".join(f"`{validator}`" for validator in code.validators),
            )
            for code in CODES.values()
            if code.topic == topic
        ]


def test_every_description_is_one_short_sentence() -> None:
    for code in CODES.values():
        assert code.description.endswith("."), code.name
        assert len(code.description) <= 120, code.name


def test_every_validator_of_pysigma_and_sigmahq_has_a_code() -> None:
    validators = InstalledSigmaPlugins.autodiscover(include_backends=False, include_pipelines=False).validators
    ours = {name for code in CODES.values() for name in code.validators}
    assert len(validators) >= 80
    assert set(validators) - ours == set()
    assert ours - set(validators) == set()
