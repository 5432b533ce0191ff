"""The parameters of one start of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watcher.local_engine.account import Account
from watcher.local_engine.engine import Engine, Security
from watcher.local_engine.java import Java


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """An engine with its folders, Java and account."""

    engine: Engine
    home: Path  # the unpacked distribution, shared by every node
    java: Java
    java_options: str
    account: Account
    run: Path  # the folder of this run
    data: Path
    security: Security | None

    @property
    def config(self) -> Path:
        """The configuration folder of this run."""
        return self.run / "config"

    @property
    def logs(self) -> Path:
        """Where the engine writes its output and its ports."""
        return self.run / "logs"

    @property
    def log(self) -> Path:
        """The output of the engine."""
        return self.logs / "output.log"
