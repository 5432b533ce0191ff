"""The site in a real browser: from disk, by keyboard, in both colour schemes, checked by axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalogue_fixture import sample_catalogue
from test_catalogue_site import CUP, KETTLE, LIVE

from watcher.catalogue.pages import files
from watcher.catalogue.site import write_site

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is absent: install it, e.g. `make browser`")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PAGES = ("index.html", "all.html", "attack.html", "events.html", "indicators.html", "quality.html", KETTLE, CUP)
SHARED = "indicators/commandline-match.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the site of the sample catalogue."""
    folder = tmp_path_factory.mktemp("catalogue") / "site"
    write_site(folder, files(sample_catalogue(live=LIVE)))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Open a page that records its requests and errors."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    opened = context.new_page()
    opened.asked, opened.wrong = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("console", lambda message: opened.wrong.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    yield opened
    context.close()
    assert opened.wrong == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES, SHARED])
def test_axe_finds_no_violation(site: Path, page: Any, path: str, colours: str) -> None:
    page.emulate_media(color_scheme=colours)
    page.goto((site / path).as_uri())
    if path == "index.html":
        page.wait_for_selector("#results li")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    response = axe.Axe().run(page, options={"preload": False}).response["violations"]
    assert [(item["id"], [node["target"] for node in item["nodes"]]) for item in response] == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_a_phone(site: Path, page: Any, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((site / path).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def titles(page: Any) -> list[str]:
    return page.locator("#results a").all_inner_texts()


def test_search_and_filters_narrow_the_list_and_the_address_keeps_them(site: Path, page: Any) -> None:
    page.goto((site / "index.html").as_uri())
    page.wait_for_selector("#results li")
    assert titles(page) == ["A Cup <b>Is</b> Broken", "The Kettle Is Filled And Boiled", "The Stove Is Lit"]
    page.keyboard.press("/")
    page.keyboard.type("KETTLE boil")  # a value that is looked for, not a title alone
    assert titles(page) == ["The Kettle Is Filled And Boiled", "The Stove Is Lit"]
    page.click("[data-level=critical]")
    assert titles(page) == ["The Stove Is Lit"]
    assert page.inner_text("#state") == "1 of 3 rules"
    page.reload()
    page.wait_for_selector("#results li")
    assert titles(page) == ["The Stove Is Lit"]
    page.click("#clear")
    for name, value, left in (
        ("tactic", "persistence", 1),
        ("status", "none", 1),
        ("corpus", "blue", 2),
        ("author", "Another", 2),
        ("logsource", "product windows; service security", 1),
    ):
        page.select_option(f"#{name}", value)
        assert len(titles(page)) == left, name
        page.select_option(f"#{name}", "")
    page.fill("#technique", "t1505")
    assert titles(page) == ["The Kettle Is Filled And Boiled"]
    page.fill("#technique", "")
    page.select_option("#order", "level")
    assert titles(page)[0] == "The Stove Is Lit"


def test_the_list_is_operable_by_keyboard(site: Path, page: Any) -> None:
    page.goto((site / "index.html").as_uri())
    page.wait_for_selector("#results li")
    for key in ("/", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == "The Kettle Is Filled And Boiled"
    page.keyboard.press("Enter")
    page.wait_for_selector("h1")
    assert page.inner_text("h1") == "The Kettle Is Filled And Boiled"


def test_a_count_shows_and_links_its_rules(site: Path, page: Any) -> None:
    page.goto((site / KETTLE).as_uri())
    count = page.locator("a[data-shared]", has_text="green 1")
    count.focus()
    page.wait_for_selector("#peek:not([hidden])")
    assert page.inner_text("#peek").splitlines() == ["A Cup <b>Is</b> Broken", "The Kettle Is Filled And Boiled"]
    assert page.locator("#peek b").count() == 0
    page.keyboard.press("Escape")
    assert page.is_hidden("#peek")
    count.click()
    page.wait_for_selector("details[open]")
    shown = page.locator("details[open] a").all_inner_texts()
    assert shown == ["A Cup <b>Is</b> Broken", "The Kettle Is Filled And Boiled"]


def test_the_matrix_counts_the_chosen_level_and_links_the_rules(site: Path, page: Any) -> None:
    page.goto((site / "attack.html").as_uri())
    cell = page.locator(".cell", has_text="Server Software Component").first
    assert cell.locator(".n").inner_text().split()[0] == "1"
    page.check("input[value='0']")
    assert cell.locator(".n").inner_text().split()[0] == "0"
    page.check("input[value=hits]")
    assert cell.locator(".n").inner_text().split()[0] == "5"
    page.check("#covered")
    assert page.locator(".cell:visible").count() >= 2
    page.check("input[value=all]")
    cell.click()
    page.wait_for_selector("#results li")
    assert titles(page) == ["The Kettle Is Filled And Boiled"]


def test_colours_are_switched_and_kept(site: Path, page: Any) -> None:
    page.emulate_media(color_scheme="light")
    page.goto((site / "index.html").as_uri())
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto((site / "quality.html").as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
