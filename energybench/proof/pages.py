"""Reports that contain their document: does the text of the report follow from the document?

The document is rendered again by the format's own code, and both files are compared piece by piece.
Nothing of the file is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from energybench.errors import BadInput
from energybench.model import (
    Document,
    Measurement,
    Timeline,
)
from energybench.plugins import Rendered, Report
from energybench.registry import load, registered
from energybench.store.document import MOST_TIMELINES, timelines
from energybench.store.document_file import Content
from energybench.units import counted

_MOST_PIECES = 5  # pieces that are shown, of those that differ
_MOST_SHOWN = 80  # characters of a piece
_NEEDS_SAMPLES = "whether the power over time is that of the runs: this needs the samples"


@runtime_checkable
class InPieces(Protocol):
    """A report whose files can be compared piece by piece."""

    def pieces(self, rendered: bytes) -> Sequence[str]:
        """Everything that a reader of the file sees or that its program runs, in order.

        Raises ValueError for a file that is not of this format.
        """


@runtime_checkable
class HasForms(Protocol):
    """Optional beside it, for a report that writes a document in several forms."""

    def again(self, document: Document, rendered: bytes) -> bytes:
        """The document in the form of a file. Raises BadInput as `render` does."""

    def drawn_elsewhere(self, rendered: bytes) -> bool:
        """Whether a file states that other versions of the libraries drew it."""

    def is_drawing(self, piece: str) -> bool:
        """Whether a piece follows from the versions of these libraries."""

    def has_words_of(self, rendered: bytes, again: bytes) -> bool:
        """Whether a file has the words of its document rendered again, however they are drawn."""


def renderer(suffix: str) -> Report | None:
    """The report that writes files with this suffix; None if none is installed."""
    points = registered("reports")
    for name in points:
        try:
            report: Report = load("reports", name, points)
        except BadInput:
            continue
        if report.suffix == suffix and isinstance(report, InPieces):
            return report
    return None


class PieceDifference(NamedTuple):
    """A difference in words. drawing: whether another version of a library may be the cause."""

    words: str
    drawing: bool = False


class Compared(NamedTuple):
    """The result of a comparison.

    without  what was not compared, in words; "" if everything was
    """

    differences: tuple[PieceDifference, ...]
    without: str = ""


def compared(
    page: bytes, content: Content, report: Report, runs: Mapping[str, tuple[Path, Measurement]]
) -> Compared:
    """Compare a page with the rendering of the document that it holds.

    runs  directory and result of the runs whose samples are at hand, by their ids
    Raises BadInput if the document cannot be rendered here.
    """
    document = content.document()
    measured: tuple[Measurement, ...] = document.of(Measurement)
    if not (getattr(report, "timelines", False) and all(one.id in runs for one in measured)):
        without = _NEEDS_SAMPLES if document.timelines else ""
        return Compared(_differences(page, report, rendered_again(page, report, document)), without)
    charted = msgspec.structs.replace(document, timelines=drawn(document, runs))
    sides = [rendered_again(page, report, charted)]
    if sides[0] != page and not document.timelines:
        # a page that was made from files instead of run directories has no charts of power
        sides.append(rendered_again(page, report, document))
    if page in sides:
        return Compared(())
    return Compared(min((_differences(page, report, side) for side in sides), key=len))


def drawn(document: Document, runs: Mapping[str, tuple[Path, Measurement]]) -> tuple[Timeline, ...]:
    """The power over time of the runs of a document, as `energybench report` reads it."""
    measured: tuple[Measurement, ...] = document.of(Measurement)
    return tuple(line for one in measured[:MOST_TIMELINES] for line in timelines(*runs[one.id]))


def rendered_again(page: bytes, report: Report, document: Document) -> bytes:
    """The document, rendered in the form of a page. Raises BadInput."""
    rendered: Rendered
    if isinstance(report, HasForms):
        rendered = report.again(document, page)
    else:
        rendered = report.render(document)
    if not isinstance(rendered, bytes):
        raise BadInput(f"report {report.name!r}", "writes several files", "leave it out")
    return rendered


# ---------------------------------------------------------------- pieces


def _differences(page: bytes, report: Report, rendered: bytes) -> tuple[PieceDifference, ...]:
    if rendered == page:
        return ()
    assert isinstance(report, InPieces)
    try:
        stated, again = (report.pieces(side) for side in (page, rendered))
    except ValueError as error:
        return (PieceDifference(f"cannot be taken apart: {error}"),)
    is_drawing = _never
    if isinstance(report, HasForms) and report.has_words_of(page, rendered):
        is_drawing = report.is_drawing
    return tuple(_shown_pairs(stated, again, is_drawing))


def _never(piece: str) -> bool:
    return False


def _shown_pairs(
    stated: Sequence[str], again: Sequence[str], is_drawing: Callable[[str], bool]
) -> list[PieceDifference]:
    """The first pieces that differ, text before drawings; after one that is too much or missing,
    the rest is not shown.
    """
    found = [
        PieceDifference(
            f"has {_shown(left)}, and its document gives {_shown(right)}",
            is_drawing(left) and is_drawing(right),
        )
        for left, right in zip_longest(stated, again, fillvalue="")
        if left != right
    ]
    found.sort(key=lambda difference: difference.drawing)
    if len(stated) != len(again):
        return found[:1]
    if len(found) <= _MOST_PIECES:
        return found
    more = found[_MOST_PIECES:]
    words = f"and {counted(len(more), 'more difference')}"
    return [*found[:_MOST_PIECES], PieceDifference(words, all(one.drawing for one in more))]


def _shown(piece: str) -> str:
    text = " ".join(piece.split())
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…")
