"""One door to every search of a window: plans go in, pages of hits come out, whichever way is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.errors import Refused
from watcher.match.many import Watched
from watcher.model import Plan
from watcher.ports import Snapshot
from watcher.search.outcome import Failed, Outcome
from watcher.search.query import search
from watcher.settings import Source
from watcher.translate.lens import Lens
from watcher.translate.plan import Translator


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one window shows, and how its events are to be looked at."""

    snapshot: Snapshot
    translator: Translator  # of the source, as its indices are mapped at the moment
    lens: Lens


class Searcher:
    """Searches the windows of one source by the same rules, again and again."""

    def __init__(self, source: Source, rules: Sequence[Watched]) -> None:
        self._source = source
        self._rules = rules

    def search(self, sight: Sight, plans: Sequence[Plan]) -> Iterator[Outcome]:
        """Give the pages of every plan, which are the rules that this was made of.

        What is Matched holds at least the events of the page that the rule means. Raises a ClusterError where the
        cluster answers nothing at all.
        """
        unfit: list[Plan] = []
        for outcome in search(sight.snapshot, plans):
            if isinstance(outcome, Failed) and isinstance(outcome.error, Refused):
                unfit.append(outcome.plan)
            else:
                yield outcome
        wide = [replace(plan, query=sight.translator.scope(plan.rule), parts=(), exact=False) for plan in unfit]
        yield from search(sight.snapshot, wide)
