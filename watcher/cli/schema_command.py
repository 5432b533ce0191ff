"""`watcher schema`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer


class SchemaKind(StrEnum):
    """The files that have a schema."""

    SETTINGS = "settings"
    FIELD_MAP = "field-map"


def schema(
    kind: Annotated[
        SchemaKind, typer.Argument(help="Kind of file: settings, or a field map that sources share.")
    ] = SchemaKind.SETTINGS,
) -> None:
    """Write the JSON schema of settings files for editors.

    Editors complete and check a settings file with it. The channel types of installed packages are part of it.
    """
    from watcher.settings import FieldMap, Settings  # noqa: PLC0415 - loads the channel types
    from watcher.settings.generated_files import schema_text  # noqa: PLC0415 - the same

    roots = {SchemaKind.SETTINGS: Settings, SchemaKind.FIELD_MAP: FieldMap}
    sys.stdout.write(schema_text(roots[kind]))
