"""Checkpoints of older versions are rewritten in the form of this version, with nothing lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from checkpoints.full_checkpoint import FULL, MINUTE

from watcher.checkpoints.checkpoint import Checkpoint
from watcher.checkpoints.checkpoint_body import checkpoint_from_body, checkpoint_to_body
from watcher.checkpoints.checkpoint_upgrade import upgrade_checkpoint
from watcher.state.state_documents import Body

VERSION_2 = {  # as watcher with state version 2 wrote it
    "since": "2026-11-22T12:00:00.000000Z",
    "until": "2026-11-23T12:00:00.123456Z",
    "holes": [
        {
            "start": "2026-11-22T12:00:00.000000Z",
            "end": "2026-11-23T11:58:00.000000Z",
            "reason": "away",
            "rules": ["a", "b"],
            "attempts": 3,
            "due": "2026-11-23T12:00:00.000000Z",
        },
        {
            "start": "2026-11-23T11:59:00.000000Z",
            "end": "2026-11-23T12:00:00.000000Z",
            "reason": "not searched yet",
            "rules": [],
            "attempts": 0,
            "due": "2026-11-23T12:00:00.000000Z",
        },
    ],
    "indices": ["winlogbeat-1", "winlogbeat-2"],
    "gaps": [{"indices": ["winlogbeat-0"], "events": 7, "noticed": "2026-11-23T12:00:00.000000Z"}],
    "swept": "2026-11-23T12:00:00.000000Z",
    "older": 3,
    "counted": {"before": "2026-11-16T12:00:00.000000Z", "events": 12},
    "ahead": 4,
}
VERSIONS = [
    # no gap of an index, and no count of replaced times
    (
        VERSION_2,
        replace(FULL, searched_as=None, gaps=FULL.gaps[:2], replaced_times=0, last_replaced_time=None),
    ),
    # nothing was lost and no check was done yet
    (
        {"since": VERSION_2["since"], "until": VERSION_2["until"], "holes": [], "gaps": [], "swept": None},
        Checkpoint(since=FULL.since, watermark=FULL.watermark),
    ),
    # version 1 did not store where the search began
    ({"until": VERSION_2["until"]}, Checkpoint(since=FULL.watermark - 60 * MINUTE, watermark=FULL.watermark)),
]


@pytest.mark.parametrize(("body", "expected"), VERSIONS, ids=["version 2", "version 2, empty", "version 1"])
def test_a_checkpoint_of_an_older_version_is_upgraded_to_the_form_of_this_version(
    body: Body, expected: Checkpoint
) -> None:
    upgraded = upgrade_checkpoint(body)
    assert checkpoint_from_body(upgraded) == expected
    assert upgraded.keys() == checkpoint_to_body(expected).keys()


def test_a_checkpoint_of_this_version_stays_as_it_is() -> None:
    body = checkpoint_to_body(FULL)
    assert upgrade_checkpoint(body) == body


def test_an_earlier_version_cannot_read_a_checkpoint_of_this_version_and_so_cannot_drop_its_gaps() -> None:
    assert "until" not in checkpoint_to_body(FULL)  # which every earlier version requires
