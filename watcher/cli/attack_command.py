"""`watcher attack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watcher.cli.common import terminal
from watcher.printable import printable_text
from watcher.usecases.build_catalogue import write_attack_table


def attack(
    bundle: Annotated[Path, typer.Argument(help="MITRE's `enterprise-attack.json` (a STIX bundle), or a table.")],
    table: Annotated[Path, typer.Argument(help="File to write the table to.")],
) -> None:
    """Write a table of ATT&CK's names for the catalogue.

    The table is small and can be compared line by line; pass it to `watcher catalogue --attack`.
    """
    written = write_attack_table(bundle, table)
    release = f"{printable_text(written.version)} of {printable_text(written.as_of)}"
    terminal().print(f"ATT&CK {release}: {len(written.techniques):,} techniques")
