"""The site: every page, in a stable order, with the text of rules escaped."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from catalogue_fixture import sample_catalogue

from watcher.catalogue.catalogue import LiveData
from watcher.catalogue.pages import files
from watcher.catalogue.site import write_site
from watcher.errors import InputError
from watcher.ports import EventVolume

KETTLE = "rules/0b9f1c56-0a3e-4f39-9d2c-6c2b9f6d4a01.html"
CUP = "rules/0b9f1c56-0a3e-4f39-9d2c-6c2b9f6d4a03.html"
LIVE = LiveData(
    days=7,
    volumes=(
        EventVolume(channel="Security", code="", events=1_500, hosts=4),
        EventVolume(channel="security", code="4688", events=1_234, hosts=3),
    ),
    hits={"0b9f1c56-0a3e-4f39-9d2c-6c2b9f6d4a01": 5},
    problems=("no index may be read",),
)


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    return dict(files(sample_catalogue()))


_INLINE = {"i", "b", "em", "a", "code", "span", "small"}


class Page(HTMLParser):
    """The text of a page, its headings, links and ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        mapping = dict(attrs)
        self.tags.append(tag)
        if tag not in _INLINE:
            self.texts.append(" ")
        self.links += [value for name in ("href", "src") if (value := mapping.get(name))]
        self.ids += [value for value in (mapping.get("id"),) if value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def test_a_rule_page_has_every_section_in_order(site: dict[str, str]) -> None:
    text = Page(site[KETTLE]).text
    order = [
        "The Kettle Is Filled And Boiled Status experimental Severity high",
        "Log source product windows, category process_creation Author Tea Maker, Another",
        "Source git.example/blue",
        "Somebody fills a kettle, and then boils it. The second paragraph",
        "MITRE ATT&CK coverage Tactic Persistence TA0003 Tactic Defense Evasion TA0005 not in ATT&CK 19 any more",
        "Technique Server Software Component: IIS Components T1505.004",
        "Technique Disable or Modify Tools T1562.001 now T1685",
        "Event coverage",
        "Security 4688 Process Creation, success",
        "Rule body yaml title: The Kettle Is Filled And Boiled id:",
        "Stages and predicates Stage 0: condition selection and not filter_guest",
        "Stage 1: selection",
        "Stage 2: filter_guest",
        "Indicators",
        "CommandLine match fill corpus 2 (blue 1, green 1) pour corpus 1 (blue 1) boil corpus 2 (blue 2)",
        "NewProcessName ends_with \\kettle.exe corpus 2 (blue 2)",
        "Query sent to the cluster For indices with the mapping of Winlogbeat 8",
        "Test cases passed Filled and boiled must hit failed Only filled must hit, but the rule does not",
        "Findings",
        "warning line 17 `CommandLine|contains` appears twice",
        "Related rules The Stove Is Lit refers to this rule: similar",
        "False positives Guests",
        "References https://kettle.example/manual javascript:alert(1)",
    ]
    at = 0
    for words in order:
        assert words in text[at:], words
        at = text.index(words, at) + len(words)


def test_the_body_is_the_source_with_duplicate_keys(site: dict[str, str]) -> None:
    written = (Path(__file__).parent / "corpus" / "blue" / "kettle.yml").read_text(encoding="utf-8")
    body = re.search(r'numbered".*?<code>(.*?)</code>', site[KETTLE], re.DOTALL)
    assert body is not None
    assert "".join(Page(body[1]).texts) == written
    stage = re.search(r'id="stage-1".*?<code>(.*?)</code>', site[KETTLE], re.DOTALL)
    assert stage is not None
    lines = "".join(Page(stage[1]).texts).splitlines()
    assert lines[0] == "selection:"
    assert [line.strip() for line in lines if "contains" in line] == [
        "CommandLine|contains: [fill, pour]",
        "CommandLine|contains: boil",
    ]


def test_the_text_of_a_rule_is_escaped(site: dict[str, str]) -> None:
    page = Page(site[CUP])
    assert "A Cup <b>Is</b> Broken" in page.text
    assert "b" not in page.tags or site[CUP].count("<b>Is</b>") == 0
    assert "<script>alert" not in site[CUP]
    assert "Bent text \\u202ereversed" in page.text
    assert "\u202e" not in "".join(site.values())
    assert all(not link.lower().startswith("javascript:") for text in site.values() for link in Page(text).links)


def test_no_page_loads_external_resources(site: dict[str, str]) -> None:
    for path, text in site.items():
        if path.endswith(".html"):
            loaded = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"([^\"]+)\"", text)
            assert loaded
            assert [item for item in loaded if "//" in item] == [], path
        if path.endswith((".css", ".js")):
            assert "://" not in text
            assert "fetch(" not in text


def test_every_internal_link_has_a_target(site: dict[str, str]) -> None:
    pages = {path: Page(text) for path, text in site.items() if path.endswith(".html")}
    lost = []
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = unquote(link).partition("#")
            if "//" in link or link.startswith("data:"):
                continue
            where = str((Path(path).parent / target).as_posix()) if target else path
            where = where.removeprefix("rules/../").removeprefix("indicators/../")
            links_list = where in site and (not anchor or "=" in anchor or anchor in pages[where].ids)
            lost += [] if links_list else [(path, link)]
    assert lost == []


def test_ids_are_unique_on_each_page(site: dict[str, str]) -> None:
    for path, text in site.items():
        if path.endswith(".html"):
            ids = Page(text).ids
            assert len(ids) == len(set(ids)), path


def test_the_catalogue_is_available_as_json(site: dict[str, str]) -> None:
    document = json.loads(site["catalogue.json"])
    assert [item["title"] for item in document["rules"]] == [
        "A Cup <b>Is</b> Broken",
        "The Kettle Is Filled And Boiled",
        "The Stove Is Lit",
    ]
    kettle = document["rules"][1]
    assert {
        "field": "NewProcessName",
        "kind": "ends_with",
        "value": "\\kettle.exe",
        "corpus": 2,
        "by_corpus": {"blue": 2},
    } in kettle["indicators"]
    assert kettle["queries"][0]["query"]["bool"]
    assert [(item["expected"], item["passed"]) for item in kettle["tests"]][:2] == [("hit", True), ("hit", False)]
    assert kettle["file"] == "https://git.example/blue/f/kettle.yml"
    assert [item["file"] for item in document["findings"]] == ["blue/kettle.test.ndjson", "green/broken.yml"]
    assert (document["live_days"], document["mapping_assumed"]) == (None, True)


def test_quality_names_findings_failing_and_untested_rules(site: dict[str, str]) -> None:
    text = Page(site["quality.html"]).text
    assert "green/broken.yml" in text
    assert "Rules that fail a test The Kettle Is Filled And Boiled blue/kettle.yml" in text
    assert "2 rules without rule tests" in text
    assert "Needs a cluster" in text


def test_with_a_cluster_pages_have_events_hosts_and_hits() -> None:
    mapping = dict(files(sample_catalogue(live=LIVE)))
    text = Page(mapping[KETTLE]).text
    assert "Hits 5 in the last 7 days" in text
    assert "For command lines turn on `Include command line in process creation events` too. 1,234 3" in text
    assert "Microsoft-Windows-Sysmon/Operational 1 <ProcessCreate> · Sysmon configuration none none" in text
    events = Page(mapping["events.html"]).text
    assert "The cluster: no index may be read" in events
    assert 'data-hits="5"' in mapping["attack.html"]
    assert "layers/hits.json" in mapping


def test_two_builds_of_the_same_rules_are_the_same(site: dict[str, str]) -> None:
    assert dict(files(sample_catalogue())) == site


def test_unchanged_files_are_not_rewritten_and_obsolete_files_are_removed(tmp_path: Path) -> None:
    first = write_site(tmp_path / "site", [("index.html", "one"), ("rules/a.html", "a")])
    assert (first.files, first.changed, first.removed) == (2, 2, 0)
    again = write_site(tmp_path / "site", [("index.html", "two"), ("rules/b.html", "b")])
    assert (again.files, again.changed, again.removed) == (2, 2, 1)
    assert sorted(path.name for path in (tmp_path / "site" / "rules").iterdir()) == ["b.html"]
    same = write_site(tmp_path / "site", [("index.html", "two"), ("rules/b.html", "b")])
    assert same.changed == 0


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="contains files that are not a catalogue; name a folder that is new"):
        write_site(tmp_path, [("index.html", "one")])
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(InputError, match="is not a directory"):
        write_site(tmp_path / "letter.txt", [])


def test_a_manifest_cannot_name_files_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    site = tmp_path / "site"
    site.mkdir()
    (site / "files.txt").write_text(f"../letter.txt\n{tmp_path}/letter.txt\n", encoding="utf-8")
    write_site(site, [("index.html", "one")])
    assert (tmp_path / "letter.txt").exists()
