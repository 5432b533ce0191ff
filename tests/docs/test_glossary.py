import ast
from collections import defaultdict
from pathlib import Path

import pytest
from docs.repository import ROOT, page
from support.dialect import (
    BANNED_NAMES,
    BANNED_WORDS,
    PROSE_FILES,
    code_offences,
    offences,
    prose_offences,
    script_offences,
    template_offences,
)

WATCHER = ROOT / "watcher"

# Module names with two places, and why both keep the name.
SHARED_MODULE_NAMES = {
    "__init__": "Python's name of a package's own module",
    "settings": "the settings type in each channel's folder; the package is the settings file",
    "transport": "how a message leaves, in each channel's folder",
}


def test_the_words_of_the_glossary_are_used_everywhere() -> None:
    assert [str(offence) for offence in offences()] == []


def test_the_glossary_names_the_banned_variable_names() -> None:
    assert {name for name in BANNED_NAMES if f"`{name}`" not in page("docs/glossary.md").text} == set()


@pytest.mark.parametrize(
    ("code", "offence"),
    [
        ("for one in rules: pass", "one"),
        ("def read(known): return 1", "known"),
        ("class StormBrake: pass", "Storm"),
        ("text = 'what is owed'", "owed"),
        ("count = 1  # a hole in the record", "hole"),
        ("text = f'{found.id}'", "found"),
        ('def read():\n    """Give the rules."""', "Give"),
    ],
)
def test_an_offence_is_recognised(code: str, offence: str, tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(code, encoding="utf-8")
    assert offence in [seen.word for seen in code_offences(file, name="module.py")]


def test_an_offence_of_a_page_is_recognised(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("# Title\n\nA hole.\n", encoding="utf-8")
    assert [str(seen) for seen in prose_offences(file, name="page.md")] == ["page.md:3: word `hole`"]
    assert "hole" in BANNED_WORDS


@pytest.mark.parametrize(
    ("template", "offence"),
    [
        ("{% for one in rows %}\n{% endfor %}\n", "page.j2:1: name `one`"),
        ("<p>one page</p>\n{{ title | default('made') }}\n{{ found.id }}\n", "page.j2:3: name `found`"),
        ("{% if rules\n   and told %}{% endif %}\n", "page.j2:2: name `told`"),
        ("\n<p>A hole.</p>\n", "page.j2:2: word `hole`"),
    ],
)
def test_an_offence_of_a_template_is_recognised(template: str, offence: str, tmp_path: Path) -> None:
    file = tmp_path / "page.j2"
    file.write_text(template, encoding="utf-8")
    seen = [str(seen) for seen in template_offences(file, name="page.j2")]
    assert offence in seen
    assert {line.rpartition(":")[0] for line in seen} == {offence.rpartition(":")[0]}


@pytest.mark.parametrize(
    ("script", "offence"),
    [
        ("// one\nconst label = 'one';\nrows.map((one) => 1);\n", "site.js:3: name `one`"),
        ("list.append(...found);\n", "site.js:1: name `found`"),
        ("// a hole\n", "site.js:1: word `hole`"),
    ],
)
def test_an_offence_of_a_script_is_recognised(script: str, offence: str, tmp_path: Path) -> None:
    file = tmp_path / "site.js"
    file.write_text(script, encoding="utf-8")
    assert [str(seen) for seen in script_offences(file, name="site.js")] == [offence]


@pytest.mark.parametrize("pattern", PROSE_FILES)
def test_each_pattern_of_other_files_matches_a_file(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


def test_each_public_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(WATCHER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert len(places) > 200
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_each_module_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(WATCHER.rglob("*.py")):
        places[path.stem].append(path.relative_to(ROOT).as_posix())
    assert len(places) > 150
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert {name: files for name, files in shared.items() if name not in SHARED_MODULE_NAMES} == {}


def test_no_exception_outlives_its_reason() -> None:
    stems = [path.stem for path in WATCHER.rglob("*.py")]
    assert [name for name in SHARED_MODULE_NAMES if stems.count(name) < 2] == []
    assert all(reason for reason in SHARED_MODULE_NAMES.values())
