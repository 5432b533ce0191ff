"""When each window is searched: due windows computed from checkpoints, and APScheduler to start the jobs."""

from watcher.schedule.rule_reloader import RuleReloader, log_faults
from watcher.schedule.sidecar import Service, Sidecar, delivery_job, live_job, past_job
from watcher.schedule.source_search import SourceSearch, StopConditions, source_search
from watcher.state.lease_names import DELIVERY, delivery_lease, live_lease, past_lease

__all__ = [
    "DELIVERY",
    "RuleReloader",
    "Service",
    "Sidecar",
    "SourceSearch",
    "StopConditions",
    "delivery_job",
    "delivery_lease",
    "live_job",
    "live_lease",
    "log_faults",
    "past_job",
    "past_lease",
    "source_search",
]
