"""The sources of rules: files as text, and long sources, of which a rule keeps the beginning.

A collection may hold hundreds of megabytes of comments and lists. What is shown or linted is read again.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TypeVar

from watcher.errors import InputError
from watcher.model import LongText, RuleMetadata

MOST_MEGABYTES = 64
"""Of one rule file, which is in memory while it is read."""

KEPT = 20_000
"""Characters of a source that a rule keeps; of 2,117 public rules, 2 have more."""

_CHUNK = 65_536  # bytes, which hold nearly every rule file
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def file_content(file: str) -> bytes:
    """Return the bytes of a regular file, not many more than a rule file may have.

    A pipe would wait for a writer forever, and a device has no end.
    """
    descriptor = os.open(file, _READ)  # stream objects for thousands of files take their time
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = os.read(descriptor, _CHUNK)
        if len(content) == status.st_size:  # nearly every file
            return content
        # a single read would allocate the most that a file may have
        further = islice(iter(partial(os.read, descriptor, _CHUNK), b""), MOST_MEGABYTES * 1_000_000 // _CHUNK)
        return b"".join((content, *further))
    finally:
        os.close(descriptor)


_Rule = TypeVar("_Rule", bound=RuleMetadata)


def with_short_text(rule: _Rule, file_text: str) -> _Rule:
    """Return a rule that keeps the beginning of a long source, and where the source is in the text of its file.

    A source that was merged from several documents is not in the file, so that the rule keeps all of it.
    """
    start = file_text.find(rule.text) if len(rule.text) > KEPT else -1
    if start < 0:
        return rule
    place = LongText(start=start, length=len(rule.text), digest=_digest(rule.text))
    return replace(rule, text=rule.text[:KEPT], long_text=place)


def full_text(rule: RuleMetadata) -> str:
    """Return the source of a rule, a long one from its file; raises InputError if that is no longer there."""
    place = rule.long_text
    if place is None:
        return rule.text
    try:
        text = file_content(rule.location.file).decode()[place.start : place.start + place.length]
    except (OSError, UnicodeDecodeError):
        text = ""
    if _digest(text) != place.digest:
        raise InputError(
            "the file was changed or removed since the rule was read", location=rule.location, fix="run it again"
        )
    return text


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
