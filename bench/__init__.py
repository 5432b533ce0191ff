"""Benchmarks, whose results are written into `docs/benchmarks/`: `python -m bench`."""
