"""Documents made of rows on request: reports, comparisons and files to save. Nothing is stored."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from energybench.errors import BadInput
from energybench.model import Comparison, Document
from energybench.registry import load, registered
from energybench.viewing.index import Index
from energybench.viewing.rows import Row
from energybench.viewing.scanning import link_out

MOST_TOGETHER = 24  # runs of one report on the screen
MOST_SAVED = 5000  # runs of one file
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
    """The report of runs, jobs and studies, as `energybench report` makes it. Raises BadInput."""
    # late, here and below: the table of runs needs no numpy
    from energybench.store.document import document, gather, title_of

    paths = _paths(index, rows)

    def contents(renderer: Any) -> Document:
        gathered = gather(paths, _store(index), _timelines(renderer, len(rows)))
        return document(
            title_of(gathered.results), gathered.results, gathered.timelines, gathered.notes
        )

    name = rows[0].name.rpartition("/")[2] if len(rows) == 1 else f"{len(rows)}-runs"
    return _rendered(contents, form, name)


def compared(index: Index, rows: Sequence[Row], margin: float, *, force: bool) -> Comparison:
    """Two runs compared, as `energybench compare` does it; the first is the baseline.

    Raises BadInput, and Refused if the runs are not comparable and `force` is False.
    """
    from energybench.analysis.comparison.compare import compare
    from energybench.store import digests, reader

    if len(rows) != 2 or not all(row.comparable for row in rows):
        raise BadInput("compare", "takes exactly two runs", "choose two finished runs")
    (first, before), (second, after) = (reader.measurement(path) for path in _paths(index, rows))
    return digests.with_digests(compare(before, after, margin, force=force), first, second)


def comparison(index: Index, rows: Sequence[Row], form: str, margin: float, *, force: bool) -> File:
    """The report of a comparison and its two runs, as `energybench report` makes it of the file of
    `compare --json` and the runs. Raises as `compared`.
    """
    from energybench.store.document import document, gather, title_of

    result = compared(index, rows, margin, force=force)

    def contents(renderer: Any) -> Document:
        gathered = gather(_paths(index, rows), _store(index), _timelines(renderer, 2))
        results = [result, *gathered.results]
        return document(title_of(results), results, gathered.timelines, gathered.notes)

    return _rendered(contents, form, "comparison")


def _rendered(contents: Callable[[Any], Document], form: str, name: str) -> File:
    renderer = load("reports", form)
    with _one_at_a_time:
        rendered = renderer.render(contents(renderer))
    if isinstance(rendered, bytes):
        media_type = _MEDIA_TYPES.get(renderer.suffix, "application/octet-stream")
        return File(name + renderer.suffix, rendered, media_type)
    return File(f"{name}-{form}.zip", _packed(rendered), "application/zip")


def _packed(files: Any) -> bytes:
    """A format of several files as one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _timelines(renderer: Any, runs: int) -> int:
    """Of how many runs to read the samples: none for a format without charts of power."""
    return min(runs, MOST_TOGETHER) if getattr(renderer, "timelines", True) else 0


def _paths(index: Index, rows: Sequence[Row]) -> list[str]:
    """The paths of rows, of which none leads out of the store. Raises BadInput."""
    for row in rows:
        if not row.readable:
            raise BadInput(row.name, row.reason or "was not finished")
        out = link_out(index.store, row.path)
        if out is not None:
            raise BadInput(
                os.fsdecode(out), "is a link that leads out of the store, which is not followed"
            )
    return [str(index.path(row)) for row in rows]


def _store(index: Index) -> Any:
    return index.path(Row(path=b"", stamp=(0, 0), kind="run"))
