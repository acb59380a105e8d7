"""The arithmetic of the table: windows → errors → a cell a row and tool; the goals; the text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypedDict

TOLERATED = 0.002  # ours may be this much worse than the best peer in a row: 0.2 points
OURS = "energybench"
_NAMES = {
    (0, 0): "before begin … before end",
    (0, 1): "before begin … after end",
    (1, 0): "after begin … before end",
    (1, 1): "after begin … after end",
}


class Timed(NamedTuple):
    """One window: the times before and after begin and end (CLOCK_MONOTONIC), and joules by the
    index of a board or package.
    """

    begin_s: tuple[float, float]
    end_s: tuple[float, float]
    energy_j: Mapping[str, float]


class Cell(TypedDict, total=False):
    """What a tool did in a row; `reason`: why it did nothing."""

    reason: str
    rms_rel: float
    worst_rel: float
    mean_rel: float
    windows: int
    version: str
    # which of the four pairs of times the truth was taken over: the one that favours the tool
    taken: str
    variant: str
    load: list[float]  # load average before each process
    errors_rel: list[float]


def cell(windows: Sequence[tuple[Timed, Callable[[str, float, float], float]]]) -> Cell:
    """Errors against truth(index, start_s, end_s), over the pair of times that makes them smallest.

    Raises ValueError where there are none.
    """
    best: tuple[float, tuple[int, int], list[float]] | None = None
    for i, j in itertools.product((0, 1), repeat=2):
        errors = []
        for timed, truth in windows:
            for index, joules in timed.energy_j.items():
                true_j = truth(index, timed.begin_s[i], timed.end_s[j])
                errors.append(joules / true_j - 1)
        if not errors:
            raise ValueError("it gave no energy at all")
        if best is None or rms(errors) < best[0]:
            best = rms(errors), (i, j), errors
    assert best is not None
    size, pair, errors = best
    worst = max(errors, key=abs)
    return Cell(
        rms_rel=size,
        worst_rel=worst,
        mean_rel=sum(errors) / len(errors),
        windows=len(errors),
        taken=_NAMES[pair],
        errors_rel=errors,
    )


def rms(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


Cells = Mapping[str, Mapping[str, Cell]]  # row → tool → cell


def lost_rows(cells: Cells) -> dict[str, tuple[str, float, float]]:
    """Rows in which ours is more than 0.2 points worse than the best peer: row → (that peer, ours,
    its).
    """
    lost = {}
    for row, tools in cells.items():
        peers = {
            tool: one["rms_rel"] for tool, one in tools.items() if tool != OURS and "rms_rel" in one
        }
        ours = tools.get(OURS, Cell()).get("rms_rel")
        if ours is None or not peers:
            continue
        best = min(peers, key=lambda tool: peers[tool])
        if ours > peers[best] + TOLERATED:
            lost[row] = (best, ours, peers[best])
    return lost


def overall(cells: Cells) -> dict[str, tuple[float, float, int]]:
    """RMS of the rows' RMS over the rows that both did: peer → (ours, its, rows)."""
    totals = {}
    for peer in sorted({tool for tools in cells.values() for tool in tools} - {OURS}):
        both = [
            tools
            for tools in cells.values()
            if all("rms_rel" in tools.get(tool, Cell()) for tool in (OURS, peer))
        ]
        if both:
            totals[peer] = (
                rms([tools[OURS]["rms_rel"] for tools in both]),
                rms([tools[peer]["rms_rel"] for tools in both]),
                len(both),
            )
    return totals


def percent(value: float) -> str:
    return f"{value:.2%}" if abs(value) < 10 else f"{value:.0%}"


def text(cells: Cells, titles: Mapping[str, str], tools: Sequence[str]) -> str:
    """RMS of the relative error (the worst in brackets), windows; then why there are dashes, the
    times taken, and the goals.
    """
    head = ["sensor, load, window", *tools]
    body = []
    reasons: dict[str, str] = {}
    for row, title in titles.items():
        if row not in cells:
            continue
        line = [title]
        for tool in tools:
            one = cells[row].get(tool, Cell())
            if "rms_rel" in one:
                line.append(
                    f"{percent(one['rms_rel'])} ({one['worst_rel']:+.1%}; {one['windows']})"
                )
            else:
                line.append("-")
                if "reason" in one:
                    reasons[f"{tool}, {row}"] = one["reason"]
        body.append(line)
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    lines = [
        "  ".join(field.ljust(width) for field, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *body)
    ]
    lines += ["", "RMS relative error (worst; windows)."] + [
        f"- {where}: {why}" for where, why in reasons.items()
    ]
    return "\n".join([*lines, "", *goals(cells)])


def goals(cells: Cells) -> list[str]:
    """The two goals, each with what it came to."""
    lost = lost_rows(cells)
    done = [row for row, tools in cells.items() if "rms_rel" in tools.get(OURS, Cell())]
    lines = [
        f"goal: {OURS} within 0.2 points of the best peer in every row: {_verdict(done, not lost)} "
        f"({len(done)} rows)"
    ]
    lines += [
        f"  {row}: {percent(ours)} against {percent(its)} of {peer}"
        for row, (peer, ours, its) in lost.items()
    ]
    totals = overall(cells)
    won = all(ours <= its for ours, its, _ in totals.values())
    lines.append(
        f"goal: {OURS} smallest over all rows (RMS of the rows' RMS, over the rows that both did): "
        f"{_verdict(totals, won)}"
    )
    lines += [
        f"  {OURS} {percent(ours)}, {peer} {percent(its)} ({rows} rows)"
        for peer, (ours, its, rows) in totals.items()
    ]
    return lines


def _verdict(measured: Collection[str], met: bool) -> str:
    return "not measured" if not measured else "met" if met else "MISSED"
