"""Deliveries owed to channels: outbox, retry and digests."""
