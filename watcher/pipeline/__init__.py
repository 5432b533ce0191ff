"""The order of the verbs: search, confirm, decide, record; then notify, and strike off.

Hits are recorded some hundred at a time, a window counts when all of them are, and a message is struck off after its
channel took it: so a crash anywhere leaves work that is done again, and nothing that is lost.
"""

from watcher.pipeline.deliver import Delivery, DeliveryResult, RateLimit
from watcher.pipeline.detect import (
    DetectionScope,
    Detector,
    PreparedRule,
    Stopped,
    Stopping,
    WindowResult,
    prepare_rule,
)
from watcher.pipeline.undecided import UndecidedEvent

__all__ = [
    "Delivery",
    "DeliveryResult",
    "DetectionScope",
    "Detector",
    "PreparedRule",
    "RateLimit",
    "Stopped",
    "Stopping",
    "UndecidedEvent",
    "WindowResult",
    "prepare_rule",
]
