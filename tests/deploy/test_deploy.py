"""The container files hold together: pinned, without root, and with the names that the settings know."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from watcher.settings import ENVIRONMENT
from watcher.settings.environment import LISTEN_VARIABLE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (DEPLOY / "compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENV_EXAMPLE = (DEPLOY / ".env.example").read_text(encoding="utf-8")

PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*")


def instructions(text: str) -> list[list[str]]:
    """Split a Dockerfile into its stages, each a list of instructions with continued lines joined."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    stages: list[list[str]] = []
    for line in filter(str.strip, lines):
        if line.startswith("FROM "):
            stages.append([])
        stages[-1].append(line)
    return stages


# --------------------------------------------------------------------------- the image


def test_the_image_is_built_in_two_stages_from_pinned_bases() -> None:
    build, final = instructions(DOCKERFILE)
    assert build[0].endswith(" AS build")
    for stage in (build, final):
        assert PINNED.fullmatch(stage[0].split()[1])


def test_the_image_does_not_run_as_root() -> None:
    final = instructions(DOCKERFILE)[-1]
    users = [line.split()[1] for line in final if line.startswith("USER ")]
    assert users == ["10001:10001"]
    after = final[final.index("USER 10001:10001") :]
    assert not [line for line in after if line.startswith(("RUN", "COPY", "ADD"))]


def test_the_image_keeps_no_cache_and_asks_for_its_health() -> None:
    stages = instructions(DOCKERFILE)
    for line in (line for stage in stages for line in stage if "pip " in line):
        assert "--no-cache-dir" in line
    (health,) = [line for line in stages[-1] if line.startswith("HEALTHCHECK")]
    assert "/healthz" in health
    (listen,) = re.findall(rf"{LISTEN_VARIABLE}=(\S+)", DOCKERFILE)
    assert f"http://{listen}/healthz" in health


def test_the_image_runs_the_sidecar_with_its_settings() -> None:
    final = instructions(DOCKERFILE)[-1]
    command = [*json.loads(final[-2].removeprefix("ENTRYPOINT ")), *json.loads(final[-1].removeprefix("CMD "))]
    assert command == ["watcher", "run", "--settings", "/etc/watcher/watcher.yml"]


def test_the_wheel_of_the_image_is_built_from_what_the_image_copies(tmp_path: Path) -> None:
    copied = [line.split()[1:-1] for line in instructions(DOCKERFILE)[0] if line.startswith("COPY ")]
    for name in (name for names in copied for name in names):
        source, target = DEPLOY.parent / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    built = subprocess.run(build, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with ZipFile(wheel) as archive:
        assert "watcher/shipped/demo/events.ndjson" in archive.namelist()


# --------------------------------------------------------------------------- compose


def test_compose_has_the_cluster_its_face_and_the_sidecar() -> None:
    assert set(SERVICES) == {"certificates", "elasticsearch", "users", "kibana", "watcher"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_is_pinned(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


def test_the_parts_of_elastic_have_one_version() -> None:
    versions = {service["image"].split(":")[1] for name, service in SERVICES.items() if name != "watcher"}
    assert len(versions) == 1
    assert versions.pop().startswith("8.19.")


def test_what_keeps_running_says_whether_it_is_well() -> None:
    lasting = {name for name, service in SERVICES.items() if "restart" in service}
    assert lasting == {"elasticsearch", "kibana", "watcher"}
    assert {name for name in lasting if "healthcheck" in SERVICES[name]} == {"elasticsearch", "kibana"}
    assert "HEALTHCHECK" in DOCKERFILE  # watcher's own


def test_every_dependency_volume_and_secret_is_defined() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        named = {volume.split(":")[0] for volume in service.get("volumes", ())}
        assert {volume for volume in named if not volume.startswith(".")} <= set(COMPOSE["volumes"])
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])


def test_ports_open_on_this_machine_only_unless_set_otherwise() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 2
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in ports)


def test_the_sidecar_gets_the_cluster_by_documented_variables() -> None:
    given = SERVICES["watcher"]["environment"]
    assert set(given) <= set(ENVIRONMENT.values())
    assert given["WATCHER_PASSWORD_FILE"] == f"/run/secrets/{SERVICES['watcher']['secrets'][0]}"


def test_no_password_has_a_default_and_each_stands_in_the_example() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE_TEXT))
    offered = set(re.findall(r"^(\w+)=", ENV_EXAMPLE, flags=re.MULTILINE))
    assert asked == offered
    for name in asked:
        if name.endswith(("PASSWORD", "KEY")):
            uses = re.findall(rf"(?<!\$)\$\{{{name}([^}}]*)\}}", COMPOSE_TEXT)
            assert uses
            assert all(use.startswith(":?") for use in uses)


def test_the_users_are_made_with_any_password(tmp_path: Path) -> None:
    """A stand-in for curl writes down what it was asked, to be read as JSON."""
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/bash\nfor word; do [[ $word == https* ]] && echo "$word" >> "$OUT"; done\ncat >> "$OUT"\n')
    curl.chmod(0o755)
    password = 'a"b\\c $(id) `id` $HOME é'
    environ = {"OUT": str(tmp_path / "out"), "PATH": f"{tmp_path}:/usr/bin:/bin", "ELASTIC_PASSWORD": "e"}
    environ |= {"KIBANA_PASSWORD": password, "WATCHER_PASSWORD": password}
    script = SERVICES["users"]["command"][0].replace("$$", "$")
    subprocess.run([*SERVICES["users"]["entrypoint"], script], env=environ, check=True, timeout=30)

    asked = re.split(r"^https://elasticsearch:9200/_security/", (tmp_path / "out").read_text(), flags=re.MULTILINE)[1:]
    bodies = {path: json.loads(body) for path, body in (entry.split("\n", 1) for entry in asked)}
    assert list(bodies) == ["user/kibana_system/_password", "role/watcher_sidecar", "user/watcher_sidecar"]
    assert bodies["user/kibana_system/_password"] == {"password": password}
    assert bodies["user/watcher_sidecar"]["password"] == password
    assert bodies["user/watcher_sidecar"]["roles"] == ["watcher_sidecar"]
    reads, writes = bodies["role/watcher_sidecar"]["indices"]
    assert (reads["names"], writes["names"]) == (["winlogbeat-*"], ["watcher-*"])
    assert "write" not in reads["privileges"]
