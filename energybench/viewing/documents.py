"""Documents made of rows on request: reports, comparisons and files to save. Nothing is stored."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from energybench.errors import BadInput
from energybench.model import Comparison, Document
from energybench.registry import load, registered
from energybench.viewing.index import Index
from energybench.viewing.rows import Row, in_the_store, path_in_the_store
from energybench.viewing.scanning import link_out

if TYPE_CHECKING:
    from energybench.store.document import Gathered

MOST_TOGETHER = 24  # runs of a report on the screen
MOST_SAVED = 5000  # runs of a file
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
# Libraries of charts are not made for several threads, and a report takes up to some hundred MB.
_one_at_a_time = threading.Lock()


class File(NamedTuple):
    """A rendered document."""

    name: str
    content: bytes
    media_type: str


def formats() -> tuple[str, ...]:
    """The installed formats of reports."""
    return tuple(registered("reports"))


def report(index: Index, rows: Sequence[Row], form: str) -> File:
    """The report of chosen runs, jobs and studies, equal to the output of `energybench report` for
    their names. Raises BadInput, also for an unreadable run.
    """
    renderer = load("reports", form)
    name = rows[0].name.rpartition("/")[2] if len(rows) == 1 else f"{len(rows)}-runs"
    with _one_at_a_time:
        gathered, reasons = _gathered(index, rows, renderer)
        if reasons:
            raise reasons[0]
        return _rendered(renderer, form, _document(index, gathered), name)


def report_of_readable(index: Index, rows: Sequence[Row], form: str) -> File:
    """The report of all runs of a table, equal to the output of `energybench report` for a store:
    an unreadable run costs a note. Raises BadInput if all runs are unreadable.
    """
    from energybench.store.document import left_out

    renderer = load("reports", form)
    with _one_at_a_time:
        gathered, reasons = _gathered(index, rows, renderer)
        count = len(gathered.results)
        if not count:
            raise BadInput("the table", f"shows no run that can be read; {reasons[0]}")
        gathered.notes.extend(left_out(reasons))
        name = f"{count}-of-{len(rows)}-runs" if reasons else f"{count}-runs"
        return _rendered(renderer, form, _document(index, gathered), name)


def compared(index: Index, rows: Sequence[Row], margin: float, *, force: bool) -> Comparison:
    """Two runs compared as in `energybench compare`; the first is the baseline.

    Raises BadInput, and Refused if the runs are not comparable and `force` is False.
    """
    # late, here and below: the table of runs needs no numpy
    from energybench.analysis.comparison.compare import compare
    from energybench.store import digests, reader

    if len(rows) != 2 or not all(row.comparable for row in rows):
        raise BadInput("compare", "takes exactly two runs", "choose two finished runs")
    first, second = (_directory(index, row) for row in rows)
    try:
        before, after = (reader.read_beside_others(run) for run in (first, second))
    except BadInput as why:
        raise in_the_store(why, index.store) from None
    return digests.with_digests(compare(before, after, margin, force=force), first, second)


def comparison(index: Index, rows: Sequence[Row], form: str, margin: float, *, force: bool) -> File:
    """The report of a comparison and its two runs, equal to the output of `energybench report` for
    the file of `compare --json` and the runs. Raises as `compared`.
    """
    result = compared(index, rows, margin, force=force)
    renderer = load("reports", form)
    with _one_at_a_time:
        gathered, reasons = _gathered(index, rows, renderer)
        if reasons:
            raise reasons[0]
        whole = gathered._replace(results=[result, *gathered.results])
        return _rendered(renderer, form, _document(index, whole), "comparison")


def _gathered(index: Index, rows: Sequence[Row], renderer: Any) -> tuple[Gathered, list[BadInput]]:
    """The content of a report of the rows, and the reasons for unreadable rows."""
    from energybench.store.document import gather_directories

    directories, reasons = [], []
    for row in rows:
        try:
            directories.append(_directory(index, row))
        except BadInput as why:
            reasons.append(why)
    gathered, unreadable = gather_directories(directories, _timelines(renderer, len(rows)))
    return gathered, [*reasons, *(in_the_store(why, index.store) for why in unreadable)]


def _document(index: Index, gathered: Gathered) -> Document:
    from energybench.store.document import document, title_of

    notes = [path_in_the_store(note, index.store) for note in gathered.notes]
    return document(title_of(gathered.results), gathered.results, gathered.timelines, notes)


def _rendered(renderer: Any, form: str, contents: Document, name: str) -> File:
    rendered = renderer.render(contents)
    if isinstance(rendered, bytes):
        media_type = _MEDIA_TYPES.get(renderer.suffix, "application/octet-stream")
        return File(name + renderer.suffix, rendered, media_type)
    return File(f"{name}-{form}.zip", _packed(rendered), "application/zip")


def _packed(files: Any) -> bytes:
    """A format of several files as a single file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _timelines(renderer: Any, runs: int) -> int:
    """Number of runs whose samples are read: 0 for a format without charts of power."""
    return min(runs, MOST_TOGETHER) if getattr(renderer, "timelines", True) else 0


def _directory(index: Index, row: Row) -> Path:
    """The directory of a row, which does not lead out of the store. Raises BadInput."""
    if row.kind == "damaged":
        raise BadInput("", row.reason)
    if not row.readable:
        raise BadInput(row.name, "was not finished")
    out = link_out(index.store, row.path)
    if out is not None:
        raise BadInput(
            os.fsdecode(out), "is a link that leads out of the store, which is not followed"
        )
    return index.path(row)
