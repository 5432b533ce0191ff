"""Where an index knows less of an event than its `_source`: each trap, on both engines, from rule to hit."""

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
from watcher.sigma.rule_file import read_contents
from watcher.sigma.rule_reader import RuleOrigin
from watcher.taxonomy.logsources import SYSMON
from watcher.translate.mapped_events import EventReader
from watcher.translate.plan import PlanCache, rule_predicate

SOURCE = Source(name="traps")
DAY = Window(start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC))
KEYWORD = {"type": "keyword"}
HEAD = {"channel": KEYWORD, "event_id": KEYWORD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of one rule."""

    plan: QueryPlan
    returned: frozenset[str]  # `index/id` of what the query returned
    confirmed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """Indices of one test, and rules asked of them."""

    lent: Indices
    connection: Connection
    name: str

    def make(self, data: Mapping[str, Any], *, index: str = "a", dynamic: Any = True, **settings: Any) -> None:
        """Make an index that maps fields of the event's data."""
        inner = {"properties": data} if "type" not in data else data
        mapped = {"dynamic": dynamic, "properties": {**TIME, "winlog": {"properties": {**HEAD, "event_data": inner}}}}
        self.lent.make(f"winlogbeat-{self.name}-{index}", mapped, **settings)

    def fill(self, *data: Mapping[str, Any], index: str = "a") -> None:
        """Write process creations with such data."""
        self.write([{"winlog": {"channel": SYSMON, "event_id": "1", "event_data": one}} for one in data], index=index)

    def write(self, events: Sequence[Mapping[str, Any]], index: str = "a") -> None:
        """Write events as they are."""
        stamped = [{"@timestamp": "2026-03-01T12:00:00.123Z", **event} for event in events]
        self.lent.fill(f"winlogbeat-{self.name}-{index}", stamped)

    def find(self, selection: Any, condition: str = "selection", **logsource: str) -> Found:
        """Search by a rule, confirm, and tell what was found."""
        rule = made(selection, condition, logsource or {"product": "windows", "category": "process_creation"})
        book = PlanCache(SOURCE, (rule,))
        holds = rule_predicate(rule, SOURCE)
        events, pattern = self.connection.events(), f"winlogbeat-{self.name}-*"
        returned, confirmed = set(), set()
        with events.open(pattern, DAY, time_field="@timestamp") as snapshot:
            mapping = events.mapping(pattern, book.paths)
            event_reader = EventReader(SOURCE, mapping)
            (plan,) = book.plans(mapping)
            for outcome in search_by_query(snapshot, [plan]):
                assert not isinstance(outcome, FailedSearch), outcome
                for one in outcome.found:
                    named = f"{one.index.rsplit('-', 1)[1]}/{one.id}"
                    returned.add(named)
                    if holds(event_reader.view(one)):
                        confirmed.add(named)
        return Found(plan=plan, returned=frozenset(returned), confirmed=frozenset(confirmed))

    def hits(self, selection: Any, condition: str = "selection", **logsource: str) -> set[str]:
        """Give what a rule confirms."""
        return set(self.find(selection, condition, **logsource).confirmed)


def made(selection: Any, condition: str, logsource: Mapping[str, str]) -> Rule:
    """Make a rule, on process creations of Windows unless another log source is named."""
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
    with indices(engine.admin()) as lent, connections(engine.cluster()) as connection:
        yield Trap(lent=lent, connection=connection, name=name)


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


# --------------------------------------------------------------------------- what is too long for the index

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
def test_what_is_too_long_for_the_index_is_found_also_beside_a_short_value(
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
def test_a_word_too_long_for_the_analyzer_hides_nothing(trap: Trap, letter: str) -> None:
    """The standard analyzer cuts words at 255 halves of surrogate pairs, maybe inside what is looked for."""
    trap.make({"F": {"type": "keyword", "ignore_above": 100, "fields": {"text": {"type": "text"}}}})
    trap.fill(*({"F": f"{letter}{'a' * (count - 1)}mimikatz{'b' * 60}"} for count in range(246, 256)))
    assert len(trap.hits({"F|contains": "mimikatz"})) == 10


# --------------------------------------------------------------------------- what is not in the index at all


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


def test_a_field_that_is_kept_but_not_searchable_is_found(trap: Trap) -> None:
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


def test_a_field_of_several_types_is_asked_of_each_index_in_its_way(trap: Trap) -> None:
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


def test_a_closed_index_is_named_and_hides_nothing_of_the_others(trap: Trap) -> None:
    for name in ("open", "closed"):
        trap.make({"F": KEYWORD}, index=name)
        trap.fill({"F": "mimikatz"}, index=name)
    trap.lent.ask("POST", f"/winlogbeat-{trap.name}-closed/_close")
    assert trap.hits({"F": "mimikatz"}) == {"open/0"}
    mapping = trap.connection.events().mapping(f"winlogbeat-{trap.name}-*", ["winlog.event_data.F"])
    assert mapping.closed == (f"winlogbeat-{trap.name}-closed",)


def test_events_of_one_millisecond_on_several_shards_are_all_found(trap: Trap) -> None:
    trap.make({"F": KEYWORD}, number_of_shards=3)
    trap.fill(*({"F": f"mimikatz {number}"} for number in range(2_600)))
    assert len(trap.hits({"F|contains": "MIMIKATZ"})) == 2_600


# --------------------------------------------------------------------------- how documents and mappings are written


def test_a_field_is_found_however_its_path_is_spelt(trap: Trap) -> None:
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


def test_an_alias_field_is_read_where_it_points(trap: Trap) -> None:
    properties = {"F": {"type": "alias", "path": "winlog.event_data.Real"}, "Real": KEYWORD}
    trap.make(properties)
    trap.fill({"Real": "mimikatz"}, {"Real": "calc"}, {"Other": "a"})
    assert trap.hits({"F|contains": "MIMI"}) == {"a/0"}
    assert trap.hits({"F|contains": "mimi"}, "not selection") == {"a/1", "a/2"}
    assert trap.hits({"F": None}) == {"a/2"}


def test_a_value_that_only_the_mapping_holds_is_read_from_it(trap: Trap, engine: Running) -> None:
    if engine.ca is not None:
        pytest.skip("the Elasticsearch of the tests has no `constant_keyword`")
    trap.make({"F": {"type": "constant_keyword", "value": "Mimikatz"}})
    trap.fill({"G": "a"}, {"F": "Mimikatz"})
    assert trap.hits({"F|contains": "mimi"}) == {"a/0", "a/1"}
    assert trap.hits({"F|contains": "calc"}, "not selection") == {"a/0", "a/1"}


def test_a_rule_on_a_computed_field_says_so_and_is_asked_by_its_log_source(trap: Trap, engine: Running) -> None:
    """Its values stand in no event."""
    path = "winlog.event_data.F"
    source = "emit(params._source.winlog.event_data.G)" if engine.ca is None else None
    computed = {path: {"type": "keyword", **({"script": {"source": source}} if source else {})}}
    whole = {
        "properties": {**TIME, "winlog": {"properties": {**HEAD, "event_data": {"properties": {"G": KEYWORD}}}}},
        "derived" if engine.ca is None else "runtime": computed,
    }
    trap.lent.make(f"winlogbeat-{trap.name}-a", whole)
    trap.fill({"G": "mimikatz"})
    found = trap.find({"F|contains": "mimi"})
    assert "computed-field" in [finding.code for finding in found.plan.findings]
    assert found.returned == {"a/0"}  # asked by its log source alone


# --------------------------------------------------------------------------- limits


def test_a_rule_of_more_clauses_than_the_engine_allows_is_searched_in_parts(trap: Trap) -> None:
    trap.make({"F": KEYWORD, "G": KEYWORD})
    trap.fill({"F": "a value 3999 b", "G": "x"}, {"F": "a value 0 b", "G": "x"}, {"F": "a value 3999 b", "G": "y"})
    values = [f"value {number} " for number in range(4_000)]
    found = trap.find({"F|contains": values, "G": "X"})
    assert found.confirmed == {"a/0", "a/1"}
    assert found.plan.parts or trap.connection.events().mapping("x-*", ()).max_clauses > 4_000


def test_a_rule_whose_patterns_cost_more_than_its_events_is_asked_by_its_fields(trap: Trap) -> None:
    """As the hashes of thousands of drivers: a node of little memory dies of building automata of them all."""
    trap.make({"F": KEYWORD, "G": KEYWORD})
    hashes = [sha256(str(number).encode()).hexdigest() for number in range(2_000)]
    trap.fill({"F": f"MD5=0,SHA256={hashes[1_999].upper()}"}, {"F": "SHA256=0"}, {"G": "x"})
    found = trap.find({"F|contains": [f"SHA256={one}" for one in hashes]})
    assert (found.returned, found.confirmed) == ({"a/0", "a/1"}, {"a/0"})
    assert not found.plan.parts
    assert trap.hits({"F|contains": [f"SHA256={one}" for one in hashes]}, "not selection") == {"a/1", "a/2"}


def test_patterns_on_a_wildcard_field_count_as_the_clauses_they_become(trap: Trap, engine: Running) -> None:
    """OpenSearch makes a clause of every three letters in a row: 100 patterns are more than it allows."""
    if engine.ca is not None:
        pytest.skip("the Elasticsearch of the tests has no `wildcard`")
    trap.make({"F": {"type": "wildcard"}})
    trap.fill({"F": "run the 99th remote access program now"}, {"F": "calc"})
    values = [f"the {number}th remote access program" for number in range(100)]
    assert trap.hits({"F|contains": values}) == {"a/0"}
    assert trap.hits({"F|contains": values}, "not selection") == {"a/1"}
    assert trap.find({"F|contains": values}).plan.parts


# --------------------------------------------------------------------------- other products


def test_a_rule_of_another_product_reads_ecs_and_leaves_windows_alone(trap: Trap) -> None:
    trap.make({"CommandLine": KEYWORD})
    trap.write(
        [
            {"process": {"command_line": "curl http://x | sh", "executable": "/usr/bin/curl"}},
            {"CommandLine": "curl http://x | sh", "Image": "/usr/bin/curl"},  # as another shipper keeps it
            {"winlog": {"channel": SYSMON, "event_id": "1", "event_data": {"CommandLine": "curl http://x | sh"}}},
            {"process": {"command_line": "ls"}},
        ]
    )
    asked = {"product": "linux", "category": "process_creation"}
    assert trap.hits({"CommandLine|contains": "CURL "}, **asked) == {"a/0", "a/1"}
    assert trap.hits({"CommandLine|contains": "curl "}, "not selection", **asked) == {"a/3"}
    assert trap.hits({"CommandLine|contains": "curl "}) == {"a/2"}
    assert trap.find({"CommandLine|contains": "curl "}, **asked).plan.findings == ()
    (told,) = trap.find({"CommandLine|contains": "curl "}, product="qflow", service="flows").plan.findings
    assert told.code == "unknown-logsource"


# --------------------------------------------------------------------------- numbers


def test_a_whole_number_is_found_however_it_is_written(trap: Trap) -> None:
    trap.make({"F": KEYWORD, "G": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}})
    written = ("5", "005", "+5", "-5", "5.0", "0x5", 5, "0", "-0", "")
    trap.fill(*({"F": one, "G": one} for one in written))
    for name in "FG":
        assert trap.hits({name: 5}) == {"a/0", "a/1", "a/2", "a/6"}
        assert trap.hits({name: -5}) == {"a/3"}
        assert trap.hits({name: 0}) == {"a/7", "a/8"}
        assert trap.hits({name: 5}, "not selection") == {"a/3", "a/4", "a/5", "a/7", "a/8", "a/9"}
