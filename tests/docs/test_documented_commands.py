import ast
import re
import shlex
from collections.abc import Iterator

import pytest
from docs.repository import ROOT, pages

from watcher.cli import COMMANDS, load_command

CALL = re.compile(r"(?<![\w./-])watcher (--version|[a-z][\w-]*)([^`\n]*)")
MAKE_CALL = re.compile(r"`make ([a-z-]+)[^`]*`|^make ([a-z-]+)", re.MULTILINE)


def calls_of_pages() -> Iterator[tuple[str, str]]:
    """Yield each call of watcher that a page shows as code, with its place."""
    for page in pages():
        if page.name == "CHANGELOG.md":
            continue  # earlier versions may have had other commands
        for span in page.code_spans():
            if span.startswith(("watcher ", "python -m watcher ")):
                yield page.name, span
        for language in ("sh", "", "text"):
            for block in page.fences(language):
                yield from ((page.name, match[0]) for match in CALL.finditer(block))


def calls_of_messages() -> Iterator[tuple[str, str]]:
    """Yield each call of watcher that a string of the code names in backticks, docstrings and help included."""
    for path in sorted((ROOT / "watcher").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for match in re.finditer(r"`(watcher [a-z-][^`]*)`", node.value):
                    yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", match[1]


def calls_of_deployment() -> Iterator[tuple[str, str]]:
    """Yield the calls of the files in `deploy/`, the workflow and the hooks."""
    files = [path for path in sorted((ROOT / "deploy").iterdir()) if path.is_file() and path.suffix != ".json"]
    for path in (*files, ROOT / "Makefile"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.lstrip().startswith(("image", "#", "uid")) or "`watcher " in line:
                for match in CALL.finditer(line):
                    if match[1] in COMMANDS or "--" in match[2]:
                        yield f"{path.name}:{number}", match[0]


def words_of(call: str) -> list[str]:
    """Return the words of a call up to a pipe, a redirection or a comment."""
    text = re.split(r"\s[|>&;]|\s#\s", call.removeprefix("python -m "))[0]
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def fault_of(call: str) -> str:
    """Return what is wrong with a call, the empty string where it fits the command line."""
    _, *words = words_of(call)
    if not words or words[0] in ("--version", "--help", "COMMAND"):
        return ""
    if words[0] not in COMMANDS:
        return f"no command `{words[0]}`"
    options = {option for parameter in load_command(words[0]).params for option in (*parameter.opts, "--help")}
    unknown = [word.split("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)]
    return ", ".join(f"no option `{word}`" for word in unknown if word not in options)


CALLS = tuple(sorted({*calls_of_pages(), *calls_of_messages(), *calls_of_deployment()}))


def test_every_command_that_pages_and_messages_name_exists_with_its_options() -> None:
    faults = [f"{place}: `{call}`: {fault_of(call)}" for place, call in CALLS if fault_of(call)]
    assert faults == []


def test_pages_name_most_commands_and_messages_name_some() -> None:
    named = {words_of(call)[1] for _, call in CALLS if len(words_of(call)) > 1}
    assert set(COMMANDS) - named - {"version", "demo", "schema"} == set()
    assert {"setup", "check"} <= {words_of(call)[1] for _, call in calls_of_messages()}


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("watcher check rules/ --statistics  # counts", ""),
        ("python -m watcher run --once", ""),
        ("watcher status -s watcher.yml | jq .", ""),
        ("watcher paint", "no command `paint`"),
        ("watcher check --colour", "no option `--colour`"),
        ("watcher check --live --least=info --often=x", "no option `--often`"),
    ],
)
def test_a_wrong_call_is_recognised(call: str, fault: str) -> None:
    assert fault_of(call) == fault


def test_every_make_target_that_pages_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(page.name, first or second) for page in pages() for first, second in MAKE_CALL.findall(page.text)}
    assert {target for _, target in named} >= {"demo", "test", "check"}
    assert sorted((name, target) for name, target in named if target not in targets) == []
