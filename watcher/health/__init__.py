"""What operators need to know of watcher itself: problems, notices, metrics and liveness."""
