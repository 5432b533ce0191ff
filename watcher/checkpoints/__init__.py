"""What was searched: watermark, gaps and event counts."""
