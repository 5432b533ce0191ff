"""The assumed mapping for queries without a cluster: that of Winlogbeat's index template.

Sources: Winlogbeat's exported fields, ECS 8.17, and the dynamic templates that Beats install.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watcher.ports import FieldType, IndexMapping, Server
from watcher.settings import Source
from watcher.taxonomy.field_locations import DATA

DESCRIPTION = (
    "For indices with the mapping of Winlogbeat 8 on Elasticsearch: `winlog.event_data.*` as keyword without a limit, "
    "ECS fields by their own types. With `--live` the query is built for your indices."
)

_LIMIT = 1024
_TYPES: Mapping[str, str] = {
    "@timestamp": "date",
    "destination.ip": "ip",
    "destination.port": "long",
    "dns.resolved_ip": "ip",
    "message": "match_only_text",
    "powershell.command.invocation_details.value": "text",
    "powershell.command.value": "text",
    "powershell.file.script_block_text": "text",
    "process.command_line": "wildcard",
    "process.parent.command_line": "wildcard",
    "process.parent.pid": "long",
    "process.pid": "long",
    "process.thread.id": "long",
    "registry.data.strings": "wildcard",
    "related.ip": "ip",
    "source.ip": "ip",
    "source.port": "long",
    "winlog.process.pid": "long",
    "winlog.process.thread.id": "long",
}
_WITH_TEXT = (
    "file.path",
    "process.command_line",
    "process.executable",
    "process.name",
    "process.parent.command_line",
    "process.parent.executable",
    "process.title",
    "process.working_directory",
    "user.name",
)


def assumed_mapping(source: Source, paths: Iterable[str]) -> IndexMapping:
    """Return the mapping of indices as Winlogbeat creates it."""
    fields = {path: (kind,) for path in paths if (kind := _field(path)) is not None}
    return IndexMapping(
        pattern=source.index,
        server=Server(engine="elasticsearch", version="8.19.0"),
        indices=(source.index,),
        fields=fields,
    )


def _field(path: str) -> FieldType | None:
    parent, _, last = path.rpartition(".")
    if last == "text" and parent in _WITH_TEXT:
        return FieldType(type="match_only_text")
    if last in ("text", "keyword"):
        return None
    if path.startswith(DATA):
        return FieldType(type="keyword")
    kind = _TYPES.get(path, "keyword")
    return FieldType(type=kind, ignore_above=_LIMIT if kind == "keyword" else None)
