"""Events per second and core that are matched against all shared rules, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import msgspec

from bench import corpus
from watcher.match.compiled_rule import CompiledRule
from watcher.match.ruleset import Ruleset
from watcher.settings import Source
from watcher.translate.plan import rule_predicate

REPEATS = 7
_EVERY = 6  # so that each set of events has its share
_DECODE = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events a second of CPU, by repetition."""

    what: str
    rules: int
    events: int
    hits: int
    rates: tuple[float, ...]


def measure(data: Path) -> list[Rate]:
    """Measure in a separate process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.matching", str(data)], check=True, stdout=subprocess.PIPE, text=True
    )
    return [Rate(**{**row, "rates": tuple(row["rates"])}) for row in json.loads(done.stdout.splitlines()[-1])]


def _rates(data: Path) -> Iterator[Rate]:
    with tempfile.TemporaryDirectory() as folder:
        rules = corpus.runnable(corpus.read_rules(data, Path(folder)))
    source = Source()
    matcher = Ruleset([CompiledRule(rule, rule_predicate(rule, source)) for rule in rules], source.fields)
    texts = [msgspec.json.encode(event) for event in islice(corpus.events(data, corpus.ALL), 0, None, _EVERY)]
    _decoded(matcher, texts)  # warm
    matching_rates, decoding_rates = [], []
    for _ in range(REPEATS):
        events = [_DECODE.decode(text) for text in texts]
        began = time.process_time()
        hits = sum(len(matcher.matching(event)) for event in events)
        matching_rates.append(len(texts) / (time.process_time() - began))
        del events
        began = time.process_time()
        _decoded(matcher, texts)
        decoding_rates.append(len(texts) / (time.process_time() - began))
    for what, rates in (("matching alone", matching_rates), ("reading its JSON, and matching", decoding_rates)):
        yield Rate(what=what, rules=len(rules), events=len(texts), hits=hits, rates=tuple(rates))


def _decoded(matcher: Ruleset, texts: Sequence[bytes]) -> None:
    for text in texts:
        matcher.matching(_DECODE.decode(text))


if __name__ == "__main__":
    print(json.dumps([asdict(rate) for rate in _rates(Path(sys.argv[1]))]))
