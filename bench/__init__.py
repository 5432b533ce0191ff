"""What is measured; filled by `python -m bench`."""
