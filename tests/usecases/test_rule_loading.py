"""Reading of rules leaves the process as it was."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from watcher.errors import InputError
from watcher.settings import Settings
from watcher.usecases.loading import load_named_rules


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_as_before_after_rules_were_read_or_are_missing(
    tmp_path: Path,
    enabled: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(InputError):
            load_named_rules(Settings(), (tmp_path,))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
