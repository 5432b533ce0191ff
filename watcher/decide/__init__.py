"""Hits → alerts, each told once."""
