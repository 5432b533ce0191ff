"""What is measured, and written into `docs/benchmarks/`: `python -m bench`."""
