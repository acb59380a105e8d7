"""Finding runs, jobs, studies and unfinished runs in a store, by the states of a few files.

Links are never followed: a store writable by another user could lead out of the store.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from energybench.store.layout import (
    HEADER,
    INDEX,
    JOB,
    NODE,
    PARTIAL,
    RUN,
    RUNS,
    SAMPLES,
    WINDOWS,
)

# Folders of folders of runs: results/campaign/runs/ID. The limit is for a store by mistake, such as
# a home directory.
MOST_FOLDERS_DEEP = 4
_RUN, _INDEX, _JOB, _HEADER = (name.encode() for name in (RUN, INDEX, JOB, HEADER))
_NODE, _PARTIAL, _RUNS = NODE.encode(), PARTIAL.encode(), RUNS.encode()
_GROWING = tuple(name.encode() for name in (SAMPLES, WINDOWS, HEADER, JOB))

Content = Literal["run", "study", "unfinished", "link"]


class Found(NamedTuple):
    """A directory of the store with a row.

    path       relative to the store, in the system's bytes
    stamp      size and time of modification (ns) of the decisive file: a new stamp causes a new row
    inside     path of the study or job around the run; empty outside
    written_s  of an unfinished run: time of the last write to its files, seconds since the epoch
    """

    path: bytes
    content: Content
    stamp: tuple[int, int]
    inside: bytes = b""
    written_s: float = 0.0


def scan(store: bytes, jobs: Collection[bytes] = ()) -> Iterator[Found]:
    """All directories of a store with a row, without reading a file.

    jobs  paths of the runs known to be jobs: the parts of their nodes follow
    A folder that cannot be read is passed over.
    """
    yield from _folder(store, b"", frozenset(jobs), MOST_FOLDERS_DEEP, b"")


def parts(store: bytes, job: bytes) -> Iterator[Found]:
    """The finished parts of a job's nodes."""
    for entry in _entries(os.path.join(store, job)):
        if entry.name.startswith(_NODE) and entry.is_dir(follow_symlinks=False):
            stamp = _stamp(os.path.join(entry.path, _RUN))
            if stamp is not None:
                yield Found(os.path.join(job, entry.name), "run", stamp, job)


def _folder(
    store: bytes, folder: bytes, jobs: frozenset[bytes], deep: int, inside: bytes
) -> Iterator[Found]:
    for entry in _entries(os.path.join(store, folder)):
        path = os.path.join(folder, entry.name)
        hidden = entry.name.startswith(b".") and not entry.name.startswith(_PARTIAL)
        if hidden:
            continue
        if entry.is_symlink():
            if _leads_out(store, entry.path):
                yield Found(path, "link", (0, 0), inside)
        elif entry.is_dir(follow_symlinks=False):
            yield from _directory(store, path, jobs, deep, inside)


def _directory(
    store: bytes, path: bytes, jobs: frozenset[bytes], deep: int, inside: bytes
) -> Iterator[Found]:
    """A run, a study with its runs, an unfinished run, or a folder of such directories."""
    full = os.path.join(store, path)
    stamp = _stamp(os.path.join(full, _RUN))
    if stamp is not None:
        yield Found(path, "run", stamp, inside)
        if path in jobs:
            yield from parts(store, path)
        return
    stamp = _stamp(os.path.join(full, _INDEX))
    if stamp is not None:
        yield Found(path, "study", stamp)
        yield from _folder(store, os.path.join(path, _RUNS), jobs, 0, path)
        return
    for name in (_HEADER, _JOB):
        stamp = _stamp(os.path.join(full, name))
        if stamp is not None:
            yield Found(path, "unfinished", stamp, inside, _last_written_s(full))
            return
    if deep > 0:
        yield from _folder(store, path, jobs, deep - 1, inside)


def _entries(folder: bytes) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _stamp(path: bytes) -> tuple[int, int] | None:
    """Size and time of modification of the file itself, not of the target of a link."""
    try:
        state = os.lstat(path)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _last_written_s(directory: bytes) -> float:
    times = []
    for name in _GROWING:
        try:
            times.append(os.lstat(os.path.join(directory, name)).st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


# ---------------------------------------------------------------- links


def _leads_out(store: bytes, path: bytes) -> bool:
    """Whether a path leads out of the store through a link. The store has no link in its name."""
    real = os.path.realpath(path)
    return real != store and not real.startswith(os.path.join(store, b""))


def link_out(store: bytes, path: bytes) -> bytes | None:
    """A file or folder of a run, study or job that leads out of the store; None without such a
    file.

    path  relative to the store
    Files are read only after this check.
    """
    full = os.path.join(store, path)
    if _leads_out(store, full):
        return path
    for folder in (full, *_node_folders(full)):
        for entry in _entries(folder):
            if entry.is_symlink() and _leads_out(store, entry.path):
                return os.path.relpath(entry.path, store)
    return None


def _node_folders(directory: bytes) -> list[bytes]:
    return [
        entry.path
        for entry in _entries(directory)
        if entry.name.startswith(_NODE) and entry.is_dir(follow_symlinks=False)
    ]
