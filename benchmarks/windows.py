"""Error of windows against the truth of simulated sensors, through the real command: `energybench
measure -- sleep 10`.

    python benchmarks/windows.py [--seconds 10] [--runs 8]

Each run measures 16 simulated A100 (100/500 W square wave of 1.3 s, counter every 100 ms, each its
own random phase) and two packages whose RAPL counters wrap within the window. Goal: 95 % of the 10
s windows within 0.5 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from node import ENERGYBENCH, node

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.traces.trace_curve import curve
from energybench.store.reader import read_traces

PERIOD_S, LOW_W, HIGH_W = 1.3, 100.0, 500.0
CONF = (
    f"count=16\nwave=square,{LOW_W:g},{HIGH_W:g},{PERIOD_S},0.5\nenergy_ms=100\nphase_ms=random\n"
)
RANGE_UJ = 262_143_328_850
WATTS = 180.0


def true_gpu_j(start_s: float, end_s: float) -> float:
    """The simulated wave runs on CLOCK_BOOTTIME."""
    offset = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    half = PERIOD_S / 2

    def joules(t: float) -> float:
        periods, rest = divmod(t + offset, PERIOD_S)
        return periods * half * (LOW_W + HIGH_W) + (
            rest * HIGH_W if rest < half else half * HIGH_W + (rest - half) * LOW_W
        )

    return joules(end_s) - joules(start_s)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=8)
    options = parser.parse_args()
    gpu, rapl, wraps = [], [], 0
    rng = np.random.default_rng()
    for seed in range(1, options.runs + 1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ahead = int(
                WATTS * 1e6 * (1.5 + rng.uniform(0, options.seconds))
            )  # the counters wrap this many µJ from now
            with node(folder, CONF, seed=seed, watts=WATTS, start_uj=RANGE_UJ - ahead) as live:
                time.sleep(rng.uniform(0, PERIOD_S))
                command = [
                    ENERGYBENCH,
                    "measure",
                    "--json",
                    "--root",
                    str(live.root),
                    "--collector",
                    "rapl",
                    "--collector",
                    "nvml",
                ]
                ran = subprocess.run(
                    [*command, "--", "sleep", str(options.seconds)],
                    cwd=folder,
                    env=live.env,
                    capture_output=True,
                    text=True,
                    check=True,
                )
            document = json.loads(ran.stdout)
            traces, windows = read_traces(folder / "results" / document["id"])
            window = next(window for window in windows if window.label == "repeat")
            for trace in traces:
                channel = trace.channel
                if (
                    channel.kind != "counter"
                    or channel.component == "cpu.dram"
                    or (made_curve := curve(trace)) is None
                ):
                    continue
                value = energy(made_curve, window).energy_j or 0.0
                if channel.component == "gpu.board":
                    gpu.append(value / true_gpu_j(window.start_s, window.end_s) - 1)
                else:
                    wraps += made_curve.wraps
                    rapl.append(value / (WATTS * window.duration_s) - 1)
    for label, errors in (("A100 counter", gpu), (f"RAPL, {wraps} wraps", rapl)):
        size = np.abs(errors)
        print(
            f"{label:<18} {size.size:4d} windows of {options.seconds:g} s   |error| median "
            f"{np.median(size):.3%}   95 % {np.quantile(size, 0.95):.3%}"
            f"   worst {size.max():.3%}   mean {np.mean(errors):+.3%}   within 0.5 %: "
            f"{np.mean(size < 0.005):.1%}"
        )


if __name__ == "__main__":
    main()
