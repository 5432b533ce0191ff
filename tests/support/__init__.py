"""What several tests use: sandboxes on real engines, receivers, fakes and data."""
