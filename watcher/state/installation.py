"""The state's indices: installation of templates and lifecycle policies, migration, and deletion by age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from watcher.errors import Forbidden, Overloaded, Refused
from watcher.ports import State
from watcher.state.index_templates import VERSION, templates
from watcher.state.migration import Migration
from watcher.state.state_version import StateVersion

log = structlog.get_logger(__name__)

_ADVICE = "call `watcher setup`; where that says that it cannot help, delete or reindex it"
_LAST_HIT = timedelta(days=31)  # an index of a month may get its last document when it is that old


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallResult:
    """What was installed, updated and migrated."""

    templates: tuple[str, ...]  # their names
    updated: tuple[str, ...] = ()  # indices of an older version that got new fields
    lifecycle: bool = False  # the cluster deletes by age itself
    migrated: int = 0  # documents of an older version


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The index templates, mappings, lifecycle policies and version of the state."""

    state: State
    prefix: str = "watcher"
    retention: timedelta = timedelta(days=365)

    migration: Migration | None = None  # None: only for a state that no older version wrote

    @property
    def version(self) -> StateVersion:
        """The stored version of the state."""
        return StateVersion(self.state, self.prefix)

    def missing(self) -> tuple[str, ...]:
        """Return the names of the index templates that are not installed, or older than this version's.

        A user who may not read templates relies on the version that `install` stores; raises Forbidden where that is
        missing or older.
        """
        try:
            return tuple(name for name in templates(self.prefix) if (self.state.template_version(name) or 0) < VERSION)
        except Forbidden:
            if (self.version.read() or 0) < VERSION:
                raise
            return ()

    def install(self) -> InstallResult:
        """Install missing templates, update indices of older versions, migrate the state and store its version.

        Lifecycle policies are installed where the cluster has a service for them and the user may. Raises Refused for
        a state of a newer version, Overloaded while a sidecar of an older version is running.
        """
        self.version.refuse_newer()
        before = self.version.read()
        if before is not None and before < VERSION and self.migration is None:
            raise Refused(f"the state `{self.prefix}-*` has version {before} and is not migrated; {_ADVICE}")
        if before != VERSION and self.migration is not None:
            self.migration.check_members()
        result = self._install_templates()
        self.version.fence()  # before the migration: no older program may start on a half migrated state
        migrated = 0 if self.migration is None else self.migration.run()
        self.version.write()
        return replace(result, migrated=migrated)

    def _install_templates(self) -> InstallResult:
        missing = self.missing()
        if not missing:
            return InstallResult(templates=(), updated=tuple(self._repair_mappings()))
        lifecycle = self._lifecycle()
        wanted = templates(self.prefix, lifecycle or {})
        updated = [index for name in missing for index in self._renew(name, wanted[name])]
        return InstallResult(templates=missing, updated=tuple(updated), lifecycle=lifecycle is not None)

    def ensure_index(self, index: str) -> None:
        """Check that an index of the state has the mapping of its template, or will get it when it is created.

        Raises Overloaded otherwise: an index that the engine created without a template would map any field. The
        engine creates one even for a change of a document whose index was deleted; `install` repairs its mapping.
        """
        if self._is_strict(index):
            return
        if self.state.indices(index):
            raise Overloaded(f"`{index}` was created without its index template; {_ADVICE}")
        name = self._template(index)
        try:
            version = self.state.template_version(name)
        except Forbidden:
            return  # a user who may not read templates relies on what was installed at the start
        if version is None:
            raise Overloaded(
                f"`{index}` cannot be created: its index template `{name}` is missing; call `watcher setup`"
            )

    def clear(self, *, now: datetime) -> tuple[str, ...]:
        """Delete the indices of months that are older than the retention, and return their names.

        For clusters without a lifecycle service; the rule is the same: retention and 31 days after a month began.
        """
        deleted = []
        for kind in ("alerts", "hits"):
            for index in self.state.indices(f"{self.prefix}-{kind}-*"):
                began = self._began(index)
                if began is not None and began + self.retention + _LAST_HIT < now:
                    self.state.drop(index)
                    deleted.append(index)
        return tuple(deleted)

    def _lifecycle(self) -> Mapping[str, Any] | None:
        settings: dict[str, Any] | None = None
        try:
            for kind in ("alerts", "hits"):
                name = f"{self.prefix}-{kind}"
                index_settings = self.state.keep_for(name, f"{name}-*", self.retention + _LAST_HIT)
                if index_settings is None:
                    return None
                settings = {**(settings or {}), name: index_settings}
        except Forbidden as fault:
            log.info(
                "state.lifecycle",
                error=str(fault),
                advice="old indices are kept; let an administrator call `watcher setup`",
            )
            return None
        return settings

    def _is_strict(self, index: str) -> bool:
        try:
            return bool(self.state.strict(index))
        except Forbidden:  # a user who may not read mappings relies on the index that exists
            return bool(self.state.indices(index))

    def _repair_mappings(self) -> list[str]:
        """Put the mapping of their template on indices of the state that the engine created without it."""
        pattern = f"{self.prefix}-*"
        try:
            loose = sorted({*self.state.indices(pattern)} - {*self.state.strict(pattern)})
            return [name for index in filter(self._is_own, loose) for name in self._map(self._template(index), [index])]
        except Forbidden as fault:
            log.info("state.mapping", error=str(fault), advice="indices without a template are not found")
            return []

    def _renew(self, name: str, template: Mapping[str, Any]) -> list[str]:
        """Install a template, add its new fields to existing indices, and return the updated indices.

        The template is installed after the indices are updated: a run that is killed between begins with both again.
        An index that the old template creates meanwhile is updated last.
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
        """Return when the month of an index of alerts or hits began; None for any other index."""
        return _month(index.removeprefix(f"{self.prefix}-alerts-").removeprefix(f"{self.prefix}-hits-"))

    def _map(self, template: str, indices: Sequence[str]) -> list[str]:
        """Put the mapping of their template on indices, and return those that accept it."""
        mapping = templates(self.prefix)[template]["template"]["mappings"]
        updated = []
        for index in indices:
            try:
                self.state.put_mapping(index, mapping)
            except Refused as fault:
                log.warning("state.mapping", index=index, error=str(fault), advice=_ADVICE)
            else:
                updated.append(index)
        return updated


def _month(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y.%m").replace(tzinfo=UTC)
    except ValueError:
        return None
