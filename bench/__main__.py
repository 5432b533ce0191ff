"""`python -m bench [cost | fidelity | live | match | correlations] [--all] [--cell CELL] [--scale PART]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import correlation_cost, correlation_page, cost, fidelity, live, whole_process
from bench.correlated_day import Scale

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


def main() -> int:
    """Run the requested benchmark."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure watcher on real engines.")
    parser.add_argument(
        "what", nargs="?", default="cost", choices=["cost", "fidelity", "live", "match", "correlations"]
    )
    parser.add_argument("--all", action="store_true", help="the complete matrix, more than an hour")
    parser.add_argument(
        "--cell",
        action="append",
        type=fidelity.cell,
        help="one cell of fidelity, e.g. opensearch/raw/os or opensearch/raw/os/all; may be repeated",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the events that `correlations` indexes")
    arguments = parser.parse_args()
    if arguments.what == "live":
        rate, minutes = (500, 30) if arguments.all else (50, 10)
        return live.measure(ROOT / "docs" / "benchmarks" / "live.md", minutes=minutes, rate=rate)
    if arguments.what == "correlations":
        scale = Scale(events=int(1_000_000 * arguments.scale), groups=int(100_000 * arguments.scale))
        page = ROOT / "docs" / "benchmarks" / "correlations.md"
        return correlation_cost.measure(page, scale, 7 if arguments.all else 1, correlation_page.write)
    if not DATA.is_dir():
        print(f"{DATA} is absent: the rules, events and truth tables are measured there; nothing was measured")
        return 0
    if arguments.what == "match":
        return whole_process.measure(DATA, ROOT / "docs" / "benchmarks" / "match.md")
    if arguments.what == "cost":
        return cost.measure(DATA, ROOT / "docs" / "benchmarks" / "cost.md", everything=arguments.all)
    cells = arguments.cell or (fidelity.MATRIX if arguments.all else fidelity.MATRIX[:1])
    return fidelity.measure(DATA, cells, ROOT / "docs" / "benchmarks" / "fidelity.md")


if __name__ == "__main__":
    sys.exit(main())
