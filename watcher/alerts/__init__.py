"""Identity, grouping and storage of alerts."""
