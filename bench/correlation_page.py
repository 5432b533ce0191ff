"""From what correlations cost to `docs/benchmarks/correlations.md` and its picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.correlated_day import BASE_RULES, CORRELATIONS, MATCHED
from bench.correlation_cost import CorrelationCost, Ticks, rows
from bench.pictures import bars

_ABOUT = (
    "Written by `python -m bench correlations`, a part of `make bench`; `--all` measures seven days of history and "
    "`--scale 0.05` a twentieth of it. One OpenSearch of its own on the same machine. Sidecars with and without "
    "correlations, each a process of its own, take turns at ticks of five minutes at the end of the day. All of them "
    "scan with the same rules: base rules, which do not alert, and one that must see every event. *Own* "
    "is CPU time of the sidecar, *cluster* that of "
    "the engine. *Searches* are those of shards, as the engine counts them. The naive way sends one aggregation for "
    "each correlation and tick, over its timespan, with at most 10,000 groups. Medians."
)


def write(target: Path, cost: CorrelationCost) -> None:
    """Write the page and the picture beside it."""
    target.write_text("\n".join(_lines(cost)) + "\n", encoding="utf-8")
    seconds = [(words, ticks.middle("wall")) for words, ticks in rows(cost)]
    naive = ("an aggregation for each correlation", median(wall for wall, _ in cost.naive))
    picture = bars("Seconds of a tick", "s", [*seconds, naive])
    target.with_name("correlations-ticks.svg").write_text(picture, encoding="utf-8")


def _lines(cost: CorrelationCost) -> Iterator[str]:
    yield from ("# What correlations cost", "", _ABOUT, "")
    yield f"- machine: {os.cpu_count()} cores, Python {platform.python_version()}"
    yield (
        f"- load before and after: {cost.load[0]:.1f}, {cost.load[1]:.1f}; "
        "above the number of cores, wall times say little"
    )
    yield f"- {cost.days} days of {cost.scale.events:,} events, {cost.scale.groups:,} users"
    yield f"- {BASE_RULES} base rules match one event of {MATCHED}; {CORRELATIONS} correlations, grouped by user"
    yield from ("", "## A tick", "", "![Seconds of a tick](correlations-ticks.svg)", "")
    yield "| search | n | wall, s | own, s | cluster, s | documents | searches | resident, MB |"
    yield "|---|---|---|---|---|---|---|---|"
    for words, ticks in rows(cost):
        yield _row(words, ticks)
    wall, cluster = (median(entry[number] for entry in cost.naive) for number in (0, 1))
    naive = f"{len(cost.naive)} | {wall:.3f} | | {cluster:.3f} | | {CORRELATIONS * len(cost.naive):,} |"
    yield f"| the naive way: an aggregation for each correlation | {naive} |"
    yield from ("", "## A start: the first tick, which reads the history", "")
    yield "| search | wall, s | own, s | documents | resident, MB |"
    yield "|---|---|---|---|---|"
    for words, ticks in rows(cost):
        first = ticks.restart
        yield (
            f"| {words} | {first['wall']:.1f} | {first['own']:.1f} | {first['documents']:,} "
            f"| {first['resident'] / 1e6:.0f} |"
        )
    yield from ("", "## A backfill of the day, one process", "")
    yield "| search | wall, s | own, s | documents | most resident, MB |"
    yield "|---|---|---|---|---|"
    for mode, answer in cost.backfill.items():
        words = "no correlations" if mode == "without" else "50 correlations"
        yield (
            f"| {words} | {answer['wall']:.1f} | {answer['own']:.1f} | {answer['documents']:,} "
            f"| {answer['peak'] / 1e6:.0f} |"
        )
    yield from ("", "## Aims", "")
    yield from _aims(cost)


def _row(words: str, ticks: Ticks) -> str:
    documents = sum(int(answer["documents"]) for answer in ticks.answers)
    resident = max(float(answer["resident"]) for answer in ticks.answers) / 1e6
    return (
        f"| {words} | {len(ticks.answers)} | {ticks.middle('wall'):.3f} | {ticks.middle('own'):.3f} "
        f"| {median(ticks.cluster):.3f} | {documents:,} | {ticks.queries:,} | {resident:.0f} |"
    )


def _aims(cost: CorrelationCost) -> Iterator[str]:
    without, mixed, short, long = (cost.ticks[mode] for mode in ("without", "mixed", "short", "long"))
    past, plain = cost.backfill["mixed"], cost.backfill["without"]
    documents = [sum(int(answer["documents"]) for answer in ticks.answers) for ticks in (without, mixed)]
    resident = max(float(answer["resident"]) for answer in mixed.answers) / 1e6
    yield "| aim | measured |"
    yield "|---|---|"
    yield (
        "| a tick costs at most 1.3 times one without correlations "
        f"| wall {mixed.middle('wall') / without.middle('wall'):.2f}, "
        f"own CPU {mixed.middle('own') / without.middle('own'):.2f} |"
    )
    yield (
        "| a backfill costs at most 1.3 times one without correlations "
        f"| wall {past['wall'] / plain['wall']:.2f}, own CPU {past['own'] / plain['own']:.2f} |"
    )
    yield (
        "| each event is read once: as many documents and searches as without correlations "
        f"| documents {documents[1]:,} and {documents[0]:,}, searches {mixed.queries:,} and {without.queries:,} |"
    )
    yield (
        "| a timespan of 7 days costs what one of 5 minutes does, within 20 % "
        f"| wall {long.middle('wall') / short.middle('wall'):.2f}, own CPU "
        f"{long.middle('own') / short.middle('own'):.2f} |"
    )
    yield f"| resident memory below 500 MB | {resident:.0f} MB; in a backfill {past['peak'] / 1e6:.0f} MB |"
