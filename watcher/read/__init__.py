"""Rule file → Rule, without loss."""
