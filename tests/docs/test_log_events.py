"""Names of log events in pages: people alert on them."""

import ast
import re

from docs.repository import ROOT, page, pages

LOG_CALLS = {"debug", "info", "warning", "error", "exception", "write"}
ROW = re.compile(r"^\| (?:`([a-z_.]+)`)? ?\| `([a-z_]+\.[a-z_]+)` \|", re.MULTILINE)


def log_events() -> set[str]:
    """Return the names of the log events in the code."""
    events: set[str] = set()
    for path in (ROOT / "watcher").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if function in LOG_CALLS:
                    events |= {
                        constant.value
                        for constant in ast.walk(node.args[0])
                        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
                    }
    return {event for event in events if re.fullmatch(r"[a-z_]+\.[a-z_]+", event)}


def renamed() -> list[tuple[str, str]]:
    """Return the rows of the changelog's table: former and present name."""
    section = page("CHANGELOG.md").text.partition("Log events (")[2].partition("\nJSON:")[0]
    return ROW.findall(section)


def test_the_renamed_log_events_of_the_changelog_exist() -> None:
    rows, events = renamed(), log_events()
    assert len(rows) > 25
    assert {now for _, now in rows} - events == set()
    assert {former for former, now in rows if former != now} & events == set()


def test_no_page_names_a_log_event_by_its_former_name() -> None:
    former = {former for former, now in renamed() if former and former != now}
    others = [other for other in pages() if other.name != "CHANGELOG.md"]
    assert [(other.name, span) for other in others for span in other.code_spans() if span in former] == []
