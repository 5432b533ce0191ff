"""The state's indices: templates and lifecycle policies, put in place, brought up to date, and cleared by age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from watcher.errors import Forbidden, Overloaded, Refused
from watcher.ports import NewDocument, State, StoredDocument
from watcher.state.index_templates import VERSION, templates

log = structlog.get_logger(__name__)

_INSTALLED = "templates"  # the id of the note that says which version of the templates is installed
_ADVICE = "call `watcher setup`; where that says that it cannot help, delete or reindex it"
_LAST_HIT = timedelta(days=31)  # an index of a month may get its last document when it is that old


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallResult:
    """What was put in place."""

    templates: tuple[str, ...]  # their names
    updated: tuple[str, ...] = ()  # indices of an older version that got new fields
    lifecycle: bool = False  # the cluster deletes by age itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the state rests on in its cluster."""

    state: State
    prefix: str = "watcher"
    retention: timedelta = timedelta(days=365)

    def missing(self) -> tuple[str, ...]:
        """Name the index templates that are not installed, or older than this version's.

        A user who may not read templates goes by the note that `install` leaves in the state; raises Forbidden where
        there is none.
        """
        try:
            return tuple(name for name in templates(self.prefix) if (self.state.template_version(name) or 0) < VERSION)
        except Forbidden:
            noted = self._noted()
            if noted is None or noted.document["version"] < VERSION:
                raise
            return ()

    def install(self) -> InstallResult:
        """Install the templates that are missing, bring indices of older versions up to date, and leave a note.

        The note is for users who may not look at templates. Lifecycle policies are installed where the cluster has a
        service for them and the user may.
        """
        missing = self.missing()
        if not missing:
            mended = self._mend()
            self._note()
            return InstallResult(templates=(), updated=tuple(mended))
        lifecycle = self._lifecycle()
        wanted = templates(self.prefix, lifecycle or {})
        updated = [index for name in missing for index in self._renew(name, wanted[name])]
        self._note()
        return InstallResult(templates=missing, updated=tuple(updated), lifecycle=lifecycle is not None)

    def ensure_index(self, index: str) -> None:
        """Make sure that an index of the state is there as its template makes it, or that the template would make it.

        Raises Overloaded where neither is: an index that the engine made up itself would take anything in its own way.
        It makes one up even for a change of a document whose index is gone; `install` gives such an index its mapping.
        """
        if self._is_strict(index):
            return
        if self.state.indices(index):
            raise Overloaded(f"`{index}` was made without its index template; {_ADVICE}")
        name = self._template(index)
        try:
            version = self.state.template_version(name)
        except Forbidden:
            return  # who may not look at templates goes by what was installed at the start
        if version is None:
            raise Overloaded(f"`{index}` cannot be created: its index template `{name}` is gone; call `watcher setup`")

    def clear(self, *, now: datetime) -> tuple[str, ...]:
        """Delete the indices of months that are older than the retention; gives their names.

        For clusters without a lifecycle service; the rule is the same: retention and 31 days after a month began.
        """
        gone = []
        for kind in ("alerts", "hits"):
            for index in self.state.indices(f"{self.prefix}-{kind}-*"):
                began = self._began(index)
                if began is not None and began + self.retention + _LAST_HIT < now:
                    self.state.drop(index)
                    gone.append(index)
        return tuple(gone)

    def _lifecycle(self) -> Mapping[str, Any] | None:
        settings: dict[str, Any] | None = None
        try:
            for kind in ("alerts", "hits"):
                name = f"{self.prefix}-{kind}"
                made = self.state.keep_for(name, f"{name}-*", self.retention + _LAST_HIT)
                if made is None:
                    return None
                settings = {**(settings or {}), name: made}
        except Forbidden as fault:
            log.info("state.lifecycle", error=str(fault), advice="old indices stay; let an administrator call setup")
            return None
        return settings

    def _is_strict(self, index: str) -> bool:
        try:
            return bool(self.state.strict(index))
        except Forbidden:  # who may not look at mappings goes by what is there
            return bool(self.state.indices(index))

    def _mend(self) -> list[str]:
        """Give indices that the engine made without a template their mapping, but for those that are not watcher's."""
        every = f"{self.prefix}-*"
        try:
            loose = sorted({*self.state.indices(every)} - {*self.state.strict(every)})
            return [made for index in filter(self._is_own, loose) for made in self._map(self._template(index), [index])]
        except Forbidden as fault:
            log.info("state.mapping", error=str(fault), advice="nothing can be said of indices without a template")
            return []

    def _renew(self, name: str, template: Mapping[str, Any]) -> list[str]:
        """Put a template in place, and give the indices of its older versions their new fields; gives those.

        The template comes after the indices, so that whoever is killed in between begins with both anew. An index that
        the old template makes in the meantime comes after it.
        """
        before = self._own(template)
        updated = self._map(name, before)
        self.state.put_template(name, template)
        return updated + self._map(name, [index for index in self._own(template) if index not in before])

    def _own(self, template: Mapping[str, Any]) -> list[str]:
        indices = (index for pattern in template["index_patterns"] for index in self.state.indices(pattern))
        return list(filter(self._is_own, indices))

    def _template(self, index: str) -> str:
        return next(name for name in templates(self.prefix) if index.startswith(name))

    def _is_own(self, index: str) -> bool:
        return index == f"{self.prefix}-state" or self._began(index) is not None

    def _began(self, index: str) -> datetime | None:
        """Tell when the month of an index of alerts or hits began; None for any other index."""
        return _month(index.removeprefix(f"{self.prefix}-alerts-").removeprefix(f"{self.prefix}-hits-"))

    def _map(self, template: str, indices: Sequence[str]) -> list[str]:
        """Give indices the mapping of their template, as many as can take it; gives those."""
        mapping = templates(self.prefix)[template]["template"]["mappings"]
        made = []
        for index in indices:
            try:
                self.state.put_mapping(index, mapping)
            except Refused as fault:
                log.warning("state.mapping", index=index, error=str(fault), advice=_ADVICE)
            else:
                made.append(index)
        return made

    def _noted(self) -> StoredDocument | None:
        return self.state.get([(f"{self.prefix}-state", _INSTALLED)])[0]

    def _note(self) -> None:
        noted = self._noted()
        note = {"kind": "templates", "version": VERSION}
        if noted is None:
            self.state.create([NewDocument(index=f"{self.prefix}-state", id=_INSTALLED, document=note)])
        elif noted.document["version"] < VERSION:
            self.state.replace(noted, note)


def _month(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y.%m").replace(tzinfo=UTC)
    except ValueError:
        return None
