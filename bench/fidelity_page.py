"""The fidelity measurements: stored cell by cell as JSON beside the generated page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

_HEAD = ("rules of", "read", "run", "expected", "standard", "found", "missing", "extra", "not indexed", "returned")
_ABOUT = (
    "Written by `python -m bench fidelity`, cell by cell (`--cell opensearch/raw/os`). Every rule is searched by its "
    "own query and confirmed, over all events of the cell, as a sidecar does it; what was found is held against a "
    "truth table that no search engine computed. *Found + missing + not indexed = expected*. *Expected* are pairs of "
    "rule and event, *standard* those of them whose rule names a log source of Sigma's taxonomy (for the others the "
    "table holds an interpretation). *Not indexed* are pairs whose event the engine refused. *Returned* are the "
    "documents that the queries brought before they were confirmed. *Seconds* are those of all rules over all events, "
    "one query for each rule, two at a time, with engine and watcher on the same two cores, the index merged into "
    "one segment."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The results of a corpus of rules in a cell."""

    corpus: str
    read: int
    run: int
    expected: int
    standard: int  # of the expected pairs, those whose rule names a log source of the taxonomy
    matched: int
    missing: int
    extra: int
    not_indexed: int
    returned: int  # documents that the queries returned, before they were confirmed

    def cells(self) -> tuple[str, ...]:
        """Return the row as strings."""
        numbers = (self.read, self.run, self.expected, self.standard, self.matched, self.missing, self.extra)
        return (self.corpus, *(f"{number:,}" for number in (*numbers, self.not_indexed, self.returned)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The results of a cell."""

    events: int
    seconds: int
    rows: Sequence[Row]
    refused: Mapping[str, int]  # why the engine refused events → how many
    failed: Mapping[str, str]  # rule → why its search failed
    widened: Sequence[str]  # rules whose query the engine refused: searched by their log source alone
    wrong: Sequence[str]  # some of the pairs that are missing or extra

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Measured:
        """Return the cell from stored JSON."""
        return cls(**{**stored, "rows": [Row(**row) for row in stored["rows"]], "widened": stored.get("widened", ())})


@dataclass(slots=True)
class Sheet:
    """All stored measurements."""

    cells: dict[str, Measured] = field(default_factory=dict)
    left: Sequence[tuple[str, str]] = ()  # rules that are not run, and why

    @classmethod
    def read(cls, page: Path) -> Sheet:
        """Read the stored measurements beside the page."""
        kept = page.with_suffix(".json")
        stored = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        return cls(cells={name: Measured.of(cell) for name, cell in stored.items()})

    def write(self, page: Path, *, order: Sequence[str]) -> None:
        """Store the measurements, and write the page."""
        names = [name for name in order if name in self.cells]
        stored = {name: asdict(self.cells[name]) for name in names}
        page.parent.mkdir(parents=True, exist_ok=True)
        page.with_suffix(".json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        page.write_text("\n".join(self._lines(names)) + "\n", encoding="utf-8")

    def _lines(self, names: Sequence[str]) -> Iterator[str]:
        yield from ("# Fidelity", "", _ABOUT, "")
        head = ("engine", "shape", "mapping", "events", *_HEAD, "seconds")
        yield from (f"| {' | '.join(head)} |", f"|{'---|' * len(head)}")
        for name in names:
            cell = self.cells[name]
            engine, shape, mapping, _ = name.split("/")
            for row in cell.rows:
                cells = (engine, shape, mapping, f"{cell.events:,}", *row.cells(), f"{cell.seconds:,}")
                yield f"| {' | '.join(cells)} |"
        yield from ("", "Mapping `os` and `es8` are the shared index templates of Winlogbeat 7.12 OSS and 8.17 (the")
        yield "Elasticsearch of the tests lacks `wildcard` and `match_only_text`: there they are `keyword` and `text`);"
        yield "`none` is no template at all but a limit of 5,000 fields."
        yield from ("", "## Events that an engine refused", "")
        for name in names:
            refused = self.cells[name].refused
            yield f"- `{name}`: {sum(refused.values()):,}"
            yield from (f"  - {count:,} times `{cause}`" for cause, count in refused.items())
        yield from ("", f"## Rules that are not run ({len(self.left)})", "")
        yield from (f"- `{path}`: {why}" for path, why in self.left)
        widened = [f"- `{name}`: `{path}`" for name in names for path in self.cells[name].widened]
        if widened:
            yield from ("", "## Rules searched by their log source alone, their query being refused", "", *widened)
        failed = [(name, *failure) for name in names for failure in self.cells[name].failed.items()]
        if failed:
            yield from (
                "",
                "## Searches that failed",
                "",
                *(f"- `{cell}`: `{path}`: {why}" for cell, path, why in failed),
            )


def table(measured: Measured) -> Table:
    """Return a table of the rows of a cell."""
    drawn = Table(*_HEAD, title=f"{measured.events:,} events, {measured.seconds:,} s")
    for row in measured.rows:
        drawn.add_row(*row.cells())
    return drawn
