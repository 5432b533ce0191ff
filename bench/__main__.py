"""`python -m bench [fidelity] [--all]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import fidelity

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure watcher on real engines.")
    parser.add_argument("what", nargs="?", default="fidelity", choices=["fidelity"])
    parser.add_argument("--all", action="store_true", help="the whole matrix, a quarter of an hour and more")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA} is absent: the rules, events and truth tables are measured there; nothing was measured")
        return 0
    cells = fidelity.MATRIX if arguments.all else fidelity.MATRIX[:1]
    return fidelity.measure(DATA, cells, ROOT / "docs" / "benchmarks" / "fidelity.md")


if __name__ == "__main__":
    sys.exit(main())
