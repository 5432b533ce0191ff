"""Fixtures of all tests: real engines, started once, and the shared data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from support import engines
from support.installed_channel import install_webhook_channel

os.environ["WATCHER_RULE_CACHE"] = "off"  # tests read the rules, and leave nothing in the folder of the user

# the duration of an example depends on the machine, not on the property
settings.register_profile("watcher", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watcher")


@pytest.fixture(autouse=True)
def no_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the secrets of other tests: what they hide depends on the order of tests."""
    monkeypatch.setattr("watcher.known_secrets._forms", {})


@pytest.fixture(autouse=True)
def plain_tracebacks() -> None:
    """Log exceptions without the values of variables, which take seconds to format."""
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture(scope="session")
def opensearch() -> Iterator[engines.Running]:
    """Run an open OpenSearch for the session."""
    with engines.opensearch() as running:
        yield running


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engines.Running]:
    """Run an Elasticsearch with TLS and users for the session."""
    with engines.elasticsearch(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture(scope="session", params=["opensearch", "elasticsearch"])
def engine(request: pytest.FixtureRequest) -> engines.Running:
    """Return each engine in turn."""
    running: engines.Running = request.getfixturevalue(request.param)
    return running


@pytest.fixture(scope="session")
def webhook_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the channel of examples/webhook-channel, and return the folder that holds it."""
    return install_webhook_channel(tmp_path_factory.mktemp("site-packages"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of shared events and rules beside the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent")
    return folder
