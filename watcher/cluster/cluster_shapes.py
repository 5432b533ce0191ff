"""The shapes of answers about the cluster: its time, its version, and the privileges of the user."""

from __future__ import annotations

from typing import Annotated

import msgspec

from watcher.cluster.answer_shapes import LAST_SECOND, Shape


class Health(Shape, frozen=True):
    """The time of the cluster."""

    epoch: Annotated[int, msgspec.Meta(ge=0, le=LAST_SECOND)]


class NowBucket(Shape, frozen=True):
    """The time of a search."""

    moment: Annotated[float, msgspec.Meta(ge=0, le=LAST_SECOND * 1000)] = msgspec.field(name="from")


class NowBuckets(Shape, frozen=True):
    """The time of a search, as the bound of a range."""

    buckets: list[NowBucket]


class VersionInfo(Shape, frozen=True):
    """What a server says about its version."""

    number: str = ""
    distribution: str = ""


class RootAnswer(Shape, frozen=True):
    """What a server says about itself."""

    version: VersionInfo = VersionInfo()


class NodeVersion(Shape, frozen=True):
    """The version of a node."""

    version: str


class NodeVersions(Shape, frozen=True):
    """The versions of some nodes."""

    nodes: dict[str, NodeVersion]


class Privileges(Shape, frozen=True):
    """Which privileges are granted."""

    cluster: dict[str, bool]
    index: dict[str, dict[str, bool]]


class Acknowledged(Shape, frozen=True):
    """The answer to a change of templates, mappings or indices."""

    acknowledged: bool
