"""The state: what was searched, what was opened, and what is still owed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from watcher.decide.documents import alert_document, bare, hit_document, iso, month
from watcher.decide.templates import VERSION, templates
from watcher.errors import Forbidden, Refused
from watcher.match.instant import instant
from watcher.model import Alert, Hit
from watcher.ports import Draft, State, Stored

log = structlog.get_logger(__name__)

CLAIM = timedelta(minutes=2)  # how long a message may be on its way before somebody else sends it again
_CANDIDATES = 200
_INSTALLED = "templates"  # the id of the note that says which version of the templates is installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a page of hits came to."""

    hits: int  # new ones
    alerts: tuple[str, ...]  # ids of those that were opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """One alert that is owed to one channel."""

    stored: Stored
    channel: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that watcher remembers, behind conditional writes."""

    state: State
    prefix: str = "watcher"
    store: str = "whole"

    # ---- templates

    def missing_templates(self) -> tuple[str, ...]:
        """Name the index templates that are not installed, or older than this version's.

        A user who may not read templates goes by the note that `install` leaves in the state; raises Forbidden where
        there is none.
        """
        wanted = templates(self.prefix)
        try:
            return tuple(name for name in wanted if (self.state.template_version(name) or 0) < VERSION)
        except Forbidden:
            noted = self.state.get([(self._state_index, _INSTALLED)])[0]
            if noted is None or noted.document["version"] < VERSION:
                raise
            return ()

    def install(self) -> tuple[str, ...]:
        """Install the index templates that are missing, name them, and leave a note for users who may not look."""
        missing = self.missing_templates()
        for name in missing:
            self.state.put_template(name, templates(self.prefix)[name])
        noted = self.state.get([(self._state_index, _INSTALLED)])[0]
        note = {"kind": "templates", "version": VERSION}
        if noted is None:
            self.state.create([Draft(index=self._state_index, id=_INSTALLED, document=note)])
        elif noted.document["version"] < VERSION:
            self.state.replace(noted, note)
        return missing

    # ---- hits and alerts

    def unknown(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """Give the hits that are not recorded yet; what is recorded opens nothing."""
        if not hits:
            return ()
        found = self.state.get([(month(self.prefix, "hits", hit.time), hit.id) for hit in hits])
        return tuple(hit for hit, stored in zip(hits, found, strict=True) if stored is None)

    def record(self, alerts: Sequence[Alert], hits: Sequence[Hit], *, now: datetime) -> Recorded:
        """Open alerts with what they owe, then record their hits: in this order, so that a crash between loses none.

        What exists already stays as it is. A document that the engine refuses is written again as text alone.
        """
        opened = self._create(
            [
                Draft(
                    index=month(self.prefix, "alerts", alert.slot), id=alert.id, document=alert_document(alert, now=now)
                )
                for alert in alerts
            ]
        )
        new = self._create(
            [
                Draft(
                    index=month(self.prefix, "hits", hit.time), id=hit.id, document=hit_document(hit, store=self.store)
                )
                for hit in hits
            ]
        )
        return Recorded(hits=len(new), alerts=opened)

    def _create(self, drafts: Sequence[Draft]) -> tuple[str, ...]:
        if not drafts:
            return ()
        outcomes = self.state.create(drafts)
        new = [outcome.id for outcome in outcomes if outcome.new]
        refused = [draft for draft, outcome in zip(drafts, outcomes, strict=True) if outcome.error]
        if refused:
            for outcome in outcomes:
                if outcome.error:
                    log.warning("state.refused", id=outcome.id, error=outcome.error)
            again = self.state.create(
                [Draft(index=draft.index, id=draft.id, document=bare(draft.document)) for draft in refused]
            )
            for outcome in again:
                if outcome.error:
                    raise Refused(f"the state refuses a document even as text: {outcome.error}")
                new.extend([outcome.id] if outcome.new else [])
        return tuple(new)

    # ---- coverage

    @property
    def _state_index(self) -> str:
        return f"{self.prefix}-state"

    def covered_until(self, source: str) -> datetime | None:
        """Tell up to when a source was searched without a gap; None where it never was."""
        stored = self.state.get([(self._state_index, _live(source))])[0]
        return instant(str(stored.document["body"]["until"])) if stored is not None else None

    def advance(self, source: str, until: datetime, *, now: datetime) -> None:
        """Write that a source was searched up to a time; it never goes back."""
        document = {
            "kind": "live",
            "source": source,
            "changed": iso(now),
            "version": VERSION,
            "body": {"until": iso(until)},
        }
        while True:
            stored = self.state.get([(self._state_index, _live(source))])[0]
            if stored is None:
                draft = Draft(index=self._state_index, id=_live(source), document=document)
                if self.state.create([draft])[0].new:
                    return
                continue
            known = instant(str(stored.document["body"]["until"]))
            if known is not None and known >= until:
                return
            if self.state.replace(stored, document):
                return

    # ---- the outbox

    def debts(self, *, now: datetime) -> Iterator[Debt]:
        """Give what is owed and due, oldest alerts first; each is read again before it is given."""
        pattern = f"{self.prefix}-alerts-*"
        self.state.refresh(pattern)
        query = {"bool": {"filter": [{"range": {"watcher.owed.due": {"lte": iso(now)}}}]}}
        candidates = self.state.search(
            pattern, query, size=_CANDIDATES, sort=[{"@timestamp": "asc"}, {"watcher.alert.id": "asc"}]
        )
        for candidate in candidates:
            stored = self._read(candidate)
            if stored is None:
                continue
            for owed in _owed(stored.document):
                due = instant(str(owed.get("due") or ""))
                if due is not None and due <= now:
                    yield Debt(stored=stored, channel=owed["channel"], attempts=int(owed["attempts"]))

    def alerts(self, *, size: int) -> tuple[Stored, ...]:
        """Give the newest alerts."""
        pattern = f"{self.prefix}-alerts-*"
        self.state.refresh(pattern)
        newest = [{"@timestamp": "desc"}, {"watcher.alert.id": "asc"}]
        return tuple(self.state.search(pattern, {"match_all": {}}, size=size, sort=newest))

    def _read(self, stored: Stored) -> Stored | None:
        return self.state.get([(stored.index, stored.id)])[0]

    def claim(self, debt: Debt, *, now: datetime) -> bool:
        """Take a debt on, so that nobody else tells it meanwhile; false where somebody was faster."""
        return self._change(
            debt,
            {"state": "claimed", "attempts": debt.attempts + 1, "due": iso(now + CLAIM)},
            only_if_due=now,
        )

    def strike(self, debt: Debt, *, now: datetime) -> None:
        """Write that the channel took the message."""
        self._change(debt, {"state": "sent", "sent": iso(now), "due": None, "error": None})

    def postpone(self, debt: Debt, error: str, *, until: datetime) -> None:
        """Write that the channel did not take it, and when to try again."""
        self._change(debt, {"state": "owed", "due": iso(until), "error": error[:1000]})

    def give_up(self, debt: Debt, error: str) -> None:
        """Write that the channel will never take it."""
        self._change(debt, {"state": "failed", "due": None, "error": error[:1000]})

    def _change(self, debt: Debt, values: Mapping[str, Any], *, only_if_due: datetime | None = None) -> bool:
        while True:
            stored = self._read(debt.stored)
            if stored is None:
                return False
            owed = [dict(one) for one in _owed(stored.document)]
            mine = next((one for one in owed if one["channel"] == debt.channel), None)
            if mine is None:
                return False
            if only_if_due is not None:
                due = instant(str(mine.get("due") or ""))
                if due is None or due > only_if_due:
                    return False
            mine.update(values)
            cleaned = [{key: value for key, value in one.items() if value is not None} for one in owed]
            document = {**stored.document, "watcher": {**stored.document["watcher"], "owed": cleaned}}
            if self.state.replace(stored, document):
                return True


def _owed(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = document.get("watcher", {}).get("owed", ())
    return found if isinstance(found, list) else ()


def _live(source: str) -> str:
    return f"live-{source}"
