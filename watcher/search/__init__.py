"""Plans and a window → hits."""
