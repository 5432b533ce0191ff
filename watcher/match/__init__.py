"""Condition tree → predicate on an event."""
