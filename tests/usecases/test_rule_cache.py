"""Large rule folders are taken from the cache, only where that is safe and nothing has changed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from watcher.usecases.rule_cache import FolderRequest, cache_of, read_cached

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no cache on Windows")

COUNT = 200
RULE = (
    "title: Rule {n}\nid: 00000000-0000-4000-8000-{n:012}\nlogsource: {{product: windows}}\n"
    "detection: {{a: {{B: {n}}}, condition: a}}\n"
)


class Recorder:
    """Unpickled, it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def request_of(tmp_path: Path) -> FolderRequest:
    return folder_of(tmp_path / "rules", COUNT)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "rules"


def folder_of(path: Path, count: int) -> FolderRequest:
    path.mkdir()
    for number in range(count):
        (path / f"{number}.yml").write_text(RULE.format(n=number))
    return FolderRequest(name="mine", path=path, placeholders={})


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def test_rules_from_the_cache_are_those_that_were_read(request_of: FolderRequest, cache: Path) -> None:
    first = read_cached(request_of, cache)
    (entry,) = entries(cache)
    before = entry.stat().st_mtime_ns
    assert read_cached(request_of, cache) == first == request_of.read()
    assert entry.stat().st_mtime_ns == before
    assert (entry.stat().st_mode & 0o777, cache.stat().st_mode & 0o777) == (0o600, 0o700)


def test_progress_is_complete_where_the_rules_come_from_the_cache(request_of: FolderRequest, cache: Path) -> None:
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        calls.clear()
        read_cached(request_of, cache, lambda *call: calls.append(call))
    size = sum(file.stat().st_size for file in request_of.path.iterdir())
    assert calls == [(size, size)]


@pytest.mark.parametrize("change", ["content", "new file", "removed file", "placeholders"])
def test_what_has_changed_is_read(request_of: FolderRequest, cache: Path, change: str) -> None:
    read_cached(request_of, cache)
    file = request_of.path / "7.yml"
    if change == "content":  # of the same size, with the times of before
        status = file.stat()
        file.write_text(RULE.format(n=7).replace("Rule", "Mine"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "new file":
        (request_of.path / "new.yml").write_text(RULE.format(n=999))
    elif change == "removed file":
        file.unlink()
    else:
        request_of = FolderRequest(name="mine", path=request_of.path, placeholders={"x": ("y",)})
    assert read_cached(request_of, cache) == request_of.read()


def test_fingerprints_are_those_of_now(request_of: FolderRequest, cache: Path) -> None:
    read_cached(request_of, cache)
    (request_of.path / "7.yml").touch()
    assert read_cached(request_of, cache).files == request_of.read().files


def test_an_entry_that_only_this_user_can_write_is_unpickled(
    request_of: FolderRequest, cache: Path, tmp_path: Path
) -> None:
    read_cached(request_of, cache)
    poison(entries(cache)[0], tmp_path / "mark")
    read_cached(request_of, cache)
    assert (tmp_path / "mark").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_nothing_is_read_from_a_folder_that_others_can_write(
    request_of: FolderRequest, cache: Path, tmp_path: Path, mode: int
) -> None:
    expected = read_cached(request_of, cache)
    poison(entries(cache)[0], tmp_path / "mark")
    cache.chmod(mode)
    assert read_cached(request_of, cache) == expected
    assert not (tmp_path / "mark").exists()


def test_nothing_is_read_from_a_file_that_others_can_write(
    request_of: FolderRequest, cache: Path, tmp_path: Path
) -> None:
    expected = read_cached(request_of, cache)
    (entry,) = entries(cache)
    poison(entry, tmp_path / "mark")
    entry.chmod(0o666)
    assert read_cached(request_of, cache) == expected
    assert not (tmp_path / "mark").exists()


def test_links_are_not_followed(request_of: FolderRequest, cache: Path, tmp_path: Path) -> None:
    expected = read_cached(request_of, cache)
    (entry,) = entries(cache)
    poison(entry, tmp_path / "mark")
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert read_cached(request_of, cache) == expected
    assert not (tmp_path / "mark").exists()
    cache.rename(tmp_path / "other")
    cache.symlink_to(tmp_path / "other")
    assert read_cached(request_of, cache) == expected


@pytest.mark.parametrize("part", [0, 40, 80, -1])
def test_a_damaged_entry_is_replaced(request_of: FolderRequest, cache: Path, part: int) -> None:
    expected = read_cached(request_of, cache)
    (entry,) = entries(cache)
    content = bytearray(entry.read_bytes())
    content[part] ^= 1
    entry.write_bytes(content)
    assert read_cached(request_of, cache) == expected
    assert entry.read_bytes() != bytes(content)


def test_an_entry_that_ends_too_early_is_replaced(request_of: FolderRequest, cache: Path) -> None:
    expected = read_cached(request_of, cache)
    (entry,) = entries(cache)
    entry.write_bytes(entry.read_bytes()[:1000])
    assert read_cached(request_of, cache) == expected
    assert entry.stat().st_size > 1000


def test_few_files_have_no_entry(tmp_path: Path, cache: Path) -> None:
    request = folder_of(tmp_path / "few", COUNT - 1)
    assert len(read_cached(request, cache).rules) == COUNT - 1
    assert entries(cache) == []


def test_what_is_no_file_stops_nothing(request_of: FolderRequest, cache: Path) -> None:
    os.mkfifo(request_of.path / "pipe.yml")  # a reader waits for a writer
    (request_of.path / "endless.yml").symlink_to("/dev/zero")
    folder = read_cached(request_of, cache)
    assert len(folder.rules) == COUNT
    assert {Path(finding.location.file).name for finding in folder.findings if finding.location} >= {
        "pipe.yml",
        "endless.yml",
    }
    assert entries(cache) == []


def test_the_oldest_entries_are_removed(request_of: FolderRequest, cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    for number in range(20):
        (cache / f"{number}.folder").touch()
        os.utime(cache / f"{number}.folder", (number, number))
    read_cached(request_of, cache)
    names = {entry.name for entry in entries(cache)}
    assert len(names) == 16
    assert names >= {f"{number}.folder" for number in range(5, 20)}


def test_a_cache_that_cannot_be_created_is_no_error(request_of: FolderRequest, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_cached(request_of, tmp_path / "file" / "rules") == request_of.read()


def test_the_environment_names_the_cache_or_turns_it_off() -> None:
    assert cache_of({"WATCHER_CACHE": "/c"}) == Path("/c/rules")
    assert cache_of({"XDG_CACHE_HOME": "/x"}) == Path("/x/watcher/rules")
    assert cache_of({"WATCHER_CACHE": "/c", "WATCHER_RULE_CACHE": "Off"}) is None


def poison(entry: Path, mark: Path) -> None:
    """Replace the payload of an entry by one that leaves a file, with the right checksum."""
    payload = pickle.dumps(Recorder(mark))
    entry.write_bytes(entry.read_bytes()[:32] + blake2b(payload, digest_size=32).digest() + payload)
