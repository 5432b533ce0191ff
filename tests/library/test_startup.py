"""What needs no cluster and no channel loads neither: checked in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.sandbox import IIS, environ

HEAVY = {
    "apprise",
    "apscheduler",
    "elasticsearch",
    "elastic_transport",
    "jinja2",
    "opensearchpy",
    "prometheus_client",
}
LIST_MODULES = "import json, sys; sys.stderr.write(json.dumps(sorted(sys.modules)))"
RUN = f"import sys\nfrom watcher.cli import main\ntry:\n    main()\nfinally:\n    {LIST_MODULES}"


def loaded(code: str, *arguments: str) -> set[str]:
    """Return the modules that a program loads; the last line of its standard error lists them."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=60, env=environ()
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_text('{"event": {"code": "1"}}\n', encoding="utf-8")
    return path


def test_check_loads_no_engine_client_and_no_channel() -> None:
    assert loaded(RUN, "check", str(IIS)) & HEAVY == set()


def test_match_loads_no_engine_client_and_no_channel(events: Path) -> None:
    assert loaded(RUN, "match", str(IIS), "--events", str(events)) & HEAVY == set()


def test_the_tests_of_rules_load_no_engine_client_and_no_channel() -> None:
    assert loaded(RUN, "test", str(IIS)) & HEAVY == set()


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_load_no_rules_and_no_settings(argument: str) -> None:
    modules = loaded(RUN, argument)
    assert modules & (HEAVY | {"yaml", "structlog", "watcher.settings", "watcher.model"}) == set()
    assert "watcher.cli" in modules


def test_the_import_of_the_library_loads_nothing_else() -> None:
    modules = loaded(f"import watcher; {LIST_MODULES}")
    assert {name for name in modules if name.startswith("watcher")} == {"watcher"}


def test_matching_in_the_library_loads_no_engine_client_and_no_channel() -> None:
    code = f"import watcher; watcher.load_rules({str(IIS)!r}).match({{}}); {LIST_MODULES}"
    assert loaded(code) & HEAVY == set()
