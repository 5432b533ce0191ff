"""The order of the verbs: search, confirm, decide, record; then notify, and strike off.

Hits are recorded some hundred at a time, a window counts when all of them are, and a message is struck off after its
channel took it: so a crash anywhere leaves work that is done again, and nothing that is lost.
"""

from watcher.pipeline.deliver import Brake, Delivered, Delivery
from watcher.pipeline.detect import Asked, Detected, Detector, Stopped, Stopping, Watched, planned, watch

__all__ = [
    "Asked",
    "Brake",
    "Delivered",
    "Delivery",
    "Detected",
    "Detector",
    "Stopped",
    "Stopping",
    "Watched",
    "planned",
    "watch",
]
