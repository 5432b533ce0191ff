"""Condition tree and mapping → bool query."""
