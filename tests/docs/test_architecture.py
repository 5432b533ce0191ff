import ast
import re
import tomllib

import pytest
from docs.repository import ROOT, page

from watcher.notify.channel_registry import notifier_types

WATCHER = ROOT / "watcher"
ARCHITECTURE = page("docs/architecture.md")
FLOWS = ("Rule to query plan", "Event to message", "Window to checkpoint")


def first_column(block: str) -> list[str]:
    return [re.split(r"  +", line)[0] for line in block.splitlines()]


def flow(title: str) -> tuple[str, list[str]]:
    """Return the sentence above a flow, and its modules."""
    section = ARCHITECTURE.text.split(f"### {title}\n")[1]
    summary, block = section.split("```flow\n")[:2]
    return summary.strip(), first_column(block.split("```")[0])


def imported_modules(module: str) -> set[str]:
    """Return the modules of watcher that a module imports, as paths; packages count as their `__init__.py`."""
    paths = set()
    for node in ast.walk(ast.parse((WATCHER / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("watcher"):
            dotted = str(node.module)
            candidates = [dotted, *(f"{dotted}.{alias.name}" for alias in node.names)]
            for candidate in candidates:
                path = candidate.removeprefix("watcher").removeprefix(".").replace(".", "/")
                paths |= {f"{path}.py", f"{path}/__init__.py"}
    return {path for path in paths if (WATCHER / path).is_file()}


def reachable_modules(module: str) -> set[str]:
    """Return the modules that a module imports directly or through the `__init__.py` of a package."""
    direct = imported_modules(module)
    return direct.union(*(imported_modules(path) for path in direct if path.endswith("__init__.py")))


def test_the_drawn_layers_are_those_of_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    assert contract["exhaustive"], "a contract that leaves modules out holds no drawing"
    (drawing,) = ARCHITECTURE.fences("layers")
    assert first_column(drawing) == contract["layers"]


@pytest.mark.parametrize("title", FLOWS)
def test_the_modules_of_a_flow_exist_and_are_counted(title: str) -> None:
    summary, modules = flow(title)
    missing = [module for module in modules if not (WATCHER / module).is_file()]
    assert missing == []
    rooms = {module.split("/")[0] for module in modules}
    assert summary == f"{len(modules)} modules in {len(rooms)} rooms:"
    assert len(set(modules)) == len(modules)


@pytest.mark.parametrize("title", FLOWS)
def test_each_module_of_a_flow_is_connected_by_imports_or_by_a_port(title: str) -> None:
    _, modules = flow(title)
    imports = {module: reachable_modules(module) for module in modules}
    isolated = [
        module
        for module in modules
        if "ports/__init__.py" not in imports[module]
        and not any(other in imports[module] or module in imports[other] for other in modules if other != module)
    ]
    assert isolated == []


@pytest.mark.parametrize("title", FLOWS)
def test_each_module_of_a_flow_is_loaded_by_the_command_line(title: str) -> None:
    """Modules that nothing reaches from `watcher run` belong to no flow."""
    _, modules = flow(title)
    seen = closure(["cli/run_command.py", *(f"notify/{kind.name}/__init__.py" for kind in notifier_types())])
    assert [module for module in modules if module not in seen] == []


def test_delivery_parses_no_rules() -> None:
    """What a message says of a rule is stored with its alert."""
    starts = [path.relative_to(WATCHER).as_posix() for path in (WATCHER / "delivery").glob("*.py")]
    loaded = closure([*starts, "pipeline/deliver.py", "notify/renderer.py", "notify/message_context.py"])
    assert "match/event_summarizer.py" in loaded
    assert sorted(module for module in loaded if module.startswith("sigma/")) == []


def closure(modules: list[str]) -> set[str]:
    """Return some modules and all that they import, directly or by others."""
    seen: set[str] = set()
    queue = list(modules)
    while queue:
        module = queue.pop()
        if module not in seen:
            seen.add(module)
            queue.extend(imported_modules(module))
    return seen
