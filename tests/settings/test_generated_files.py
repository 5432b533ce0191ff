"""The example file, the page and the JSON schemas are those that the settings types generate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from watcher.errors import InputError
from watcher.settings import FaultySettingsError, FieldMap, Folder, Secret, Settings, read, read_file
from watcher.settings.annotations import settings_of
from watcher.settings.channel_types import channel_type_names, load_channel_type
from watcher.settings.generated_files import generated_files
from watcher.settings.json_schema import settings_schema
from watcher.settings.setting_texts import is_section, item_type
from watcher.settings.settings_page import update_page
from watcher.yaml_nodes.nodes import to_python
from watcher.yaml_nodes.yaml_documents import read_documents

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "watcher.yml"

# prose has one space after its `#`, a setting that is off none or its indentation
OFF = re.compile(r"^#(?=(?:  )*(?:\w+:(?:\s|$)|- ))", re.MULTILINE)


def enabled_example() -> str:
    """Return the example with every setting on, but for those that exclude others: the API key, and Slack's bot."""
    text = OFF.sub("", EXAMPLE.read_text(encoding="utf-8"))
    assert text.count("api_key_file: secrets/api_key\n") == 1
    text = text.replace("  api_key_file: secrets/api_key\n", "")
    return re.sub(r"^ +(?:bot_token_file: secrets/slack-bot|conversation: C0123456789)\n", "", text, flags=re.MULTILINE)


def all_types(kind: Any) -> Iterator[Any]:
    """Yield a settings type and those below it."""
    yield kind
    for setting in settings_of(kind):
        for inner in (setting.type, item_type(setting.type)):
            for part in (inner, *getattr(inner, "__args__", ())):
                if is_dataclass(part) and is_section(part):
                    yield from all_types(part)


@pytest.mark.parametrize("path", generated_files(ROOT), ids=lambda path: path.name)
def test_the_generated_files_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generated_files(ROOT)[path], "run `make generated`"


def test_every_setting_has_a_help_text() -> None:
    kinds = [*all_types(Settings), *(load_channel_type(name).settings for name in channel_type_names())]
    assert len(kinds) > 12
    assert [setting.name for kind in kinds for setting in settings_of(kind) if len(setting.option.help) < 5] == []


def test_every_setting_is_in_the_example() -> None:
    text = OFF.sub("", EXAMPLE.read_text(encoding="utf-8"))
    kinds = [*all_types(Settings), *(load_channel_type(name).settings for name in channel_type_names())]
    names = {setting.keys for kind in kinds for setting in settings_of(kind)}
    assert len(names) > 55
    missing = [keys for keys in names if not any(re.search(rf"^[ -]*{key}:", text, re.MULTILINE) for key in keys)]
    assert missing == []


def test_a_page_without_one_of_its_tables_is_an_error() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="Folder"):
        update_page(page.replace("settings: Folder -->", "settings: Directory -->"))


def test_the_example_as_shipped_sets_the_defaults_and_nothing_else() -> None:
    assert read_file(EXAMPLE, {}) == Settings(file=EXAMPLE)


def test_the_example_without_its_comments_sets_the_same() -> None:
    bare = re.sub(r"^\s*#.*\n", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "#" not in bare
    assert read(bare, {}) == Settings()


def test_the_example_with_every_setting_on_is_read(tmp_path: Path) -> None:
    for name in ("certs/ca.crt", "certs/watcher.crt", "certs/watcher.key", "secrets/password", "secrets/smtp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("it is\n")
    (tmp_path / "secrets/state").write_text("key\n")
    (tmp_path / "secrets/slack").write_text("https://hooks.slack.test/services/T/B/X\n")
    (tmp_path / "secrets/teams").write_text("msteams://token\n")
    (tmp_path / "secrets/webhook").write_text("https://hooks.test/alerts\n")
    (tmp_path / "secrets/webhook-signature").write_text("whsec_a2V5\n")
    (tmp_path / "secrets/webhook-token").write_text("token\n")
    (tmp_path / "secrets/teams-workflow").write_text("https://flow.test/workflows/x\n")
    (tmp_path / "secrets/pagerduty").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "secrets/jira").write_text("token\n")
    (tmp_path / "secrets/thehive").write_text("key\n")
    (tmp_path / "secrets/dead_man_url").write_text("https://ping.test/1\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "company.yml").write_text((ROOT / "deploy" / "maps" / "company.yml").read_text())
    settings = read(enabled_example(), {}, file=tmp_path / "watcher.yml")
    assert [channel.name for channel in settings.channels] == list(channel_type_names())
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
    assert [selector.set.group_by for selector in settings.rules.select] == [("host.name",)]
    (source,) = settings.sources
    assert [mapping.event_codes for mapping in source.logsources] == [("100", "101"), ("100", "101")]
    assert source.fields["Department"] == ("company.department",)


# --------------------------------------------------------------------------- the JSON schema


def schema_errors(text: str, root: type = Settings) -> list[str]:
    schema = settings_schema(root)
    jsonschema.Draft202012Validator.check_schema(schema)
    (document,) = read_documents(text, file="watcher.yml")
    plain = json.loads(json.dumps(to_python(document), default=str))
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(plain)]


def test_the_schema_accepts_the_example() -> None:
    assert schema_errors(EXAMPLE.read_text(encoding="utf-8")) == []
    assert schema_errors(enabled_example()) == []
    assert schema_errors((ROOT / "deploy" / "maps" / "company.yml").read_text(encoding="utf-8"), FieldMap) == []


@pytest.mark.parametrize(
    "text",
    [
        "cluster: {hosts: 'https://${HOST}', verify_certs: '${VERIFY:-true}', timeout: '${TIMEOUT}'}",
        "channels: {mail: {type: mail, host: smtp.test, to: a@b.test, password: 0123, username: a}}",
        "sources: {index: a, fields: {User: user.name}}",
        "rules: {folders: own}",
        "cluster:\nsources:\nchannels:\n",
    ],
)
def test_the_schema_accepts_what_is_read(text: str) -> None:
    read(text, {"HOST": "a.test", "TIMEOUT": "5s"})
    assert schema_errors(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("wrong: 1", "$"),
        ("cluster: {hots: http://a.test}", "$.cluster"),
        ("cluster: {timeout: 5 minutes}", "$.cluster.timeout"),
        ("cluster: {timeout: 0s}", "$.cluster.timeout"),
        ("cluster: {hosts: []}", "$.cluster.hosts"),
        ("cluster: {verify_certs: 1}", "$.cluster.verify_certs"),
        ("sources: {search: fast}", "$.sources"),
        ("sources: {logsources: {channels: a}}", "$.sources"),
        ("rules: {select: {level: hihg, set: {enabled: no}}}", "$.rules"),
        ("channels: {m: {type: sms}}", "$.channels"),
        ("channels: {m: {type: mail, to: a@b.test}}", "$.channels"),
        ("channels: {s: {type: slack}}", "$.channels"),
    ],
)
def test_the_schema_rejects_what_reading_rejects(text: str, path: str) -> None:
    with pytest.raises(FaultySettingsError):
        read(text, {})
    errors = schema_errors(text)
    assert errors
    assert all(path.startswith(error) or error.startswith(path) for error in errors)
