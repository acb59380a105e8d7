"""The rows of a store, kept up to date by the states of its files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from energybench.errors import BadInput, brief
from energybench.process_pool import mapped
from energybench.store.layout import HEADER, INDEX, JOB, RUN
from energybench.units import counted
from energybench.viewing import cache
from energybench.viewing.cache import CacheFolder
from energybench.viewing.rows import Row, key_of, read_row
from energybench.viewing.scanning import Found, parts, scan

Progress = Callable[[str, float | None], None]

# Least number of runs for reading with several processes: with fewer runs, starting the processes
# takes longer than reading.
_MANY = 400
_MOST_PROCESSES = 8
_CHUNK = 50
# Looking through a store takes at most this share of the time, on any file system.
_SHARE = 0.2
_LEAST_PAUSE_S = 0.5


class Snapshot(NamedTuple):
    """The rows at a time. number: changes with every change of a row."""

    number: int
    rows: tuple[Row, ...]
    by_key: dict[str, Row]


class Index:
    """The index of a store. `refresh` may be called from several threads."""

    def __init__(self, store: Path, folder: CacheFolder) -> None:
        """Raises BadInput if the store is not a readable folder."""
        self.store = os.fsencode(_folder(store))
        self.file = folder.file(self.store)
        self.snapshot = Snapshot(0, (), {})
        self.not_kept: str | None = None  # why the index could not be stored in the cache
        self._lock = threading.Lock()
        self._next_s = 0.0  # time.monotonic() before which the store is not looked through again
        self._loaded = False

    def refresh(self, progress: Progress = lambda text, fraction: None) -> Snapshot:
        """The rows of the store now, or a moment ago."""
        with self._lock:
            begin_s = time.monotonic()
            if begin_s >= self._next_s:
                self._look(progress)
                end_s = time.monotonic()
                self._next_s = end_s + max(_LEAST_PAUSE_S, (end_s - begin_s) / _SHARE)
        return self.snapshot

    def row(self, key: str) -> Row:
        """The row of a key. Raises BadInput: the only way from an address to a path."""
        row = self.snapshot.by_key.get(key)
        if row is None:
            raise BadInput("this address", "names no run of the store", "it may have been removed")
        return row

    def path(self, row: Row) -> Path:
        return Path(os.fsdecode(os.path.join(self.store, row.path)))

    def _look(self, progress: Progress) -> None:
        if not self._loaded:
            self.snapshot = _snapshot(0, cache.load(self.file, self.store))
            self._loaded = True
        earlier = {row.path: row for row in self.snapshot.rows}
        jobs = [row.path for row in self.snapshot.rows if row.kind == "job"]
        rows = self._rows(list(scan(self.store, jobs)), earlier, progress)
        new_jobs = [row.path for row in rows if row.kind == "job" and row.path not in earlier]
        for job in new_jobs:
            rows += self._rows(list(parts(self.store, job)), earlier, progress)
        settled, before = ([_settled(row) for row in some] for some in (rows, self.snapshot.rows))
        changed = settled != before
        self.snapshot = _snapshot(self.snapshot.number + changed, rows)
        if changed:
            self._keep(rows)

    def _rows(
        self, places: Sequence[Found], earlier: dict[bytes, Row], progress: Progress
    ) -> list[Row]:
        """Rows of directories; only changed directories are read."""
        changed = [place for place in places if not _same(place, earlier.get(place.path))]
        read: dict[bytes, Row] = {}
        jobs = 1
        if len(changed) >= _MANY:
            jobs = max(1, min(_MOST_PROCESSES, len(os.sched_getaffinity(0))))
        tasks = [(self.store, place) for place in changed]
        for number, row in enumerate(mapped(read_row, tasks, jobs, _CHUNK), 1):
            read[row.path] = row
            progress(f"reading {counted(len(changed), 'run')}", number / len(changed))
        return [read.get(place.path) or _renewed(earlier[place.path], place) for place in places]

    def _keep(self, rows: Sequence[Row]) -> None:
        self.not_kept = None
        if self.file is None:
            self.not_kept = "no home directory"
            return
        try:
            cache.save(self.file, self.store, rows)
        except OSError as error:
            self.not_kept = f"{brief(str(self.file.parent))}: {error.strerror or error}"


def _folder(store: Path) -> Path:
    """The store without links in its name. Raises BadInput."""
    try:
        real = Path(os.path.realpath(store))
        if not real.is_dir():
            what = "is not a folder" if real.exists() else "no such folder"
            raise BadInput(str(store), what, "name a store: the --out of `measure` and `run`")
        if any((real / name).exists() for name in (RUN, INDEX, JOB, HEADER)):
            remedy = f"name the folder that it lies in: {real.parent}"
            raise BadInput(str(store), "is a single run or study, not a store", remedy)
        with os.scandir(real):
            return real
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(str(store), f"cannot be read: {reason}") from None


def _snapshot(number: int, rows: Sequence[Row]) -> Snapshot:
    return Snapshot(number, tuple(rows), {key_of(row.path): row for row in rows})


def _same(place: Found, row: Row | None) -> bool:
    return row is not None and row.stamp == place.stamp and row.inside == place.inside


def _renewed(row: Row, place: Found) -> Row:
    """An unfinished run is written to while its header stays."""
    if row.written_s == place.written_s:
        return row
    return msgspec.structs.replace(row, written_s=place.written_s)


def _settled(row: Row) -> Row:
    """The row without the value that changes every second while a run is measured."""
    return msgspec.structs.replace(row, written_s=0.0) if row.written_s else row
