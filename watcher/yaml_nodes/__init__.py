"""YAML with locations and duplicate keys."""
