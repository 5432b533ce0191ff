"""The process of an engine: guarded, so that it ends with its parent, and polled until it is ready."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import ssl
import subprocess
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from watcher.errors import ClusterError, Unreachable
from watcher.local_engine.engine import Security
from watcher.local_engine.setup import Setup

# The engine runs under a shell that reads a pipe whose other end only this process holds. When it ends, killed or not,
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

_INTERVAL = 0.25  # seconds between two checks of a starting engine
_CHECKS = 960  # four minutes: a laptop with one busy core
_STOP_TIMEOUT = 20.0  # seconds to end after SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A guarded engine."""

    setup: Setup
    guard: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process id of the engine's Java; 0 until the engine has written it."""
        try:
            return int((self.setup.run / "pid").read_text(encoding="ascii") or 0)
        except FileNotFoundError:
            return 0

    @property
    def address(self) -> str:
        """Host and port of the HTTP interface; empty until the engine has written them."""
        try:
            lines = (self.setup.logs / "http.ports").read_text(encoding="ascii").split()
        except FileNotFoundError:
            return ""
        return lines[0] if lines else ""

    def ended(self, *, within: float) -> bool:
        """Whether the process ended; waits up to that many seconds."""
        try:
            self.guard.wait(timeout=within)
        except subprocess.TimeoutExpired:
            return False
        return True


def launch(setup: Setup) -> Running:
    """Start an engine in its own session, so that Ctrl-C in the terminal reaches only this process."""
    other = setup.account.uid != os.geteuid()
    with setup.log.open("wb") as output:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", setup.home / "bin" / setup.engine.artifact, "-p", setup.run / "pid"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(setup),
            cwd=setup.run,
            start_new_session=True,
            user=setup.account.uid if other else None,
            group=setup.account.gid if other else None,
            extra_groups=() if other else None,
        )
    return Running(setup=setup, guard=guard)


def wait_until_ready(running: Running) -> str:
    """Wait until the engine is healthy; returns its URL."""
    engine, security = running.setup.engine, running.setup.security
    for _ in range(_CHECKS):
        address = running.address
        if address and _healthy(address, security):
            return f"{'https' if security else 'http'}://{address}"
        if running.ended(within=_INTERVAL):
            raise ClusterError(
                f"{engine} ended during start-up with code {running.guard.returncode}; {_last_lines(running)}"
            )
    raise Unreachable(f"{engine} is not ready after {_CHECKS * _INTERVAL:.0f} seconds; {_last_lines(running)}")


def stop(running: Running) -> None:
    """Stop the engine: SIGTERM, then SIGKILL for its process group; no-op if it has ended."""
    pipe = running.guard.stdin
    if pipe is None or pipe.closed:
        return  # by now another process may have the process id
    pid = running.pid
    if pid and not running.ended(within=0):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        running.ended(within=_STOP_TIMEOUT)
    with suppress(ProcessLookupError):
        os.killpg(running.guard.pid, signal.SIGKILL)
    running.guard.wait()
    pipe.close()


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
        # A node that is ready also answers a user without the privilege for health.
        return connection.getresponse().status in (http.HTTPStatus.OK, http.HTTPStatus.FORBIDDEN)
    except ssl.SSLCertVerificationError as error:
        raise ClusterError(
            f"the node's certificate is not valid for `{address}`: {error.verify_message}; create one for `127.0.0.1`"
        ) from error
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_lines(running: Running) -> str:
    with running.setup.log.open(encoding="utf-8", errors="replace") as lines:
        last = deque(lines, maxlen=15)
    return "the end of its log:\n" + "".join(last).rstrip()


def _environment(setup: Setup) -> Mapping[str, str]:
    """Return the variables of the start scripts only: they warn about every other Java variable."""
    variable = setup.engine.variable
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(setup.run),
        f"{variable}_JAVA_HOME": str(setup.java.home),
        f"{variable}_PATH_CONF": str(setup.config),
        # Relative to where the scripts change to: OpenSearch's does not quote it, and a path may contain a space.
        f"{variable}_TMPDIR": os.path.relpath(setup.run / "tmp", setup.home),
        f"{variable}_JAVA_OPTS": setup.java_options,
    }
