"""Reports that contain their document: does the text of the report follow from the document?

The document is rendered again by the format's own code, and both files are compared piece by piece.
Nothing of the file is executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from energybench.plugins import Piece, Rendered, Report
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

    def pieces(self, rendered: bytes) -> Sequence[Piece]:
        """Everything that a reader of the file sees or that its program runs, in order.

        Raises ValueError for a file that is not of this format.
        """


@runtime_checkable
class HasForms(Protocol):
    """Optional beside it, for a report that writes a document in several forms."""

    def again(self, document: Document, rendered: bytes) -> bytes:
        """The document in the form of a file. Raises BadInput as `render` does."""

    def other_libraries(self, rendered: bytes) -> Sequence[str]:
        """Names and versions of the libraries that drew a file, as the file states them, if other
        versions are installed here: "typst 0.14.0".
        """

    def same_bytes(self, rendered: bytes, again: bytes, *, drawings: bool) -> bool:
        """Whether two files have the same bytes, apart from the compression of their parts.

        drawings  whether the pieces of this kind count

        Raises ValueError as `pieces` does.
        """

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
    """A difference in words.

    drawing  whether another version of a library may be the cause
    code     whether a viewer may run or load the pieces that differ
    """

    words: str
    drawing: bool = False
    code: bool = False


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
    """Where a page differs from the rendering of its document, code first.

    The bytes decide. The pieces name the places of the differences, and their kinds.
    """
    if rendered == page:
        return ()
    assert isinstance(report, InPieces)
    forms = report if isinstance(report, HasForms) else None
    try:
        if forms is not None and forms.same_bytes(page, rendered, drawings=True):
            return ()
        sides = [report.pieces(side) for side in (page, rendered)]
        only_drawings = forms is not None and forms.same_bytes(page, rendered, drawings=False)
    except ValueError as error:
        return (PieceDifference(f"cannot be taken apart: {error}", code=True),)
    excused = forms is not None and forms.has_words_of(page, rendered)
    differences = []
    for kind in ("code", "text", "drawing"):
        stated, again = ([one.words for one in side if one.kind == kind] for side in sides)
        form = PieceDifference("", drawing=kind == "drawing" and excused, code=kind == "code")
        differences += _shown_pairs(stated, again, form)
    drawn = only_drawings and excused
    shown = any(not one.drawing for one in differences) or (drawn and differences)
    if forms is not None and not shown:
        differences.insert(0, PieceDifference(_other_bytes(page, rendered), drawing=drawn))
    return _first(differences)


def _shown_pairs(
    stated: Sequence[str], again: Sequence[str], form: PieceDifference
) -> list[PieceDifference]:
    """The pieces that differ, of one kind; of pieces that are too many or missing the first.

    form  a difference of this kind, without words
    """
    if len(stated) == len(again):
        return [
            form._replace(words=f"has {_shown(one)}, and its document gives {_shown(other)}")
            for one, other in zip(stated, again, strict=True)
            if one != other
        ]
    sides = Counter(stated), Counter(again)
    more = next((piece for piece in stated if sides[0][piece] > sides[1][piece]), None)
    if more is not None:
        return [form._replace(words=f"has {_shown(more)}, and its document does not give it")]
    missing = next(piece for piece in again if sides[1][piece] > sides[0][piece])
    return [form._replace(words=f"has no {_shown(missing)}, and its document gives it")]


def _first(differences: Sequence[PieceDifference]) -> tuple[PieceDifference, ...]:
    if len(differences) <= _MOST_PIECES:
        return tuple(differences)
    more = differences[_MOST_PIECES:]
    rest = PieceDifference(
        f"and {counted(len(more), 'more difference')}",
        drawing=all(one.drawing for one in more),
        code=any(one.code for one in more),
    )
    return (*differences[:_MOST_PIECES], rest)


def _other_bytes(page: bytes, rendered: bytes) -> str:
    """Words for two files whose pieces are equal."""
    pairs = enumerate(zip_longest(page, rendered))
    place = next(number for number, (one, other) in pairs if one != other)
    return (
        f"differs at byte {place} from the file that energybench writes of its document: another "
        "program or version wrote it"
    )


def _shown(piece: str) -> str:
    text = " ".join(piece.split())
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…")
