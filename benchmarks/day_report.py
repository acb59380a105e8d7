"""Time, size and peak memory of the HTML report of one run of a day: 12 channels at 10 Hz.

    python benchmarks/day_report.py [--hours 24] [--keep FOLDER]

One reading of package-0 is a spike and one a dip; both must be in the page. Goals: 1.5 MB, and 2 s
of processor time for reading the samples and making the page, besides imports.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from child_cost import energybench
from long_run import PERIOD_S, Node, write_partial

from energybench.store.layout import PARTIAL

GOAL_MB, GOAL_S = 1.5, 2.0
# of package-0: energy more and less than usual between two readings
SPIKE_J, DIP_J = 40.0, -9.0
SPIKE_AT, DIP_AT = 0.4, 0.7  # of the run
PARTS = ("imports", "reading the run", "page")


class Part(NamedTuple):
    """Seconds of a part of the work, processor seconds, and peak memory after the part, MB."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float


def _spent() -> tuple[float, float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # Linux counts ru_maxrss in KiB (getrusage(2))
    return time.perf_counter(), time.process_time(), usage.ru_maxrss * 1024 / 1e6


class Spiked(Node):
    """A node whose first package draws more for one reading, and less for another."""

    def __init__(self, hours: float, *words: Any) -> None:
        super().__init__(*words)
        self._polls = int(hours * 3600 / PERIOD_S)

    def piece(self, first: int, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        t_s, counts = super().piece(first, count)
        polls = first + np.arange(count)
        channel = self._channels[0]
        for share, joules in ((SPIKE_AT, SPIKE_J), (DIP_AT, DIP_J)):
            after = polls >= int(share * self._polls)
            counts[after, 0] += int(joules / channel.resolution)
        assert channel.wrap is not None
        counts[:, 0] %= channel.wrap
        return t_s, counts


def page(run: Path, out: Path) -> list[Part]:
    """Write the report of a run. Processor seconds of each part, and peak memory of this process in
    MB after it.
    """
    marks = [_spent()]
    import altair  # noqa: F401
    import jinja2  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.special  # noqa: F401

    from energybench.store.document import document, gather
    from energybench_reports.html import Html

    marks.append(_spent())
    gathered = gather([str(run)], run.parent)
    marks.append(_spent())
    out.write_bytes(Html().render(document("A day", gathered.results, gathered.timelines)))
    marks.append(_spent())
    return [
        Part(
            name,
            *(after - before for before, after in zip(start[:2], end[:2], strict=True)),
            end[2],
        )
        for name, start, end in zip(PARTS, marks, marks[1:], strict=False)
    ]


def extremes(text: str) -> tuple[float, float]:
    """Lowest and highest power of package-0 in the chart of the page, W."""
    for block in re.findall(r'<script type="application/json" id="chart-power-\d+">(.*?)<', text):
        for line in json.loads(block)["datasets"]["lines"]:
            if line["device"] == "package-0" and line["name"].startswith("cpu.package"):
                low = min(watt for watt in line["low"] if watt is not None)
                return low, max(watt for watt in line["high"] if watt is not None)
    raise SystemExit("the page has no line of package-0")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--keep", type=Path, help="an empty folder that keeps the run and the page")
    parser.add_argument("--page", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.page:
        print(json.dumps(page(*options.page)))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = options.keep or Path(folder)
        partial = write_partial(
            store, options.hours, 4, lambda *words: Spiked(options.hours, *words)
        )
        energybench("recover", str(partial), "--json")
        run = partial.with_name(partial.name.removeprefix(PARTIAL))
        out = store / "day.html"
        command = [sys.executable, __file__, "--page", str(run), str(out)]
        spent = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        text = out.read_text("utf-8")
    parts = [Part(*part) for part in spent]
    for part in parts:
        seconds = f"{part.wall_s:7.2f} s {part.cpu_s:7.2f} s CPU"
        print(f"{part.name:<20} {seconds} {part.peak_mb:6.0f} MB peak")
    seconds = sum(part.cpu_s for part in parts if part.name in ("reading the run", "page"))
    size = len(text.encode()) / 1e6
    print(
        f"{'reading and page':<20} {seconds:7.2f} s CPU", f"above {GOAL_S} s" * (seconds > GOAL_S)
    )
    print(f"{'size':<20} {size:7.2f} MB", f"above {GOAL_MB} MB" * (size > GOAL_MB))
    low, high = extremes(text)
    # package-0 draws some 110 to 140 W in a repeat
    kept = high > SPIKE_J / PERIOD_S and low < 60.0
    print(f"package-0 from {low:g} to {high:g} W: spike and dip", "kept" if kept else "LOST")
    if not kept:
        sys.exit(1)


if __name__ == "__main__":
    main()
