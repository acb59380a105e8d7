"""Time, size and peak memory of reports on stores of 1 to 1,000 runs, and of a page without charts.

    python benchmarks/report_pages.py [--runs 1 20 1000] [--goals]

Goals: the html page of 1,000 runs takes less than 5 s of processor time, 3 MB and 500 MB of memory;
a page without charts has less than 150 kB. With --goals the exit code is 1 if one is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from child_cost import Cost, energybench
from many_runs import write_store

from energybench.registry import registered

FORMATS = {"html", "markdown", "terminal", "json", "csv"}
GOAL_S, GOAL_MB, GOAL_PEAK_MB, GOAL_WITHOUT_CHARTS_KB = 5.0, 3.0, 500.0, 150.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 20, 1000])
    parser.add_argument("--goals", action="store_true")
    wanted = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for runs in wanted.runs:
            store = Path(folder) / f"store-{runs}"
            write_store(store, runs)
            for form in registered("reports").keys() & FORMATS:
                out = Path(folder) / f"{runs}.{form}"
                spent = energybench("report", str(store), "--format", form, "--out", str(out))
                size_mb = out.stat().st_size / 1e6
                print(f"{spent.row(f'{runs} runs, {form}')}   {size_mb:8.3f} MB")
                if form == "html" and runs >= 1000:
                    missed += _missed(spent, size_mb)
        scenario = Path(folder) / "projection.json"
        projected = [sys.executable, "-m", "energybench", "project", "--scenario", "nersc-2023"]
        with scenario.open("wb") as file:
            subprocess.run([*projected, "--json"], stdout=file, check=True)
        out = Path(folder) / "projection.html"
        spent = energybench("report", str(scenario), "--format", "html", "--out", str(out))
        size_kb = out.stat().st_size / 1e3
        print(f"{spent.row('a page without charts')}   {size_kb / 1e3:8.3f} MB")
        if size_kb > GOAL_WITHOUT_CHARTS_KB:
            missed.append(f"a page without charts has {size_kb:.0f} kB")
    for words in missed:
        print(f"goal missed: {words}")
    if missed and wanted.goals:
        sys.exit(1)


def _missed(spent: Cost, size_mb: float) -> list[str]:
    """The goals for the page of 1,000 runs that these costs miss."""
    limits = [
        (spent.cpu_s, GOAL_S, "s"),
        (size_mb, GOAL_MB, "MB of the page"),
        (spent.peak_mb, GOAL_PEAK_MB, "MB of memory"),
    ]
    return [f"{value:.3g} {unit}, goal {goal:g}" for value, goal, unit in limits if value > goal]


if __name__ == "__main__":
    main()
