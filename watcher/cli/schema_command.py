"""`watcher schema`."""

from __future__ import annotations

import sys


def schema() -> None:
    """Write the JSON schema of settings files for editors.

    Editors complete and check a settings file with it. The channel types of installed packages are part of it.
    """
    from watcher.settings.generated_files import schema_text  # noqa: PLC0415 - loads the channel types

    sys.stdout.write(schema_text())
