"""The shipped example and the page of documentation hold what the settings hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from watcher.settings import (
    Folder,
    Secret,
    Settings,
    read,
    read_file,
)
from watcher.yaml_nodes.nodes import read_documents, to_python

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "watcher.yml"
PAGE = ROOT / "docs" / "settings.md"

# prose has one space after its `#`, a setting that is off none or its indentation
OFF = re.compile(r"^#(?=(?:  )*(?:\w+:(?:\s|$)|- ))", re.MULTILINE)


def example(*, everything_on: bool) -> str:
    text = EXAMPLE.read_text(encoding="utf-8")
    return OFF.sub("", text) if everything_on else text


def written_keys(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set(node) | {key for value in node.values() for key in written_keys(value)}
    return {key for item in node for key in written_keys(item)} if isinstance(node, list) else set()


def test_the_example_as_shipped_sets_the_defaults_and_nothing_else() -> None:
    assert read_file(EXAMPLE, {}) == Settings(file=EXAMPLE)


def test_the_example_without_its_comments_sets_the_same() -> None:
    bare = re.sub(r"^\s*#.*\n", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "#" not in bare
    assert read(bare, {}) == Settings()


def test_the_example_with_everything_switched_on_is_read_whole(tmp_path: Path) -> None:
    for name in ("certs/ca.crt", "certs/watcher.crt", "certs/watcher.key", "secrets/password", "secrets/smtp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("it is\n")
    (tmp_path / "secrets/state").write_text("key\n")
    (tmp_path / "secrets/slack").write_text("https://hooks.slack.test/services/T/B/X\n")
    (tmp_path / "secrets/teams").write_text("msteams://token\n")
    (tmp_path / "templates").mkdir()
    settings = read(example(everything_on=True), {}, file=tmp_path / "watcher.yml")
    assert [channel.name for channel in settings.channels] == ["mail", "slack", "teams"]
    assert settings.cluster.password == Secret("it is")
    assert settings.state.cluster is not None
    assert settings.state.cluster.api_key == Secret("key")
    assert settings.templates == tmp_path / "templates"
    assert settings.rules.folders == (
        Folder(
            name="own",
            path=tmp_path / "rules",
            corpus="own",
            repository="https://git.example/detections",
            files="https://git.example/detections/src/main/rules",
        ),
    )
    assert [allowance.reason for allowance in settings.check.allow] == ["kept as their author wrote them"]
    assert [selector.set.group_by for selector in settings.rules.select] == [("host.name",), ("event",)]
    assert [mapping.event_codes for mapping in settings.sources[0].logsources] == [("100", "101")]


def test_the_switch_finds_every_setting_that_is_off() -> None:
    (document,) = read_documents(example(everything_on=True), file=str(EXAMPLE))
    assert len(written_keys(to_python(document))) > 55
