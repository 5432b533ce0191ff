"""The files of the repository that are generated from the settings types; `make generated` writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from watcher.settings.example_file import example_file
from watcher.settings.json_schema import settings_schema
from watcher.settings.settings_page import update_page
from watcher.settings.settings_types import Settings
from watcher.settings.source_settings import FieldMap


def schema_text(root: type) -> str:
    """Return the JSON schema of a settings type as a file holds it."""
    return json.dumps(settings_schema(root), indent=2, ensure_ascii=False) + "\n"


def generated_files(root: Path) -> Mapping[Path, str]:
    """Return the paths and the contents of the generated files of a checkout."""
    page = root / "docs" / "settings.md"
    return {
        page: update_page(page.read_text(encoding="utf-8")),
        root / "deploy" / "watcher.yml": example_file(),
        root / "deploy" / "watcher.schema.json": schema_text(Settings),
        root / "deploy" / "field-map.schema.json": schema_text(FieldMap),
    }


if __name__ == "__main__":
    for path, content in generated_files(Path(sys.argv[1])).items():
        path.write_text(content, encoding="utf-8")
