"""watcher.yml and the environment → Settings; all faults of a file are reported together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from watcher.errors import SettingsError
from watcher.model import Location
from watcher.settings.channel_reader import channels
from watcher.settings.check_settings import allowances
from watcher.settings.rule_settings import folders, selectors
from watcher.settings.sections import FaultySettingsError, Reading, Section, about, filled
from watcher.settings.settings_types import (
    Cluster,
    LogSourceMapping,
    RateLimitSettings,
    Settings,
    Source,
    StateSettings,
)
from watcher.settings.value_readers import (
    choice,
    duration,
    fingerprint,
    index_pattern,
    index_prefix,
    invalid,
    line,
    listed,
    moment,
    name,
    some,
    span,
    truth,
    web_address,
    whole,
)
from watcher.yaml_nodes.nodes import MapNode, ScalarNode, YamlNode, read_documents

ENVIRONMENT = {
    "hosts": "WATCHER_URL",
    "username": "WATCHER_USERNAME",
    "password": "WATCHER_PASSWORD",
    "password_file": "WATCHER_PASSWORD_FILE",
    "api_key": "WATCHER_API_KEY",
    "api_key_file": "WATCHER_API_KEY_FILE",
    "ca_certs": "WATCHER_CA_CERTS",
}
"""The variables that stand in for what `cluster` of the file does not say."""

_CREDENTIALS = ("username", "password", "password_file", "api_key", "api_key_file")
_CLUSTER = Cluster()
_STATE = StateSettings()
_SOURCE = Source()
_SETTINGS = Settings()


def read_file(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read a settings file; raises a FaultySettingsError with everything that is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no UTF-8 text"
        raise FaultySettingsError(
            (
                SettingsError(
                    f"the settings file `{path}` cannot be read: {reason}", fix="give its path by `--settings`"
                ),
            )
        ) from None
    return read(text, environ, file=path)


def read(text: str, environ: Mapping[str, str], *, file: Path | None = None) -> Settings:
    """Read the text of a settings file, which may be empty: the environment and the defaults fill what it leaves out.

    Raises a FaultySettingsError with everything that is wrong in it.
    """
    shown = str(file) if file else "settings"
    reading = Reading(folder=file.parent if file else Path())
    try:
        root = Section(filled(_document(text, shown), environ, reading), "", reading)
    except SettingsError as fault:
        raise FaultySettingsError((fault,)) from None
    made = _settings(root, environ, file)
    if reading.faults:
        raise FaultySettingsError(tuple(sorted(reading.faults, key=_position)))
    return made


def _document(text: str, file: str) -> YamlNode:
    documents = read_documents(text, file=file, fault=SettingsError)
    if len(documents) > 1:
        raise invalid(documents[1].location, "the file holds more than one document", "remove the line `---`")
    empty = MapNode(entries=(), location=Location(file=file, line=1))
    if not documents or (isinstance(documents[0], ScalarNode) and documents[0].value is None):
        return empty
    return documents[0]


def _position(fault: SettingsError) -> tuple[int, int]:
    return (fault.location.line, fault.location.column) if fault.location else (0, 0)


def _settings(root: Section, environ: Mapping[str, str], file: Path | None) -> Settings:
    cluster = root.inner("cluster")
    _add_environment(cluster, environ)
    rules = root.inner("rules")
    check = root.inner("check")
    entries = tuple(root.named("channels"))
    rule_folders = folders(rules)
    made = Settings(
        file=file,
        cluster=_cluster(cluster),
        state=_state(root.inner("state")),
        sources=tuple(_source(section) for section in root.sections("sources")) or _SETTINGS.sources,
        folders=rule_folders,
        selectors=tuple(
            selectors(rules, [folder.name for folder in rule_folders], [entry.key_text for entry in entries])
        ),
        allow=tuple(allowances(check)),
        channels=tuple(channels(entries, root.reading)),
        storm=_storm(root.inner("storm")),
        lease=root.take("lease", span, _SETTINGS.lease),
        templates=root.take("templates", root.reading.directory, _SETTINGS.templates),
        discover_url=root.take("discover_url", web_address, _SETTINGS.discover_url),
        placeholders=dict(_lists(root, "placeholders")),
    )
    rules.close()
    check.close()
    root.close()
    _unique_sources(made, root)
    return made


def _unique_sources(made: Settings, root: Section) -> None:
    names = [source.name for source in made.sources]
    for double in sorted({one for one in names if names.count(one) > 1}):
        fix = "give each source a `name` of its own"
        root.reading.note(invalid(root.location_of("sources"), f"two sources are named `{double}`", fix))


# --------------------------------------------------------------------------- the cluster


def _add_environment(section: Section, environ: Mapping[str, str]) -> None:
    """Let the environment say what the file does not; credentials only where the file gives none of them."""
    own_credentials = any(section.has(key) for key in _CREDENTIALS)
    for key, variable in ENVIRONMENT.items():
        value = environ.get(variable, "")
        if value and not section.has(key) and not (key in _CREDENTIALS and own_credentials):
            section.add(key, value.split(",") if key == "hosts" else [value], Location(file=variable, line=1))


def _cluster(section: Section) -> Cluster:
    made = Cluster(
        hosts=section.take("hosts", some(web_address), _CLUSTER.hosts),
        username=section.take("username", line, _CLUSTER.username),
        password=section.secret("password"),
        api_key=section.secret("api_key"),
        ca_certs=section.take("ca_certs", section.reading.file, _CLUSTER.ca_certs),
        ca_fingerprint=section.take("ca_fingerprint", fingerprint, _CLUSTER.ca_fingerprint),
        client_cert=section.take("client_cert", section.reading.file, _CLUSTER.client_cert),
        client_key=section.take("client_key", section.reading.file, _CLUSTER.client_key),
        verify_certs=section.take("verify_certs", truth, _CLUSTER.verify_certs),
        timeout=section.take("timeout", span, _CLUSTER.timeout),
    )
    section.together("username", "password")
    if made.api_key is not None and made.username is not None:
        message = f"`{section.path('api_key')}` and `{section.path('username')}` are both given"
        section.reading.note(invalid(section.location_of("api_key"), message, "keep one of them"))
    if made.client_key is not None:
        section.together("client_key", "client_cert")
    section.close()
    return made


def _state(section: Section) -> StateSettings:
    cluster = section.inner("cluster")
    made = StateSettings(
        cluster=_cluster(cluster) if section.has("cluster") else _STATE.cluster,
        prefix=section.take("prefix", index_prefix, _STATE.prefix),
        retention=section.take("retention", span, _STATE.retention),
        store=section.take("store", choice("whole", "fields", "none"), _STATE.store),
    )
    section.close()
    return made


def _storm(section: Section) -> RateLimitSettings:
    made = RateLimitSettings(limit=section.take("limit", whole, _SETTINGS.storm.limit))
    section.close()
    return made


# --------------------------------------------------------------------------- sources


def _source(section: Section) -> Source:
    sweep = section.inner("sweep")
    made = Source(
        name=section.take("name", name, _SOURCE.name),
        index=section.take("index", index_pattern, _SOURCE.index),
        time_field=section.take("time_field", line, _SOURCE.time_field),
        every=section.take("every", span, _SOURCE.every),
        delay=section.take("delay", duration, _SOURCE.delay),
        overlap=section.take("overlap", duration, _SOURCE.overlap),
        sweep_past=sweep.take("past", duration, _SOURCE.sweep_past),
        sweep_ahead=sweep.take("ahead", duration, _SOURCE.sweep_ahead),
        sweep_every=sweep.take("every", span, _SOURCE.sweep_every),
        catch_up=section.take("catch_up", choice("newest", "oldest"), _SOURCE.catch_up),
        start=section.take("start", moment, _SOURCE.start),
        slice=section.take("slice", span, _SOURCE.slice),
        search=section.take("search", choice("auto", "scan", "query"), _SOURCE.search),
        scan_below=section.take("scan_below", whole, _SOURCE.scan_below),
        fetch=section.take("fetch", choice("whole", "needed"), _SOURCE.fetch),
        budget=section.take("budget", span, _SOURCE.budget),
        fields=dict(_lists(section, "fields")),
        logsources=tuple(_logsource(one) for one in section.sections("logsources")),
    )
    sweep.close()
    section.close()
    return made


def _lists(section: Section, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Read a map of names to lists of texts."""
    for entry in section.named(key):
        try:
            yield entry.key_text, some(line)(entry.value)
        except SettingsError as fault:
            section.reading.note(about(fault, f"{section.path(key)}.{entry.key_text}"))


def _logsource(section: Section) -> LogSourceMapping:
    made = LogSourceMapping(
        product=section.take("product", line, None),
        category=section.take("category", line, None),
        service=section.take("service", line, None),
        channels=section.take("channels", listed(line), ()),
        event_codes=section.take("event_codes", listed(line), ()),
    )
    if not (made.product or made.category or made.service):
        fix = "give `product`, `category` or `service`"
        section.reading.note(
            invalid(section.location, f"`{section.where}` does not say which log source it means", fix)
        )
    if not (made.channels or made.event_codes):
        fix = "give `channels`, `event_codes` or both"
        section.reading.note(invalid(section.location, f"`{section.where}` does not say which events it means", fix))
    section.close()
    return made
