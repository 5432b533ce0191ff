"""EVTX and JSON files to events."""
