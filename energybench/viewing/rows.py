"""A row of the table of runs, made from the files of a store."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from energybench.errors import BadInput
from energybench.foreign_text import shortened, visible
from energybench.model import Estimate, Measurement, Stamp, Study, quality_words
from energybench.store.layout import HEADER, PARTIAL
from energybench.units import counted
from energybench.viewing.scanning import Found, link_out

Kind = Literal["run", "job", "study", "unfinished", "damaged"]
_LONGEST = 200  # characters of a text of a row
# Begins the id of a run: `id_time` of the store's layout, which earlier versions wrote without
# milliseconds.
_ID_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)-(\d\d)-(\d\d)(?:\.\d{3})?Z", re.ASCII)


class Interval(msgspec.Struct, frozen=True, array_like=True):
    """An estimate without its effects."""

    value: float
    low: float
    high: float

    @property
    def estimate(self) -> Estimate:
        return Estimate(value=self.value, low=self.low, high=self.high)


class Row(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A run, job, study, unfinished run or damaged run. Values that were not measured are None.

    path, stamp, inside, written_s  as in `Found`
    date       "2026-11-23T10:15:02Z"; empty if not known
    work_unit  unit of the work in `per_work_j`
    reason     why a run has no figures, or how complete a study is
    stamps     words of the result's stamps
    Texts are foreign: on one line and shortened, but not escaped for any format.
    """

    path: bytes
    stamp: tuple[int, int]
    kind: Kind
    inside: bytes = b""
    written_s: float = 0.0
    label: str = ""
    workload: str = ""
    command: str = ""
    host: str = ""
    date: str = ""
    boundary: str = ""
    quality: str = ""
    energy_j: Interval | None = None
    power_w: Interval | None = None
    time_s: Interval | None = None
    per_work_j: Interval | None = None
    work_unit: str = ""
    repeats: int = 0
    nodes: int = 1
    part_of_a_repeat: bool = False
    failed_checks: bool = False
    stamps: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    reason: str = ""

    @property
    def key(self) -> str:
        """The row in an address: a digest of the path, which contains no part of a path."""
        return key_of(self.path)

    @property
    def name(self) -> str:
        """The path inside the store, for people."""
        return visible(shortened(os.fsdecode(self.path), _LONGEST))

    @property
    def readable(self) -> bool:
        """Whether a report of the row can be made."""
        return self.kind in ("run", "job", "study")

    @property
    def comparable(self) -> bool:
        return self.kind in ("run", "job")


def key_of(path: bytes) -> str:
    return hashlib.blake2b(path, digest_size=8).hexdigest()


def read_row(task: tuple[bytes, Found]) -> Row:
    """The row of a directory, from (path of the store, entry). Damaged files give a row with the
    reason.
    """
    # late: cached rows need no numpy
    from energybench.store import reader, study

    store, entry = task
    directory = Path(os.fsdecode(os.path.join(store, entry.path)))
    try:
        out = link_out(store, entry.path)
        if out is not None:
            raise BadInput(
                os.fsdecode(out), "is a link that leads out of the store, which is not followed"
            )
        if entry.content == "unfinished":
            return _unfinished(entry, directory)
        if entry.content == "study":
            return _of_study(entry, study.read_study(directory))
        return _of_run(entry, reader.read_run(directory))
    except (BadInput, OSError, ArithmeticError, ValueError) as why:
        return Row(
            path=entry.path,
            stamp=entry.stamp,
            kind="damaged",
            inside=entry.inside,
            label=_text(os.path.basename(os.fsdecode(entry.path))),
            date=_date_of_path(entry.path),
            reason=_text(str(_without_the_store(why, store)), 400),
        )


def _without_the_store(why: Exception, store: bytes) -> Exception:
    return in_the_store(why, store) if isinstance(why, BadInput) else why


def in_the_store(why: BadInput, store: bytes) -> BadInput:
    """The same mistake, with a path inside the store."""
    parts = (why.where, why.what, why.remedy)
    return BadInput(*(path_in_the_store(part, store) for part in parts))


def path_in_the_store(text: str, store: bytes) -> str:
    """A text about a file, with its path inside the store in place of the whole path."""
    return text.replace(os.path.join(os.fsdecode(store), ""), "")


def _of_run(found: Found, run: Measurement) -> Row:
    workload = run.workload
    return Row(
        path=found.path,
        stamp=found.stamp,
        kind="job" if run.shares else "run",
        inside=found.inside,
        label=_text(run.label),
        workload=_text(f"{workload.name} {workload.size} {workload.device}") if workload else "",
        command=_text(" ".join(run.command or ())),
        host=_text(run.host.name),
        date=_date(run.host.started_utc, run.id),
        boundary=run.boundary.name,
        quality=quality_words(run.quality, replayed=run.replayed),
        energy_j=_interval(run.energy_j),
        power_w=_interval(run.power_w),
        time_s=_interval(run.time_s),
        per_work_j=None if run.failed_checks else _interval(run.energy_per_work_j),
        work_unit=_text(run.work.unit) if run.work else "",
        repeats=len(run.repeats),
        nodes=run.nodes,
        part_of_a_repeat=run.partial,
        failed_checks=bool(run.failed_checks),
        stamps=_words(run.stamps),
        doubts=tuple(dict.fromkeys(doubt.code for doubt in run.doubts)),
    )


def _of_study(found: Found, study: Study) -> Row:
    cells = f"{len(study.cells)} of {counted(len(study.plan.cells), 'cell')}"
    return Row(
        path=found.path,
        stamp=found.stamp,
        kind="study",
        label=_text(study.label),
        workload=_text(f"{study.workload} {study.device}"),
        host=_text(study.host.name),
        date=_date(study.created_utc, ""),
        stamps=_words(study.stamps),
        doubts=tuple(dict.fromkeys(doubt.code for doubt in study.doubts)),
        reason=cells if study.complete else f"{cells}: not complete",
    )


def _unfinished(found: Found, directory: Path) -> Row:
    from energybench.store.job_header import read_job
    from energybench.store.run import read_header

    nodes = 1
    header: Any
    if (directory / HEADER).exists():
        header = read_header(directory)
    else:
        header = read_job(directory)
        nodes = len(header.nodes)
    workload = header.workload
    return Row(
        path=found.path,
        stamp=found.stamp,
        kind="unfinished",
        inside=found.inside,
        written_s=found.written_s,
        label=_text(header.label),
        workload=_text(f"{workload.name} {workload.size} {workload.device}") if workload else "",
        command=_text(" ".join(header.command or ())),
        host=_text(header.host.name),
        date=_date(header.host.started_utc, header.id),
        boundary=header.boundary,
        nodes=nodes,
    )


def _interval(estimate: Estimate | None) -> Interval | None:
    if estimate is None:
        return None
    return Interval(estimate.value, estimate.low, estimate.high)


def _text(text: str, most: int = _LONGEST) -> str:
    return visible(shortened(" ".join(text.split()), most))


def _words(stamps: Sequence[Stamp]) -> tuple[str, ...]:
    return tuple(_text(stamp.words) for stamp in stamps)


def _date(stated: str | None, run: str) -> str:
    """The time in the id of a run, else a stated time, in UTC to the second; empty without
    a time.
    """
    if match := _ID_TIME.match(run):
        year, month, day, *clock = match.groups()
        stated = f"{year}-{month}-{day}T{':'.join(clock)}Z"
    try:
        moment = datetime.fromisoformat(stated or "")
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return ""


def _date_of_path(path: bytes) -> str:
    """The time in the name of a directory, else in the name of the nearest folder around it: a node
    of a job lies in the directory of the job. Empty if no name has a time.
    """
    names = (name.removeprefix(PARTIAL) for name in reversed(os.fsdecode(path).split(os.sep)))
    return next((date for name in names if (date := _date("", name))), "")
