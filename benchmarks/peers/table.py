"""The arithmetic of the table: windows → errors → a cell a row and tool; the goals; the text."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypedDict

TOLERATED = 0.002  # ours may be this much worse than the best peer in a row: 0.2 points
OURS = "energybench"
_NAMES = {
    (0, 0): "before begin … before end",
    (0, 1): "before begin … after end",
    (1, 0): "after begin … before end",
    (1, 1): "after begin … after end",
}


Truth = Callable[[str, float, float], float]  # index, start_s, end_s → J


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
    median_rel: float  # of the absolute errors
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


def cell(windows: Sequence[tuple[Timed, Truth]]) -> Cell:
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
        median_rel=statistics.median(abs(error) for error in errors),
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
Figure = Literal["median_rel", "rms_rel"]


class Titled(Protocol):
    """A row, as the table needs it."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def true_counter(self) -> bool: ...


def lost_rows(cells: Cells, figure: Figure) -> dict[str, tuple[str, float, float]]:
    """Rows in which ours is more than 0.2 points worse than the best peer: row → (that peer, ours,
    its).
    """
    lost = {}
    for row, tools in cells.items():
        peers = {tool: one[figure] for tool, one in tools.items() if tool != OURS and figure in one}
        ours = tools.get(OURS, Cell()).get(figure)
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


def text(cells: Cells, rows: Sequence[Titled], tools: Sequence[str]) -> str:
    """A Markdown table of the median absolute error (RMS, worst; windows), with versions; then the
    reasons of the dashes, and the goals.
    """
    versions = {
        tool: one["version"]
        for by_tool in cells.values()
        for tool, one in by_tool.items()
        if "version" in one
    }
    lines = [
        _line(["sensor, load, window", *(f"{t} {versions.get(t, '')}".strip() for t in tools)]),
        "|---" * (len(tools) + 1) + "|",
    ]
    reasons: dict[str, str] = {}
    for row in rows:
        if row.name not in cells:
            continue
        fields = [row.title]
        for tool in tools:
            one = cells[row.name].get(tool, Cell())
            fields.append(_entry(one))
            if "reason" in one:
                reasons[f"{tool}, {row.name}"] = one["reason"]
        lines.append(_line(fields))
    lines += ["", "Median of the absolute relative errors (RMS, worst; windows)."]
    lines += [f"- {where}: {why}" for where, why in reasons.items()]
    counters = {row.name for row in rows if row.true_counter}
    return "\n".join([*lines, "", *goals(cells, counters)])


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _entry(one: Cell) -> str:
    if "rms_rel" not in one:
        return "-"
    spread = f"{percent(one['rms_rel'])}, {one['worst_rel']:+.1%}; {one['windows']}"
    return f"{percent(one['median_rel'])} ({spread})"


def goals(cells: Cells, counters: Collection[str]) -> list[str]:
    """The goals, each with its outcome. `counters` are the rows with a true counter: in the others
    no tool can know what happened between two samples.
    """
    figures: tuple[tuple[Figure, str], ...] = (("median_rel", "median"), ("rms_rel", "RMS"))
    kinds = (("with a true counter", True), ("without one", False))
    lines = []
    for (kind, counter), (figure, word) in itertools.product(kinds, figures):
        chosen = {row: tools for row, tools in cells.items() if (row in counters) == counter}
        done = [row for row, tools in chosen.items() if figure in tools.get(OURS, Cell())]
        lost = lost_rows(chosen, figure)
        lines.append(
            f"goal: {OURS} within 0.2 points of the best peer in every row {kind}, by the {word}: "
            f"{_verdict(done, not lost)} ({len(done)} rows)"
        )
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
