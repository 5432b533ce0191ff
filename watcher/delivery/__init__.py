"""Deliveries to channels: outbox, retry and digests."""
