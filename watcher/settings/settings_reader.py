"""watcher.yml and the environment → Settings; all errors of a file are reported together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from watcher.errors import SettingsError
from watcher.model import Finding, Location, Severity
from watcher.near_names import near_name_fix
from watcher.settings.environment import add_cluster_variables, add_listen_variable, replace_variables
from watcher.settings.problems import FaultySettingsError, Reading, report_duplicates
from watcher.settings.risks import is_readable_by_all
from watcher.settings.route_names import unknown_route_names
from watcher.settings.settings_types import Settings
from watcher.yaml_nodes.nodes import ListNode, MapNode, ScalarNode, YamlNode
from watcher.yaml_nodes.yaml_documents import read_documents


def read_file(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read a settings file; raise a FaultySettingsError with every error in it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"the settings file `{path}` cannot be read: {reason}"
        raise FaultySettingsError((SettingsError(message, fix="give its path with `--settings`"),)) from None
    return read(text, environ, file=path)


def read(text: str, environ: Mapping[str, str], *, file: Path | None = None) -> Settings:
    """Read the text of a settings file, which may be empty: the environment and the defaults complete it.

    Raises a FaultySettingsError with every error in it.
    """
    name = str(file) if file else "settings"
    reading = Reading(folder=file.parent if file else Path())
    try:
        document = replace_variables(read_document(text, name), environ, reading)
    except SettingsError as error:
        raise FaultySettingsError((error,)) from None
    report_duplicates(document, "", reading)
    root = document
    if isinstance(document, MapNode):
        root = add_listen_variable(add_cluster_variables(document, environ), environ)
    settings = _structured(root, reading)
    reading.errors.extend(_unknown_names(root, reading))
    if settings is None or reading.errors:
        raise FaultySettingsError(tuple(sorted(reading.errors, key=lambda error: _position(error, name))))
    return replace(
        settings,
        file=file,
        warnings=tuple(reading.warnings),
        risks=(*reading.risks, *_readable_secrets(text, file, reading)),
        sources=settings.sources or Settings().sources,
    )


def _readable_secrets(text: str, file: Path | None, reading: Reading) -> Iterator[Finding]:
    """Yield the first secret in a settings file that every user can read; those of variables are not in it."""
    inside = [secret for secret in reading.secrets if secret.text and secret.text in text]
    if file is not None and inside and is_readable_by_all(file):
        yield Finding(
            code="readable-secret",
            severity=Severity.WARNING,
            location=inside[0].location,
            message="every user of this machine can read the settings file, and the secret in it",
            fix="remove the permission, as by `chmod o-r`, or write the secret into a file of its own",
        )


def read_document(text: str, file: str) -> YamlNode:
    """Return the only document of a file, an empty mapping where there is none."""
    documents = read_documents(text, file=file, fault=SettingsError)
    if len(documents) > 1:
        raise SettingsError(
            "the file contains more than one document",
            location=documents[1].location,
            fix="remove the line `---`",
            code="wrong-value",
        )
    if not documents or (isinstance(documents[0], ScalarNode) and documents[0].value is None):
        return MapNode(entries=(), location=Location(file=file, line=1))
    return documents[0]


def _structured(root: YamlNode, reading: Reading) -> Settings | None:
    if isinstance(root, MapNode) and not root.entries:
        return Settings()
    from watcher.settings.structure_settings import structure_settings  # noqa: PLC0415 - cattrs is slow to import

    return structure_settings(root, reading)


def _position(error: SettingsError, file: str) -> tuple[bool, str, int, int]:
    location = error.location or Location(file=file, line=1)
    return (location.file != file, location.file, location.line, location.column)


def _unknown_names(root: YamlNode, reading: Reading) -> Iterator[SettingsError]:
    """Yield where a selector names a folder or a channel that is not set up."""
    if not isinstance(root, MapNode):
        return
    yield from unknown_route_names(root)
    channels = root.get("channels")
    channel_names = [entry.key_text for entry in channels.entries] if isinstance(channels, MapNode) else []
    # without folders of its own the shipped rules are read, and a faulty folder has no name yet
    has_all_folders = bool(reading.folder_names) and len(reading.folder_names) == _folder_count(root)
    for node in reading.selectors:
        if has_all_folders:
            yield from _undefined("folder", _texts(node, "folder"), reading.folder_names, node)
        options = node.get("set")
        if isinstance(options, MapNode):
            yield from _undefined("channel", _texts(options, "channels"), channel_names, node)


def _folder_count(root: MapNode) -> int:
    rules = root.get("rules")
    folders = rules.get("folders") if isinstance(rules, MapNode) else None
    return len(folders.items) if isinstance(folders, ListNode) else int(folders is not None)


def _texts(node: MapNode, key: str) -> tuple[str, ...]:
    """Return the strings of a list or of a single value; those of another type are reported by their setting."""
    value = node.get(key)
    items = value.items if isinstance(value, ListNode) else () if value is None else (value,)
    return tuple(item.text for item in items if isinstance(item, ScalarNode) and item.value is not None)


def _undefined(kind: str, names: tuple[str, ...], defined: list[str], node: MapNode) -> Iterator[SettingsError]:
    where = {"folder": "rules.folders", "channel": "channels"}
    for name in names:
        if name not in defined:
            yield SettingsError(
                f"`rules.select` names the {kind} `{name}`, which is not defined",
                location=node.location,
                fix=near_name_fix(name, defined, f"define it under `{where[kind]}`"),
                code="unknown-name",
            )
