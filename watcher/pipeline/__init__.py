"""The order of the steps: search, confirm, group, record; then claim, send, and mark as sent.

Hits are recorded in batches, a window is complete when all of them are, and a delivery is marked as sent after its
channel accepted it. A crash at any point leaves work that is repeated, and loses nothing.
"""

from watcher.delivery.rate_limit import RateLimit
from watcher.pipeline.correlator import Correlator
from watcher.pipeline.deliver import Dispatcher
from watcher.pipeline.delivery_result import DeliveryResult
from watcher.pipeline.detect import Detector
from watcher.pipeline.detection_scope import (
    DetectionScope,
    PreparedCorrelation,
    PreparedRule,
    Stopped,
    Stopping,
    prepare_rule,
)
from watcher.pipeline.event_memory import UndecidedEvent
from watcher.pipeline.hit_recorder import BackfillSilence
from watcher.pipeline.past_correlations import PastCorrelations
from watcher.pipeline.window_result import WindowResult

__all__ = [
    "BackfillSilence",
    "Correlator",
    "DeliveryResult",
    "DetectionScope",
    "Detector",
    "Dispatcher",
    "PastCorrelations",
    "PreparedCorrelation",
    "PreparedRule",
    "RateLimit",
    "Stopped",
    "Stopping",
    "UndecidedEvent",
    "WindowResult",
    "prepare_rule",
]
