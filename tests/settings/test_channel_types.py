"""Channel types are looked up by name and imported when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from watcher.settings import ChannelSettings, channel_type_names, load_channel_type


def test_the_built_in_channel_types_come_first() -> None:
    assert channel_type_names()[:3] == ("mail", "slack", "apprise")


@pytest.mark.parametrize("name", ["mail", "slack", "apprise"])
def test_a_channel_type_brings_its_settings(name: str) -> None:
    channel_type = load_channel_type(name)
    assert channel_type.name == name
    assert issubclass(channel_type.settings, ChannelSettings)


def test_looking_up_channel_types_imports_no_client() -> None:
    program = (
        "import sys\n"
        "from watcher.settings import load_channel_type\n"
        "[load_channel_type(name) for name in ('mail', 'slack', 'apprise')]\n"
        "print(sorted({'apprise', 'slack_sdk', 'smtplib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
