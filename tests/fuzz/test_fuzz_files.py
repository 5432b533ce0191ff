"""Whatever files contain: the good event beside it is matched, the good rule beside it is read, in bounded time."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from random import Random

from support.evtx_file import data, write
from support.evtx_file import event as evtx_event
from support.fakes import RULE, event, rule
from support.seeded import document, fuzz, mutated

from watcher.errors import InputError, SettingsError
from watcher.event_files.event_chunks import FileEvent, LinesChunk
from watcher.event_files.event_reader import read_events
from watcher.model import Rule
from watcher.settings import Source
from watcher.settings.settings_reader import read
from watcher.sigma.rule_folders import read_folder, read_folders
from watcher.usecases.match_events import FileMatcher, MatchedEvent, compile_rules, match_chunk

RULES = Path(__file__).parents[2] / "rules"
SETTINGS = (Path(__file__).parents[2] / "deploy" / "watcher.yml").read_bytes()
GOOD = json.dumps(event()).encode()
SLOW = r"(?=x)x(?:a|a)*(?<!q)(?:a|a)*b"


def detections() -> tuple[Rule, ...]:
    """Return rules of every kind of value, and the good rule."""
    items = (
        "CommandLine|re: '(?i)(set).*&&\\s?set.*(a|b)'",
        f"CommandLine|re: '{SLOW}'",
        "Image|contains: 'a*b?c*d'",
        "CommandLine|windash|contains: ' -a b'",
        "User|cidr: 10.0.0.0/8",
        "event_id|gt: 5",
        "'@timestamp|hour': 3",
        "Image|fieldref: ParentImage",
        "Hashes: null",
        "param1|exists: true",
    )
    odd = [
        rule(RULE.replace("CommandLine|contains: shell", item), id=f"odd{number}") for number, item in enumerate(items)
    ]
    return (rule(id="good"), *odd)


def test_a_document_hides_no_event_beside_it() -> None:
    ruleset = compile_rules((*detections(), *read_folder("shipped", RULES).rules), Source())

    def check(random: Random) -> None:
        hostile = json.dumps({**event(), **document(random)} if random.random() < 0.7 else document(random))
        chunk = LinesChunk(file="a", number=1, lines=hostile.encode() + b"\n" + GOOD + b"\n", end=0)
        matched = match_chunk(FileMatcher(ruleset), Path("a"), chunk)
        last = matched.items[-1]
        assert isinstance(last, MatchedEvent)
        assert last.file_event.number == 2
        assert "good" in [matched_rule.id for matched_rule in last.rules]
        assert not [str(item) for item in matched.items if "cannot be evaluated" in str(item)]

    assert fuzz(check) > 0


def test_a_damaged_line_hides_no_line_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"

    def check(random: Random) -> None:
        damaged = mutated(GOOD, random)
        if damaged.count(b"\n") > 50:  # a file that begins with a hundred faulty lines is no JSON
            damaged = damaged.replace(b"\n", b" ")
        lines = (GOOD, damaged, GOOD)
        path.write_bytes(b"\n".join(lines[random.randrange(2) :]) + b"\n")
        items = list(read_events(path))
        assert isinstance(items[-1], FileEvent)
        assert items[-1].event == event()

    assert fuzz(check) > 0


def test_a_damaged_event_log_is_read_as_far_as_it_can_be(tmp_path: Path) -> None:
    good = write(tmp_path / "good.evtx", [evtx_event(data("Image", "a"), number=number) for number in (1, 2, 3)])
    content, path = good.read_bytes(), tmp_path / "a.evtx"

    def check(random: Random) -> None:
        path.write_bytes(mutated(content, random))
        with suppress(InputError):
            for item in read_events(path):
                assert isinstance(item, FileEvent | InputError)

    assert fuzz(check) > 0


def test_a_damaged_rule_file_hides_no_rule_beside_it(tmp_path: Path) -> None:
    texts = [path.read_bytes() for path in sorted(RULES.rglob("*.yml"))]
    (tmp_path / "good.yml").write_text(RULE, encoding="utf-8")

    def check(random: Random) -> None:
        (tmp_path / "bad.yml").write_bytes(mutated(random.choice(texts), random))
        rules = read_folders([read_folder("own", tmp_path)]).rules
        assert rule().id in [read_rule.id for read_rule in rules]

    assert fuzz(check) > 0


def test_damaged_settings_are_read_or_an_error() -> None:
    def check(random: Random) -> None:
        with suppress(SettingsError):
            assert read(mutated(SETTINGS, random).decode("utf-8", "replace"), {}).sources

    assert fuzz(check) > 0
