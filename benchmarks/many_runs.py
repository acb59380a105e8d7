"""CPU time and peak memory of reports and comparisons on a store of many runs.

    python benchmarks/many_runs.py [--runs 2000]

Goal: each report of 2,000 runs takes less than 10 s, but for those with charts (html).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from child_cost import energybench

sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulators live with the tests

from tests.simulators.run_copies import write_store

GOAL_S = 10.0
FORMATS = (
    *("json", "markdown", "terminal", "csv", "openmetrics", "codecarbon", "boamps", "latex"),
    "html",
)


def more_doubts(run: dict[str, Any], number: int) -> None:
    """Two doubts that no other run has."""
    run["doubts"] += [
        {
            "code": "failed-reads",
            "message": f"{number} sensor read(s) failed, {number} of them {sensor} of "
            f"node-{number:05}; they were passed over",
            "remedy": "see `energybench doctor`",
            "subject": f"{sensor} of node-{number:05}",
        }
        for sensor in ("nvml gpu.board", "rapl cpu.package")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        write_store(store, runs, more_doubts)
        for form in FORMATS:
            out = str(Path(folder) / form)
            spent = energybench("report", str(store), "--format", form, "--out", out)
            late = form != "html" and spent.cpu_s > GOAL_S
            print(spent.row(f"report --format {form}"), f"above {GOAL_S:g} s" if late else "")
        pair = ["compare", "copy-00000", f"copy-{runs - 1:05}", "--store", str(store)]
        print(energybench(*pair).row("compare of two runs by their names"))


if __name__ == "__main__":
    main()
