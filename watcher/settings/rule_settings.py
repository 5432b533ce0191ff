"""The rules part of watcher.yml: folders, and the lines that select rules and say how they are watched."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

from watcher.model import Level
from watcher.settings.sections import Reading, Section
from watcher.settings.settings_types import Folder, Selector
from watcher.settings.value_readers import (
    Reader,
    choice,
    invalid,
    is_name,
    line,
    listed,
    name,
    some,
    span,
    truth,
    web_address,
)
from watcher.yaml_nodes.nodes import MapNode, YamlNode

STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
"""The words that Sigma has for a rule's status."""

_EVENT = "event"  # group_by: every hit is an alert


def folders(rules: Section) -> tuple[Folder, ...]:
    """Read the folders of rules; one given as a path alone is named after its last part."""
    none: tuple[Folder, ...] = ()
    made = rules.take("folders", listed(_folder(rules.reading)), none)
    names = [folder.name for folder in made]
    for double in sorted({one for one in names if names.count(one) > 1}):
        message = f"two folders of rules are named `{double}`"
        rules.reading.note(invalid(rules.location_of("folders"), message, "give each a name: `{name: own, path: …}`"))
    return made


def _folder(reading: Reading) -> Reader[Folder]:
    def read(node: YamlNode) -> Folder:
        if not isinstance(node, MapNode):
            path = reading.path(node)
            return Folder(name=_name_of(path, node), path=path)
        section = Section(node, "rules.folders", reading)
        path = section.need("path", reading.path, Path())
        # what goes wrong with the path is noted already, and the name stands in
        made = Folder(
            name=section.take("name", name, "") or _name_of(path, node),
            path=path,
            corpus=section.take("corpus", line, ""),
            repository=section.take("repository", web_address, ""),
            files=section.take("files", web_address, ""),
        )
        section.close()
        return made

    return read


def _name_of(path: Path, node: YamlNode) -> str:
    last = path.resolve().name
    if not is_name(last):
        raise invalid(
            node.location, f"the path `{path}` gives its folder of rules no name", "write `{name: own, path: …}`"
        )
    return last


def selectors(rules: Section, known_folders: Collection[str], known_channels: Collection[str]) -> Iterator[Selector]:
    """Read the selectors in their order."""
    for section in rules.sections("select"):
        made = _selector(section)
        if known_folders:  # else the shipped rules are read, whose folders have names of their own
            _exist("folder", made.folder, known_folders, section)
        _exist("channel", made.channels or (), known_channels, section)
        section.close()
        yield made


def _selector(section: Section) -> Selector:
    given = section.inner("set")
    made = Selector(
        line=section.location.line,
        folder=section.take("folder", some(line), ()),
        id=section.take("id", some(line), ()),
        tag=section.take("tag", some(line), ()),
        level=section.take("level", some(choice(*Level)), ()),
        status=section.take("status", some(choice(*STATUSES)), ()),
        author=section.take("author", some(line), ()),
        path=section.take("path", some(line), ()),
        enabled=given.take("enabled", truth, None),
        group_by=given.take("group_by", _group_by, None),
        quiet_period=given.take("quiet_period", span, None),
        channels=given.take("channels", listed(line), None),
    )
    if not given.node.entries:
        fix = f"give at least one of {', '.join(f'`{key}`' for key in given.known)}"
        section.reading.note(
            invalid(section.location, "the selector sets nothing", f"{fix} under `set`", "missing-key")
        )
    given.close()
    return made


def _group_by(node: YamlNode) -> tuple[str, ...]:
    fields = listed(line)(node)
    if _EVENT in fields and len(fields) > 1:
        raise invalid(
            node.location, "`event` makes every hit an alert and stands alone", "remove it or the other fields"
        )
    return fields


def _exist(what: str, names: tuple[str, ...], known: Collection[str], section: Section) -> None:
    for missing in (one for one in names if one not in known):
        near = get_close_matches(missing, known, n=1)
        guess = f"did you mean `{near[0]}`?" if near else f"name it under `{_WHERE[what]}` first"
        message = f"the selector names the {what} `{missing}`, which is not set up"
        section.reading.note(invalid(section.location, message, guess, "unknown-name"))


_WHERE = {"folder": "rules.folders", "channel": "channels"}
