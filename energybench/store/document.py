"""Gathering results, and the power of every run over time, into the document of a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from energybench import __version__
from energybench.errors import BadInput
from energybench.model import (
    IN_FULL,
    Comparison,
    Document,
    Grade,
    Measurement,
    Projection,
    Publication,
    Timeline,
)
from energybench.store import reader
from energybench.store.device_power import device_power
from energybench.store.document_file import Content, Result, read_content
from energybench.store.job_timeline import job_timelines
from energybench.store.layout import INDEX, RUN, find, is_run, runs
from energybench.store.study import is_study, read_study, studies
from energybench.units import counted

_MOST_NAMED = 3  # results named in a title
_NOUNS = {
    "measurement": ("run",),
    "comparison": ("comparison",),
    "projection": ("projection",),
    "study": ("study", "studies"),
    "grade": ("grade",),
}
MOST_TIMELINES = IN_FULL  # a report draws the power of the runs shown in full
_MOST_LEFT_OUT = 20  # unreadable runs with a reason; further runs are only counted


class Gathered(NamedTuple):
    """The content of a report.

    notes        timelines that cannot be shown and unreadable runs, with the reasons, and the notes
                 of documents
    titles       of documents
    publication  of the last document with a publication
    """

    results: list[Result]
    timelines: list[Timeline]
    notes: list[str]
    grades: list[Grade]
    titles: list[str]
    publication: Publication | None = None


def gather(
    names: Sequence[str], store: Path, most_timelines: int | None = MOST_TIMELINES
) -> Gathered:
    """Results and timelines of runs, stores and files of energybench, in the order of the names.

    most_timelines  number of runs whose samples are read: 0 for a report without charts of power;
                    None for all

    Damaged samples cost the chart, not the result; a broken run of a store costs a note. Raises
    BadInput for a named broken file or run, and for a store without readable results.
    """
    content = Gathered([], [], [], [], [])
    reading = _Timelines(content, most_timelines)
    for name in names:
        path = Path(name)
        if is_study(path) or path.name == INDEX:
            content.results.append(read_study(path))
        elif path.is_file() and path.name != RUN:
            content = _with_file(content, read_content(path), draws=most_timelines != 0)
        elif not path.is_dir() or is_run(path):
            reading.add(*_run(find(name, store)))
        else:
            _add_store(path, content, reading)
    reading.note_how_many()
    return content


def _run(directory: Path) -> tuple[Path, Measurement]:
    return directory, reader.read_beside_others(directory)


def _with_file(content: Gathered, file: Content, *, draws: bool) -> Gathered:
    content.results.extend(file.results)
    content.grades.extend(file.grades)
    content.notes.extend(file.notes)
    if draws:
        content.timelines.extend(file.timelines)
    if file.title:
        content.titles.append(file.title)
    return content._replace(publication=file.publication or content.publication)


def gather_directories(
    directories: Sequence[Path], most_timelines: int
) -> tuple[Gathered, list[BadInput]]:
    """Results and timelines of directories of runs and studies, in their order, and the reasons for
    unreadable directories.

    most_timelines  as for `gather`
    """
    content = Gathered([], [], [], [], [])
    reading = _Timelines(content, most_timelines)
    broken = _add_readable(directories, content, reading)
    reading.note_how_many()
    return content, broken


def left_out(reasons: Sequence[BadInput]) -> list[str]:
    """Notes about unreadable results: the first results with their reasons, and the number of
    further results.
    """
    notes = [f"Left out, because it cannot be read: {why}" for why in reasons[:_MOST_LEFT_OUT]]
    more = len(reasons) - _MOST_LEFT_OUT
    if more > 0:
        notes.append(f"Left out, too: {counted(more, 'more run')} that cannot be read.")
    return notes


def _add_store(path: Path, content: Gathered, reading: _Timelines) -> None:
    """Add the studies and runs of a folder. Raises BadInput without a whole study or run."""
    directories = list(dict.fromkeys([*studies(path), *runs(path)]))
    if not directories:
        raise BadInput(
            str(path),
            "holds no finished run",
            f"a run has a {RUN}; unfinished runs: energybench recover",
        )
    broken = _add_readable(directories, content, reading)
    if len(broken) == len(directories):
        many = f"none of {counted(len(broken), 'run')} can be read, the first because"
        raise BadInput(
            str(path), f"{many if len(broken) > 1 else 'the only run is broken'}: {broken[0]}"
        )
    content.notes.extend(left_out(broken))


def _add_readable(
    directories: Sequence[Path], content: Gathered, reading: _Timelines
) -> list[BadInput]:
    """Add the readable runs and studies, and return the reasons for unreadable entries."""
    broken = []
    for directory in directories:
        try:
            if is_study(directory):
                content.results.append(read_study(directory))
            else:
                reading.add(*_run(directory))
        except BadInput as why:
            broken.append(why)
    return broken


class _Timelines:
    """Adds runs to the content, with the power over time of the first runs.

    runs  number of the runs so far
    """

    def __init__(self, content: Gathered, most: int | None) -> None:
        self._content, self._most = content, most
        self.runs = 0

    def add(self, directory: Path, measured: Measurement) -> None:
        self._content.results.append(measured)
        self.runs += 1
        if self._most is not None and self.runs > self._most:
            return
        try:
            self._content.timelines.extend(timelines(directory, measured))
        except BadInput as why:
            self._content.notes.append(f"Power over time of {measured.label} is not shown: {why}")

    def note_how_many(self) -> None:
        """Add a note if the power of some runs is left out because of their number."""
        if self._most and self._most < self.runs:
            self._content.notes.append(
                f"Power over time is shown for the first {self._most} of {self.runs} runs."
            )


def timelines(directory: Path, measured: Measurement) -> list[Timeline]:
    """The power over time of a run, or of a job. Raises BadInput."""
    if measured.shares:
        return list(job_timelines(directory, measured))
    return [timeline(directory, measured)]


def title_of(results: Sequence[Result | Grade]) -> str:
    """The title of a report without a title of its own: the names of a few results, or the number
    of many. A comparison names its two runs.
    """
    comparisons = [result for result in results if isinstance(result, Comparison)]
    sides = {run for result in comparisons for run in (result.baseline, result.candidate)}
    others = [
        result for result in results if not (isinstance(result, Measurement) and result.id in sides)
    ]
    names = list(dict.fromkeys(_name(result) for result in others))
    if not names:
        return "energybench"
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    kinds = [_NOUNS[other.kind] for other in others]
    return ", ".join(counted(kinds.count(noun), *noun) for noun in dict.fromkeys(kinds))


def _name(result: Result | Grade) -> str:
    if isinstance(result, Comparison):
        return " → ".join(result.labels)
    return result.title if isinstance(result, Projection) else result.label


def document(
    title: str,
    results: Sequence[Result],
    timelines: Sequence[Timeline],
    notes: Sequence[str] = (),
    *,
    created_utc: str | None = None,
    publication: Publication | None = None,
    grades: Sequence[Grade] = (),
    all_in_full: bool = False,
) -> Document:
    """A document; dated now unless a date is stated."""
    return Document(
        title=title,
        results=tuple(results),
        timelines=tuple(timelines),
        notes=tuple(notes),
        created_utc=created_utc or datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        publication=publication,
        grades=tuple(grades),
        all_in_full=all_in_full,
    )


def timeline(directory: Path, measurement: Measurement) -> Timeline:
    """Power over time of every summed channel, and the run's windows, in seconds since the first
    sample.
    """
    traces, windows = reader.read_traces(directory, one_by_one=True)
    return Timeline(run=measurement.id, **device_power(traces, windows, measurement.id)._asdict())
