"""Wrong verdicts at a true ratio of 1, right verdicts at 1.05 and 1.10, and the coverage of the
ratio's interval, by the number of repeats on either side and their scatter.

    python benchmarks/verdicts.py [--runs 300] [--draws 4000] [--seed 0] [--power]

Each run has a counter of the CPU package and one of the memory, read at the times at which a run
reads them; energy and time of its repeats scatter about a known truth. The real `measure` and
`compare` judge the samples. No time passes. Requirement: at a ratio of 1 at most 5 % of the
verdicts of a cell are wrong (better or worse); the interval of three or more repeats on both sides
holds the truth in 95 % of the cells, within the chance of so many runs.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.uncertainty import draws, effects
from energybench.model import Channel, Gain, Host, Measurement, Trace, Window

REPEATS = (1, 2, 3, 8)
SCATTERS = (0.01, 0.02, 0.05)
POWERS_W = {"cpu.package": 180.0, "cpu.dram": 20.0}
IDLE_SHARE = 0.4
TIME_S = 2.0
PAUSE_S = 0.8
EDGE_S = 0.1  # fast polls on either side of an edge
COUNT_J = 1e-6
TICK_S = 1e-3
_SEED_STEP = 1_000_000  # between the numbers of the runs of two seeds
RANGES = {
    "memory_w_per_gb": (0.2, 0.5, "not used"),
    "gpu_w": (0.0, 1000.0, "not used"),
    "package_w": (20.0, 500.0, "not used"),
}


class Cell(NamedTuple):
    """Numbers of repeats of baseline and candidate, their relative scatter, and the true ratio."""

    baseline: int
    candidate: int
    scatter: float
    ratio: float


class Judged(NamedTuple):
    """A cell, how often each verdict was given, and how many intervals held the true ratio."""

    cell: Cell
    verdicts: Counter[str]
    covered: int

    @property
    def wrong(self) -> int:
        """Verdicts that deny a true ratio of 1."""
        return self.verdicts["better"] + self.verdicts["worse"]


@functools.cache
def simulated_run(
    side: int, repeats: int, scatter: float, ratio: float, number: int
) -> Measurement:
    """Run `number` of one side. Its repeats have the mean energy `ratio` x 400 J; energy and time
    scatter apart. Cells that share a side's repeats share its runs. Another seed begins at another
    number.
    """
    rng = np.random.default_rng([side, repeats, round(1e6 * scatter), number])
    energies = ratio * (1 + scatter * rng.standard_normal(repeats))
    times_s = TIME_S * (1 + scatter * rng.standard_normal(repeats))
    start_s = 3.0 + rng.random()
    edges_s, shares, windows = [0.0], [0.0], []
    for i, (energy, time_s) in enumerate(zip(energies.tolist(), times_s.tolist(), strict=True)):
        end_s = start_s + time_s
        windows.append(Window(label="repeat", start_s=start_s, end_s=end_s, repeat=i))
        # energy as a share of the energy of a second at full power
        before = shares[-1] + IDLE_SHARE * (start_s - edges_s[-1])
        edges_s += [start_s, end_s]
        shares += [before, before + energy * TIME_S]
        start_s = end_s + PAUSE_S
    edges_s.append(start_s)
    shares.append(shares[-1] + IDLE_SHARE * PAUSE_S)
    polls_s = np.concatenate(
        [
            np.concatenate(
                [
                    np.arange(window.start_s - 3 * EDGE_S, window.start_s + EDGE_S, 0.005),
                    np.arange(window.start_s + EDGE_S, window.end_s, 0.1),
                    np.arange(window.end_s, window.end_s + 2 * EDGE_S, 0.005),
                ]
            )
            for window in windows
        ]
    )
    ticks_s = np.floor(polls_s / TICK_S) * TICK_S
    traces = [
        Trace(
            channel=_channel(component),
            t_s=polls_s,
            raw=(power_w * np.interp(ticks_s, edges_s, shares) / COUNT_J).astype(np.int64),
            ok=np.ones(polls_s.size, dtype=np.bool_),
        )
        for component, power_w in POWERS_W.items()
    ]
    record = Record(
        id=f"{side}-{number}",
        label="ab"[side],
        workload=None,
        command=("program",),
        boundary="compute",
        host=Host(name="node", sockets=1, memory_bytes=64 * 10**9),
        windows=tuple(windows),
        works=(None,) * repeats,
        verification=(),
    )
    return measure(record, traces, RANGES)


def _channel(component: str) -> Channel:
    gain = Gain(u_rel=0.02, key=f"gain:package-0:{component}", source="the same on both sides")
    return Channel(
        collector="rapl",
        device="package-0",
        component=component,
        kind="counter",
        resolution=COUNT_J,
        gain=gain,
        update_period_s=TICK_S,
    )


def judged(cell: Cell, runs: int, seed: int = 0) -> Judged:
    """Compare `runs` pairs of independent runs of one node."""
    verdicts: Counter[str] = Counter()
    covered = 0
    for number in range(seed * _SEED_STEP, seed * _SEED_STEP + runs):
        comparison = compare(
            simulated_run(0, cell.baseline, cell.scatter, cell.ratio, number),
            simulated_run(1, cell.candidate, cell.scatter, 1.0, number),
        )
        verdicts[str(comparison.verdict)] += 1
        interval = comparison.energy_ratio
        covered += interval is not None and interval.low <= cell.ratio <= interval.high
    found = Judged(cell, verdicts, covered)
    print(found, file=sys.stderr, flush=True)
    return found


def judged_all(cells: Sequence[Cell], runs: int, seed: int) -> list[Judged]:
    """Cells of one scatter, one after the other: they share their runs."""
    return [judged(cell, runs, seed) for cell in cells]


def fewer_draws(count: int) -> None:
    """Shorten the Monte Carlo: 4 000 stratified draws place an end of an interval to 1 % of its
    width, and a verdict needs no more.
    """
    draws.DRAWS = effects.DRAWS = count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0, help="other runs")
    parser.add_argument("--power", action="store_true", help="ratios of 1.05 and 1.10 instead")
    options = parser.parse_args()
    repeats = (3, 8) if options.power else REPEATS
    shares = [
        [
            Cell(baseline, candidate, scatter, ratio)
            for ratio in ((1.05, 1.10) if options.power else (1.0,))
            for baseline, candidate in itertools.product(repeats, repeats)
        ]
        for scatter in SCATTERS
    ]
    with multiprocessing.Pool(None, fewer_draws, (options.draws,)) as pool:
        work = [(cells, options.runs, options.seed) for cells in shares]
        found = pool.starmap(judged_all, work, chunksize=1)
    _print_table([entry for row in zip(*found, strict=True) for entry in row], options.runs)


def _print_table(cells: Sequence[Judged], runs: int) -> None:
    """A row for each ratio and pair of repeats: by scatter, verdicts and coverage in percent."""
    print("ratio  repeats  " + "  ".join(f"{scatter:>22.0%}" for scatter in SCATTERS))
    for (ratio, pair), row in itertools.groupby(
        cells, key=lambda entry: (entry.cell.ratio, entry.cell[:2])
    ):
        columns = []
        for entry in row:
            count = entry.wrong if ratio == 1 else entry.verdicts["better"]
            word = "wrong" if ratio == 1 else "better"
            shares = f"{count / runs:.1%} {word}, {entry.covered / runs:.1%} hold"
            columns.append(f"{shares:>22}")
        print(f"{ratio:<5.2f}  {pair[0]} and {pair[1]}  " + "  ".join(columns), flush=True)


if __name__ == "__main__":
    main()
