"""When which window is searched: arithmetic on what is covered, and APScheduler as the alarm clock."""

from watcher.schedule.rule_reloader import RuleReloader, log_faults
from watcher.schedule.sidecar import DELIVERY, Sidecar, live_lease, past_lease
from watcher.schedule.ticker import Ticker

__all__ = ["DELIVERY", "RuleReloader", "Sidecar", "Ticker", "live_lease", "log_faults", "past_lease"]
