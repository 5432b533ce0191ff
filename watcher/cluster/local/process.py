"""An engine's process: guarded, so that it never outlives us, and asked until it is ready."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import ssl
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watcher.cluster.local.account import Account
from watcher.cluster.local.engine import Engine, Security
from watcher.errors import ClusterError, Unreachable

# The engine runs under a shell that reads a pipe whose other end only we hold. When we are gone, killed or not,
# the pipe ends and the shell kills its whole process group. PR_SET_PDEATHSIG would not do: it is cleared when the
# user changes, it fires when the thread that forked ends, and Elasticsearch's own Java is a grandchild.
_GUARD = """\
exec 3<&0 </dev/null
"$@" 3<&- &
engine=$!
(read -r _ <&3; kill -KILL 0) &
wait "$engine"
code=$?
kill -KILL $!
exit "$code"
"""

_PAUSE = 0.25  # seconds between two looks at a starting engine
_LOOKS = 960  # four minutes: a laptop with one busy core
_GENTLE = 20.0  # seconds to end by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A guarded engine and the files by which it tells of itself."""

    engine: Engine
    guard: subprocess.Popen[bytes]
    pid_file: Path
    ports_file: Path
    log: Path

    @property
    def pid(self) -> int:
        """The process id of the engine's Java; 0 while it has not written it down."""
        try:
            return int(self.pid_file.read_text(encoding="ascii") or 0)
        except FileNotFoundError:
            return 0


def launch(
    engine: Engine, command: Sequence[str | Path], *, run: Path, environment: Mapping[str, str], account: Account
) -> Running:
    """Start an engine in a session of its own, so that Ctrl-C in the terminal reaches us first."""
    log = run / "logs" / "output.log"
    other = account.uid != os.geteuid()
    with log.open("wb") as output:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", *command, "-p", run / "pid"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=run,
            start_new_session=True,
            user=account.uid if other else None,
            group=account.gid if other else None,
            extra_groups=() if other else None,
        )
    return Running(engine=engine, guard=guard, pid_file=run / "pid", ports_file=run / "logs" / "http.ports", log=log)


def wait_until_ready(running: Running, security: Security | None) -> str:
    """Wait until the engine answers that it is healthy; returns its URL."""
    for _ in range(_LOOKS):
        address = _address(running)
        if address and _healthy(address, security):
            return f"{'https' if security else 'http'}://{address}"
        if _ended(running, within=_PAUSE):
            raise ClusterError(f"{running.engine} ended at its start with {_ending(running)}")
    raise Unreachable(f"{running.engine} is not ready after {_LOOKS * _PAUSE:.0f} seconds; {_last_lines(running.log)}")


def stop(running: Running) -> None:
    """End the engine: asked first, then killed with whatever it started."""
    pid = running.pid
    if pid and not _ended(running, within=0):
        os.kill(pid, signal.SIGTERM)
        _ended(running, within=_GENTLE)
    try:
        os.killpg(running.guard.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    running.guard.wait()
    if running.guard.stdin is not None:
        running.guard.stdin.close()


def _ended(running: Running, *, within: float) -> bool:
    try:
        running.guard.wait(timeout=within)
    except subprocess.TimeoutExpired:
        return False
    return True


def _address(running: Running) -> str:
    try:
        lines = running.ports_file.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return ""
    return lines[0] if lines else ""


def _healthy(address: str, security: Security | None) -> bool:
    if security is None:
        connection, headers = http.client.HTTPConnection(address, timeout=10), {}
    else:
        context = ssl.create_default_context(cafile=security.tls.ca)
        connection = http.client.HTTPSConnection(address, timeout=10, context=context)
        first = security.users[0]
        token = base64.b64encode(f"{first.name}:{first.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=5s", headers=headers)
        # A user who may not ask for the health is answered all the same by a node that is ready.
        return connection.getresponse().status in (http.HTTPStatus.OK, http.HTTPStatus.FORBIDDEN)
    except ssl.SSLCertVerificationError as error:
        raise ClusterError(
            f"the node's certificate does not prove `{address}`: {error.verify_message}; make one for `127.0.0.1`"
        ) from error
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ending(running: Running) -> str:
    return f"code {running.guard.returncode}; {_last_lines(running.log)}"


def _last_lines(log: Path) -> str:
    with log.open(encoding="utf-8", errors="replace") as lines:
        last = deque(lines, maxlen=15)
    return "its last words:\n" + "".join(last).rstrip()
