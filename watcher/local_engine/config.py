"""The configuration folder of one node, written for each start."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watcher.local_engine.engine import ELASTICSEARCH, Security, User
from watcher.local_engine.java import VECTORS, Java
from watcher.local_engine.setup import Setup

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
logger.deprecation.name = org.%ENGINE%.deprecation
logger.deprecation.level = off
"""


def write(setup: Setup) -> None:
    """Write the files that the engine reads at its start."""
    folder, engine = setup.config, setup.engine
    (folder / "jvm.options.d").mkdir(parents=True)
    settings = {**_common(setup), **(_xpack(setup) if engine is ELASTICSEARCH else {})}
    # JSON is YAML, and quotes paths safely.
    _put(folder / f"{engine.artifact}.yml", json.dumps(settings, indent=1))
    _put(folder / "log4j2.properties", _LOGGING.replace("%ENGINE%", engine.artifact))
    shipped = (setup.home / "config" / "jvm.options").read_text(encoding="utf-8")
    _put(folder / "jvm.options", jvm_options(shipped, setup.java))
    if setup.security is not None:
        _secure(folder, setup.security)


def jvm_options(shipped: str, java: Java) -> str:
    """Return the shipped options without those that write into the shared folder or that this Java lacks."""
    unwanted = ("logs/", "HeapDump", "-Xms", "-Xmx", *(() if VECTORS in java.modules else (VECTORS,)))
    kept = (line for line in shipped.splitlines() if line and not line.startswith("#"))
    return "\n".join(line for line in kept if not any(word in line for word in unwanted)) + "\n"


def _common(setup: Setup) -> Mapping[str, Any]:
    return {
        "cluster.name": f"watcher-{setup.engine.artifact}",
        "node.name": "local",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        # The system chooses free ports, and the engine writes them to a file: no other process can take them.
        "http.port": 0,
        "transport.port": 0,
        "node.portsfile": True,
        "path.data": str(setup.data),
        "path.logs": str(setup.logs),
        "cluster.routing.allocation.disk.threshold_enabled": False,
    }


def _xpack(setup: Setup) -> Mapping[str, Any]:
    common = {
        "xpack.ml.enabled": False,
        "xpack.security.autoconfiguration.enabled": False,
        "xpack.security.enabled": setup.security is not None,
    }
    if setup.security is None:
        return common
    folder = setup.config
    return {
        **common,
        "xpack.security.http.ssl.enabled": True,
        "xpack.security.http.ssl.certificate": str(folder / "node.pem"),
        "xpack.security.http.ssl.key": str(folder / "node.key"),
        "xpack.security.http.ssl.certificate_authorities": [str(folder / "ca.pem")],
    }


def _secure(folder: Path, security: Security) -> None:
    # The engine may read keys from its configuration folder only.
    shutil.copyfile(security.tls.certificate, folder / "node.pem")
    shutil.copyfile(security.tls.key, folder / "node.key")
    shutil.copyfile(security.tls.ca, folder / "ca.pem")
    roles: dict[str, list[str]] = {}
    for user in security.users:
        for role in user.roles:
            roles.setdefault(role, []).append(user.name)
    _put(folder / "roles.yml", security.roles)
    _put(folder / "users", "".join(f"{user.name}:{_hash(user)}\n" for user in security.users))
    _put(folder / "users_roles", "".join(f"{role}:{','.join(names)}\n" for role, names in roles.items()))


def _hash(user: User) -> str:
    """Hash a password for the file realm; the engine's own tool would start a Java for each user."""
    salt, rounds = secrets.token_bytes(32), 10_000
    key = hashlib.pbkdf2_hmac("sha512", user.password.encode(), salt, rounds, dklen=32)
    return f"{{PBKDF2}}{rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
