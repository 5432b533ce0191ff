"""The recipe of `docs/extending.md` for channels: its places and names exist, and the example follows it."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def recipe() -> str:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return page.split("\n## Add a channel\n")[1].split("\n## ")[0]


def files() -> list[str]:
    return re.findall(r"`((?:watcher|tests|docs|examples)/[\w/.-]+\.\w+)`", recipe())


def test_the_steps_are_numbered_in_order() -> None:
    assert re.findall(r"^(\d)\. ", recipe(), re.MULTILINE) == list("12345678")


def test_every_file_of_the_recipe_exists() -> None:
    assert len(files()) >= 10
    assert [file for file in files() if not (ROOT / file).is_file()] == []


def test_every_name_of_the_recipe_is_in_one_of_its_modules() -> None:
    modules = [
        importlib.import_module(file[:-3].replace("/", "."))
        for file in files()
        if file.startswith("watcher/") and file.endswith(".py")
    ]
    notifier = importlib.import_module("watcher.ports").Notifier
    classes = re.findall(r"`([A-Z]\w+[a-z]\w*)`", recipe())
    names = {*classes, *re.findall(r"`(\w+)\(\)`", recipe()), *re.findall(r"`(_[A-Z_]+)`", recipe())}
    assert {"ChannelSettings", "NotifierType", "Notifier", "redact_reply", "_BUILT_IN", "send"} <= names
    assert [name for name in names if not any(hasattr(place, name) for place in (*modules, notifier))] == []


def test_the_example_imports_what_the_recipe_names() -> None:
    package = ROOT / "examples" / "webhook-channel" / "watcher_webhook"
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in package.glob("*.py")]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {str(node.module) for node in imports if str(node.module).startswith("watcher.")}
    recipe_modules = {file[:-3].replace("/", ".").removesuffix(".__init__") for file in files() if file.endswith(".py")}
    assert modules - recipe_modules <= {"watcher.model", "watcher.settings.secret"}
    assert {"watcher.notify.channel_type", "watcher.notify.redaction"} <= modules
