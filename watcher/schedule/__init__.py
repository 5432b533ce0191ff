"""When each window is searched: due windows computed from checkpoints, and APScheduler to start the jobs."""

from watcher.schedule.rule_reloader import RuleReloader, log_faults
from watcher.schedule.sidecar import DELIVERY, Sidecar, live_lease, past_lease
from watcher.schedule.source_search import SourceSearch, StopConditions, source_search

__all__ = [
    "DELIVERY",
    "RuleReloader",
    "Sidecar",
    "SourceSearch",
    "StopConditions",
    "live_lease",
    "log_faults",
    "past_lease",
    "source_search",
]
