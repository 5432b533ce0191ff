"""watcher reads Sigma rules, translates them, searches the cluster, decides what is new, and notifies."""
