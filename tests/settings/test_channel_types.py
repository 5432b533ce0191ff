"""Channel types are looked up by name and imported when they are used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watcher.settings import ChannelSettings, channel_type_names, load_channel_type


def test_the_built_in_channel_types_come_first() -> None:
    assert channel_type_names()[:3] == ("mail", "slack", "apprise")
    assert {"webhook", "file", "teams", "pagerduty", "jira", "thehive"} == set(channel_type_names()[3:])


@pytest.mark.parametrize(
    "name", ["mail", "slack", "apprise", "webhook", "file", "teams", "pagerduty", "jira", "thehive"]
)
def test_a_channel_type_brings_its_settings(name: str) -> None:
    channel_type = load_channel_type(name)
    assert channel_type.name == name
    assert issubclass(channel_type.settings, ChannelSettings)


def test_looking_up_channel_types_imports_no_client() -> None:
    program = (
        "import sys\n"
        "from watcher.settings import channel_type_names, load_channel_type\n"
        "[load_channel_type(name) for name in channel_type_names()]\n"
        "print(sorted({'apprise', 'http.client', 'smtplib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


PLUGIN = """
from dataclasses import dataclass
from typing import Annotated
from watcher.settings import ChannelSettings
from watcher.settings.annotations import Option
from watcher.settings.formats import Line

@dataclass(frozen=True, slots=True, kw_only=True)
class PagerSettings(ChannelSettings):
    room: Annotated[Line, Option("room that is called", example="soc")]

class Pager:
    name = "pager"
    settings = PagerSettings

PAGER = Pager()
"""

READ = """
from watcher.settings import FaultySettingsError, read
from watcher.settings.json_schema import settings_schema
print(read("channels: {p: {type: pager, room: soc, operator: true}}", {}).channels)
try:
    read("channels: {p: {type: pager, rom: soc}}", {})
except FaultySettingsError as error:
    print(error)
print(settings_schema()["$defs"]["channel-pager"]["required"])
"""


def test_a_channel_type_of_an_installed_package_is_read_and_in_the_schema(tmp_path: Path) -> None:
    (tmp_path / "pager.py").write_text(PLUGIN, encoding="utf-8")
    metadata = tmp_path / "pager-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pager\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[watcher.channels]\npager = pager:PAGER\n", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", READ], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stdout.splitlines() == [
        "(PagerSettings(name='p', operator=True, fallback=None, room='soc'),)",
        "settings:1:15: `channels.p.room` is missing",
        (
            "settings:1:29: `channels.p.rom` is not a setting; did you mean `room`? "
            "allowed here: `type`, `operator`, `fallback`, `room`"
        ),
        "['type', 'room']",
    ]
