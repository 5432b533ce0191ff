"""The order of the verbs: search, confirm, decide, record; then notify, and strike off.

A page of hits is recorded before the next is read, a window counts when all of its pages were, and a message is
struck off after its channel took it: so a crash anywhere leaves work that is done again, and nothing that is lost.
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
