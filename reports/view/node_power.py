"""The measured power of a node, beside the power limits of its boards and the provisioned power."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from energybench.model import Comparison, Document, Estimate, Measurement, state_words
from energybench.units import number
from energybench_reports.view.layout import Table
from energybench_reports.view.limits import share_cell
from energybench_reports.view.wording import TableCell, counted, known, plain, value

_ABOUT = (
    "Power of one node. Measured: the mean of the repeats, over the parts in the boundary. "
    "Highest: the largest of the consecutive averages over 1 s within the repeats. Rated: the "
    "power limits of its boards; processors and memory state none. Provisioned: the power that "
    "the operator sets aside for a node, as the publisher states it. Rated and provisioned power "
    "are not measurements of this work."
)

_HIGHEST = "highest over 1 s"


class _Side(NamedTuple):
    """A side of a comparison. measurement: None if the document does not hold the run."""

    run: str
    label: str
    power_w: Estimate | None
    idle_w: Estimate | None
    measurement: Measurement | None


def node_power(document: Document) -> Table:
    """A row for each side of the comparisons of a document; none if no power is known."""
    sides = list(_sides(document))
    if all(side.power_w is None for side in sides):
        return Table("", (), ())
    provisioned = document.publication.provisioned_w if document.publication else {}
    rows: list[tuple[TableCell, ...]] = []
    for side in sides:
        limit = TableCell("not known", tone="muted")
        if side.measurement is not None and side.measurement.roofline is not None:
            limit = share_cell(side.measurement.roofline)
        stated = provisioned.get(side.label)
        rows.append(
            (
                TableCell(plain(side.label) or plain(side.run)),
                value(side.power_w, "W"),
                _highest(side.measurement),
                value(side.idle_w, "W"),
                rated(side.measurement),
                _provisioned(stated, side.power_w),
                limit,
            )
        )
    comparisons: tuple[Comparison, ...] = document.of(Comparison)
    sensed = state_words("measured", replayed=any(entry.replayed for entry in comparisons))
    head: tuple[str, ...] = (
        "node",
        sensed,
        _HIGHEST,
        "idle",
        "rated",
        "provisioned",
        "share of its limit",
    )
    if all(side.measurement is None or side.measurement.highest_power_w is None for side in sides):
        place = head.index(_HIGHEST)
        head = (*head[:place], *head[place + 1 :])
        rows = [(*row[:place], *row[place + 1 :]) for row in rows]
    return Table("Power of a node", head, tuple(rows), _ABOUT)


def _highest(measurement: Measurement | None) -> TableCell:
    if measurement is None or measurement.highest_power_w is None:
        return TableCell("not known", tone="muted")
    return value(measurement.highest_power_w, "W")


def _provisioned(stated: float | None, measured: Estimate | None) -> TableCell:
    if stated is None:
        return known(None)
    below = measured is not None and stated < measured.low
    return TableCell(
        f"{number(stated, 0)} W",
        "less than the power that was measured" if below else "",
        tone="warn" if below else "",
    )


def unused_labels(document: Document) -> str:
    """A sentence about labels for which the publisher states a provisioned power that no table
    shows; "" without such labels.
    """
    stated = document.publication.provisioned_w if document.publication else {}
    sides = {side.label for side in _sides(document) if side.power_w is not None}
    unused = [f'"{plain(label)}"' for label in stated if label not in sides]
    if not unused:
        return ""
    labels = ", ".join(f'"{plain(label)}"' for label in sorted(sides)) or "none"
    return (
        f"The publication states a provisioned power (provisioned_w) of {', '.join(unused)}, which "
        "is the label of no side of a comparison here, and is not shown; labels of the sides: "
        f"{labels}."
    )


def _sides(document: Document) -> Iterator[_Side]:
    """Each run that a comparison names, once."""
    measurements = {m.id: m for m in document.of(Measurement)}
    seen: set[str] = set()
    for comparison in document.of(Comparison):
        sides = zip(
            (comparison.baseline, comparison.candidate),
            comparison.labels,
            comparison.power_w,
            comparison.idle_power_w,
            strict=True,
        )
        for run, label, power_w, idle_w in sides:
            if run not in seen:
                seen.add(run)
                yield _Side(run, label, power_w, idle_w, measurements.get(run))


def rated(measurement: Measurement | None) -> TableCell:
    """The sum of the power limits of a node's boards; a dash if a limit is not known."""
    boards = measurement.host.gpus if measurement is not None else ()
    limits = [board.power_limit_w for board in boards if board.power_limit_w is not None]
    if not limits or len(limits) < len(boards) or any(board.uncounted for board in boards):
        return known(None)
    return TableCell(
        f"{number(sum(limits), 0)} W", f"{counted(len(limits), 'board')} at the power limit"
    )
