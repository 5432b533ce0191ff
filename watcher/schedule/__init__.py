"""When which window is searched: arithmetic on what is covered, and APScheduler as the alarm clock."""

from watcher.schedule.renewal import Renewal, say_faults
from watcher.schedule.sidecar import DELIVERY, Sidecar, live_work, past_work
from watcher.schedule.ticker import Ticker

__all__ = ["DELIVERY", "Renewal", "Sidecar", "Ticker", "live_work", "past_work", "say_faults"]
