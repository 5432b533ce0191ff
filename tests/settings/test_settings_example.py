"""The shipped example and the page of documentation hold what the settings hold."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from watcher.settings import (
    Allowance,
    AppriseChannel,
    Cluster,
    Folder,
    LogSourceMapping,
    MailChannel,
    RateLimitSettings,
    Secret,
    Selector,
    Settings,
    SlackChannel,
    Source,
    StateSettings,
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


def written(field: Field[Any]) -> str:
    """Give the key that a field of the nouns has in the file."""
    inner = {"selectors": "select", "storm": "storm.limit"}
    return inner.get(field.name, field.name.replace("sweep_", "sweep."))


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
    assert settings.folders == (
        Folder(
            name="own",
            path=tmp_path / "rules",
            corpus="own",
            repository="https://git.example/detections",
            files="https://git.example/detections/src/main/rules",
        ),
    )
    assert [allowance.because for allowance in settings.allow] == ["kept as their author wrote them"]
    assert [selector.group_by for selector in settings.selectors] == [("host.name",), ("event",)]
    assert [mapping.event_codes for mapping in settings.sources[0].logsources] == [("100", "101")]


@pytest.mark.parametrize(
    "noun",
    [
        Settings,
        Cluster,
        StateSettings,
        Source,
        LogSourceMapping,
        Folder,
        Selector,
        Allowance,
        MailChannel,
        SlackChannel,
        AppriseChannel,
    ],
)
def test_every_setting_stands_in_the_example(noun: type) -> None:
    (document,) = read_documents(example(everything_on=True), file=str(EXAMPLE))
    keys = written_keys(to_python(document))
    # `file` and `line` are where it was read, the channels' names are keys of their own
    for field in fields(noun):
        if field.name not in {"file", "line", "where"}:  # an allowance's `where` is its criteria
            assert {written(field).split(".")[-1], f"{field.name}_file"} & keys, field.name


def tables() -> dict[str, dict[str, str]]:
    """Heading → setting → default, of the page."""
    found: dict[str, dict[str, str]] = {}
    for block in re.split(r"^##+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading = block.splitlines()[0]
        rows = re.findall(r"^\| `([^`]+)` \| (?:`([^`]+)`)?", block, flags=re.MULTILINE)
        found[heading] = dict(rows)
    return found


def shown(value: Any) -> str:
    """Give a default as the page writes it."""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, size = next((u, s) for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % s == 0)
        return f"{seconds // size}{unit}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, RateLimitSettings):
        return str(value.limit)
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]" if value and not is_dataclass(value[0]) else ""
    return "" if value is None or is_dataclass(value) else str(value)


@pytest.mark.parametrize(
    ("heading", "noun", "elsewhere"),
    [
        ("cluster", Cluster, set()),
        ("sources", Source, set()),
        ("state", StateSettings, set()),
        ("a folder", Folder, set()),
        ("selectors", Selector, {"line"}),
        ("check", Allowance, {"where"}),
        ("type: mail", MailChannel, {"name"}),
        ("type: slack", SlackChannel, {"name"}),
        ("type: apprise", AppriseChannel, {"name"}),
        ("top level", Settings, {"file", "cluster", "state", "sources", "folders", "selectors", "allow", "channels"}),
    ],
)
def test_every_setting_stands_on_the_page_with_its_default(heading: str, noun: type, elsewhere: set[str]) -> None:
    table = tables()[heading]
    for field in fields(noun):
        if field.name not in elsewhere:
            assert written(field) in table, field.name
            if field.default is not MISSING and noun not in (
                Selector,
                Allowance,
            ):  # their tables have no column of defaults
                assert table[written(field)] == shown(field.default), field.name


def test_the_page_has_no_setting_that_there_is_not() -> None:
    names = {
        written(field)
        for noun in (Cluster, Source, StateSettings, Folder, Selector, Allowance, Settings)
        for field in fields(noun)
    }
    names |= {written(field) for noun in (MailChannel, SlackChannel, AppriseChannel) for field in fields(noun)}
    assert {name for table in tables().values() for name in table} - names == set()


def test_the_switch_finds_every_setting_that_is_off() -> None:
    (document,) = read_documents(example(everything_on=True), file=str(EXAMPLE))
    assert len(written_keys(to_python(document))) > 55
