import re
from collections.abc import Iterator

from docs.repository import ROOT, Page, page, pages

OUTSIDE = re.compile(r"^[a-z]+:")
TOP_FOLDERS = ("watcher", "docs", "tests", "bench", "deploy", "rules", "templates", "examples")
PATH = re.compile(rf"(?:{'|'.join(TOP_FOLDERS)})/[\w./-]*")
# Paths that settings or commands of a reader name, not files of this repository.
READERS_PATHS = frozenset({"rules/shell.yml", "rules/shell.test.ndjson"})


def broken_links(source: Page) -> Iterator[str]:
    for link in source.links():
        target, _, anchor = link.partition("#")
        if OUTSIDE.match(link):
            continue
        path = (source.path.parent / target).resolve() if target else source.path
        if not path.exists():
            yield f"{source.name}: {link}: no such file"
        elif anchor and anchor not in page(path.relative_to(ROOT).as_posix()).anchors():
            yield f"{source.name}: {link}: no such heading"


def missing_paths(source: Page) -> Iterator[str]:
    for span in source.code_spans():
        path = re.sub(r":\d+$", "", span)
        if PATH.fullmatch(path) and path not in READERS_PATHS and not _exists(path):
            yield f"{source.name}: `{span}`"


def _exists(path: str) -> bool:
    return (ROOT / path).exists()


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    assert [fault for source in pages() for fault in broken_links(source)] == []


def test_every_path_of_the_repository_in_backticks_exists() -> None:
    sources = [source for source in pages() if source.name != "CHANGELOG.md"]
    assert [fault for source in sources for fault in missing_paths(source)] == []


def test_broken_links_and_missing_paths_are_recognised() -> None:
    text = "[a](nowhere.md) [b](index.md#no-such-heading) [c](index.md) [d](https://example.org) `watcher/nowhere.py`"
    source = Page(path=ROOT / "docs" / "page.md", text=text)
    assert [fault.split(": ", 1)[1] for fault in broken_links(source)] == [
        "nowhere.md: no such file",
        "index.md#no-such-heading: no such heading",
    ]
    assert list(missing_paths(source)) == ["docs/page.md: `watcher/nowhere.py`"]


def test_the_index_links_every_page() -> None:
    index = page("docs/index.md")
    linked = {(index.path.parent / link.split("#")[0]).resolve() for link in index.links() if not OUTSIDE.match(link)}
    unlinked = [source.name for source in pages() if source.path not in linked and source.name != index.name]
    assert unlinked == []


def test_the_readme_links_the_index_and_the_pages_for_contributors() -> None:
    links = page("README.md").links()
    assert {"docs/index.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= set(links)
