import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.repository import ROOT, Page, pages
from typer.exceptions import TyperException

from watcher.cli import COMMANDS, load_command

CALL = re.compile(r"(?<![\w./-])watcher (--version|[a-z][\w-]*)([^`\n]*)")
MAKE_CALL = re.compile(r"`make ([a-z-]+)[^`]*`|^make ([a-z-]+)", re.MULTILINE)


def mentions_of_pages() -> Iterator[tuple[str, str]]:
    """Yield each call of watcher that the text of a page names, with its place."""
    for page in current_pages():
        for span in page.code_spans():
            if span.startswith(("watcher ", "python -m watcher ")):
                yield page.name, span


def calls_of_pages() -> Iterator[tuple[str, str]]:
    """Yield each call of watcher that a page shows as a block to copy, with its place."""
    for page in current_pages():
        for language in ("sh", "", "text"):
            for block in page.fences(language):
                yield from ((page.name, match[0]) for match in CALL.finditer(block))


def current_pages() -> Iterator[Page]:
    """Yield the pages about this version: earlier ones may have had other commands."""
    return (page for page in pages() if page.name != "CHANGELOG.md")


def mentions_of_messages() -> Iterator[tuple[str, str]]:
    """Yield each call of watcher that a string of the code names in backticks, docstrings and help included."""
    for path in sorted((ROOT / "watcher").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for match in re.finditer(r"`(watcher [a-z-][^`]*)`", node.value):
                    yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", match[1]


def mentions_of_deployment() -> Iterator[tuple[str, str]]:
    """Yield the calls that comments of the files in `deploy/` and of the Makefile name in backticks."""
    for path in deployment():
        for match in re.finditer(r"`(watcher [a-z-][^`\n]*)`", path.read_text(encoding="utf-8")):
            yield path.name, match[1]


def calls_of_deployment() -> Iterator[tuple[str, str]]:
    """Yield the calls that the container, its health check and the Makefile run."""
    for path in deployment():
        text = path.read_text(encoding="utf-8")
        entry_points = map(json.loads, re.findall(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE))
        for program in entry_points:
            for arguments in re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE):
                yield path.name, shlex.join([*program, *json.loads(arguments)])
        for match in re.finditer(r'(?:"-c", "|BIN\)/)(watcher [a-z][^"\n]*)', text):
            yield path.name, re.sub(r"\$\(if [^,]*,(.*)\)", r"\1", match[1])


def deployment() -> list[Path]:
    files = [path for path in sorted((ROOT / "deploy").iterdir()) if path.is_file() and path.suffix != ".json"]
    return [*files, ROOT / "Makefile"]


def words_of(call: str) -> list[str]:
    """Return the words of a call up to a pipe, a redirection or a comment."""
    text = re.split(r"\s[|>&;]|\s#\s", call.removeprefix("python -m "))[0]
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def fault_of(call: str) -> str:
    """Return why the command line refuses a call, the empty string where it accepts it."""
    _, *words = words_of(call)
    if not words or words[0] in ("--version", "--help", "COMMAND"):
        return ""
    if words[0] not in COMMANDS:
        return f"no command `{words[0]}`"
    if "--help" in words:
        return ""
    try:
        load_command(words[0]).make_context(words[0], words[1:])
    except TyperException as fault:
        return fault.format_message()
    return ""


def fault_of_mention(call: str) -> str:
    """Return what is wrong with a call in a sentence, which may leave the arguments out."""
    _, *words = words_of(call)
    if any(not word.startswith("-") for word in words[1:]) or not words or words[0] not in COMMANDS:
        return fault_of(call)
    options = {option for parameter in load_command(words[0]).params for option in (*parameter.opts, "--help")}
    return ", ".join(f"no option `{word}`" for word in words[1:] if word.split("=")[0] not in options)


CALLS = tuple(sorted({*calls_of_pages(), *calls_of_deployment()}))
MENTIONS = tuple(sorted({*mentions_of_pages(), *mentions_of_messages(), *mentions_of_deployment()}))


def test_the_command_line_accepts_every_call_that_a_page_or_the_container_shows() -> None:
    assert [f"{place}: `{call}`: {fault_of(call)}" for place, call in CALLS if fault_of(call)] == []


def test_every_command_that_sentences_and_messages_name_exists_with_its_options() -> None:
    faults = [f"{place}: `{call}`: {fault_of_mention(call)}" for place, call in MENTIONS if fault_of_mention(call)]
    assert faults == []


def test_every_command_is_named_by_a_page_and_some_by_messages() -> None:
    named = {words_of(call)[1] for _, call in (*CALLS, *MENTIONS) if len(words_of(call)) > 1}
    assert set(COMMANDS) - named == set()
    assert {"setup", "check"} <= {words_of(call)[1] for _, call in mentions_of_messages()}
    assert {"run", "demo"} <= {words_of(call)[1] for _, call in calls_of_deployment()}


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("watcher check rules/ --statistics  # counts", ""),
        ("python -m watcher run --once", ""),
        ("watcher status -s watcher.yml | jq .", ""),
        ("watcher paint", "no command `paint`"),
        ("watcher check --colour", "No such option: --colour"),
        ("watcher check --live --least=info --often=x", "No such option: --often"),
        ("watcher check --least=much", "Invalid value for '--least'"),
        ("watcher render", "Missing argument 'channel'"),
        ("watcher render mail chat", "unexpected extra argument"),
        ("watcher catalogue site --attack", "Option '--attack' requires an argument"),
        ("watcher match rules/", "Missing option '--events'"),
    ],
)
def test_a_wrong_call_is_recognised(call: str, fault: str) -> None:
    assert fault in fault_of(call)
    assert (fault == "") is (fault_of(call) == "")


@pytest.mark.parametrize(
    ("mention", "fault"),
    [
        ("watcher render", ""),
        ("watcher catalogue --attack", ""),
        ("watcher render --colour", "no option `--colour`"),
        ("watcher paint", "no command `paint`"),
        ("watcher render mail chat", "unexpected extra argument"),
    ],
)
def test_a_mention_may_leave_arguments_out(mention: str, fault: str) -> None:
    assert fault in fault_of_mention(mention)
    assert (fault == "") is (fault_of_mention(mention) == "")


def test_every_make_target_that_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(page.name, first or second) for page in pages() for first, second in MAKE_CALL.findall(page.text)}
    assert {target for _, target in named} >= {"demo", "test", "check"}
    assert sorted((name, target) for name, target in named if target not in targets) == []
