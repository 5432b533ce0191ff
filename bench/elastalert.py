"""ElastAlert2 from PyPI, on the same node with the same rules, converted by pySigma.

Both are installed once, each into a folder of its own in the cache of the engines.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bench import filled
from watcher.clock import SystemClock
from watcher.local_engine import default_cache

RULES = 1_000
TIME_LIMIT = 300.0  # seconds that its defaults are watched
_LONGEST = 900.0
_CONFIG = """\
rules_folder: {rules}
run_every: {{minutes: 1}}
buffer_time: {{minutes: 5}}
es_host: {host}
es_port: {port}
writeback_index: elastalert_status
alert_time_limit: {{days: 2}}
skip_invalid: true
{more}
"""
_RAN = re.compile(r"Ran (\S+) from .*? query hits")
_MISSED = re.compile(r"Run time of job .* was missed by|was missed by")
_CONVERT = """
import sys
from pathlib import Path
from sigma.backends.elasticsearch.elasticsearch_elastalert import ElastalertBackend
from sigma.collection import SigmaCollection
from sigma.pipelines.sysmon import sysmon_pipeline
from sigma.pipelines.windows import windows_logsource_pipeline
from sigma.processing.conditions import ExcludeFieldCondition
from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
from sigma.processing.transformations import AddFieldnamePrefixTransformation, FieldMappingTransformation

system = {"EventID": "winlog.event_id", "Channel": "winlog.channel", "Provider_Name": "winlog.provider_name",
          "Computer": "winlog.computer_name"}
fields = ProcessingPipeline(name="winlogbeat, raw", priority=90, items=[
    ProcessingItem(transformation=FieldMappingTransformation(system)),
    ProcessingItem(transformation=AddFieldnamePrefixTransformation("winlog.event_data."),
                   field_name_conditions=[ExcludeFieldCondition(fields=list(system.values()))]),
])
backend = ElastalertBackend(processing_pipeline=sysmon_pipeline() + windows_logsource_pipeline() + fields)
source, target, wanted = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
converted = 0
paths = sorted(source.rglob("sigmahq/**/*.yml"))
for path in paths[:: max(1, len(paths) // (wanted + wanted // 5))]:
    try:
        (text,) = backend.convert(SigmaCollection.from_yaml(path.read_text()), "default")
    except Exception as error:
        continue
    name = f"rule-{converted:04d}"
    lines, dropping = [], False
    for line in str(text).splitlines():
        dropping = line.startswith(("name:", "index:")) or (dropping and line.startswith(" "))
        lines += [] if dropping else [line]
    head = [f"name: {name}", f"index: {sys.argv[4]}", "alert: debug", f"query_delay: {{seconds: {sys.argv[5]}}}"]
    (target / f"{name}.yaml").write_text("\\n".join([*head, *lines]) + "\\n")
    converted += 1
    if converted == wanted:
        break
print(converted)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElastalertRun:
    """The results of a run of ElastAlert2."""

    title: str
    rules: int
    ran: int  # rules that were searched
    missed: int  # lines that say a rule's turn was skipped
    wall: float  # from the first rule's result to the last one's
    cluster: float  # CPU of the engine, from start to end


def compare(url: str, data: Path, folder: Path, *, index: str, cpu: Callable[[], float]) -> list[ElastalertRun]:
    """Run 1,000 rules over five minutes of a million events, with raised limits and with the defaults."""
    home = default_cache(os.environ) / "bench"
    tool, sigma = home / "elastalert", home / "pysigma"
    _install(tool, "elastalert2", "pytz")  # an undeclared dependency of it
    _install(sigma, "pysigma-backend-elasticsearch", "pysigma-pipeline-sysmon", "pysigma-pipeline-windows")
    rules = _convert(sigma, data, folder, index)
    installation = _Installation(tool=tool, url=url, folder=folder, rules=rules, cpu=cpu)
    return [
        installation.run("all its rules allowed to run", "max_threads: 10\nmisfire_grace_time: 3600", _LONGEST),
        installation.run("with its defaults", "", TIME_LIMIT),
    ]


def _install(home: Path, *packages: str) -> None:
    if not (home / "installed").exists():
        print(f"installing {', '.join(packages)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *packages], check=True)
        (home / "installed").touch()


def _convert(sigma: Path, data: Path, folder: Path, index: str) -> int:
    source, target = folder / "sigma", folder / "rules"
    source.mkdir()
    target.mkdir()
    subprocess.run(["tar", "xzf", data / "rules.tar.gz", "-C", source], check=True)  # noqa: S607 - tar is everywhere
    converter = subprocess.run(
        [sigma / "bin" / "python", "-c", _CONVERT, source, target, str(RULES), index, str(_delay())],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(converter.stdout.split()[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installation:
    """An installed ElastAlert2 with its rules."""

    tool: Path
    url: str
    folder: Path
    rules: int
    cpu: Callable[[], float]

    def run(self, title: str, more: str, limit: float) -> ElastalertRun:
        """Run it until all rules ran or the time limit ends."""
        print(f"ElastAlert2, {title}", flush=True)
        location, config = urlsplit(self.url), self.folder / "config.yaml"
        config.write_text(
            _CONFIG.format(rules=self.folder / "rules", host=location.hostname, port=location.port, more=more)
        )
        self._command("elastalert-create-index", "--config", str(config), "--recreate", "True", "--old-index", "")
        log, began = self.folder / "log", self.cpu()
        with log.open("wb") as into:
            process = subprocess.Popen(
                [self.tool / "bin" / "elastalert", "--config", config, "--verbose"],
                stdout=into,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
            times = _watch(process, log, self.rules, limit)
        text = log.read_text(errors="replace")
        return ElastalertRun(
            title=title,
            rules=self.rules,
            ran=len(set(_RAN.findall(text))),
            missed=len(_MISSED.findall(text)),
            wall=times[-1] - times[0] if times else 0.0,
            cluster=self.cpu() - began,
        )

    def _command(self, name: str, *arguments: str) -> None:
        command = [str(self.tool / "bin" / name), *arguments]
        subprocess.run(command, check=False, capture_output=True, cwd=self.folder, input=b"\n")


def _delay() -> int:
    """Return the seconds from the searched minutes to now, as ElastAlert2's query delay."""
    return round((SystemClock().now() - filled.DAY - timedelta(hours=12, minutes=5)).total_seconds())


def _watch(process: subprocess.Popen[bytes], log: Path, rules: int, limit: float) -> Sequence[float]:
    """Return the times of results until all rules ran or the time limit ends; then stop the process."""
    times: list[float] = []
    seen, until = 0, time.perf_counter() + limit
    while process.poll() is None and time.perf_counter() < until and seen < rules:
        time.sleep(0.2)  # noqa: TID251 - a benchmark waits for another program
        ran = len(set(_RAN.findall(log.read_text(errors="replace"))))
        if ran > seen:
            seen = ran
            times.append(time.perf_counter())
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return times
