"""What the command line calls: backfill, preview, check, match; nothing here prints."""
