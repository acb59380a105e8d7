"""The cost of clipping: plain SGD, Opacus as its users write it (hooks, ghost), and book-keeping;
speed, gradients, memory, golden ε.

    python benchmarks/dpsgd.py [--network conv2 --network conv6] [--batch 512] [--parts 64]
    [--rounds N] [--device cpu|cuda] [--threads N]

Speed is measured in one process: a round times every mode in turn, starting with another mode in
every round; printed are medians of the rounds' ratios to Opacus' hooks, with 95 % intervals. The
modes start from the same weights and use the same examples. Memory is measured in a separate
process for every mode. Prints tables and one line of JSON; exit code 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from energybench_workloads.common import pin_threads, synchronise, use_threads

pin_threads()  # before torch is loaded, as the workload does

import torch
from dpsgd_sides import PEERS, side
from medians import ratios

from energybench_workloads.dpsgd import privacy
from energybench_workloads.dpsgd.spec import MODES

# Goals: speed over Opacus' hooks; relative error of a gradient; memory over plain SGD's, at once
# and in parts
FASTER, ERROR, ROOM, ROOM_PARTS = 2.0, 1e-4, 2.0, 1.3
GOLDEN = {"rdp": 2.59436, "pld": 2.37964}  # q = 256/60000, σ = 1.1, 14040 steps, δ = 1e-5
CALLS = {"conv2": 4, "conv6": 1, "wrn16-4": 1, "text": 2}  # steps in one timing
ROUNDS = {"conv2": 25, "conv6": 7, "wrn16-4": 6, "text": 12}


def speed(network: str, batch: int, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of a step, for every mode and round."""
    names = [*MODES, *(name for name in PEERS if network != "text" or name != "Opacus ghost")]
    sides = {name: side(network, name, batch, batch, device) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            synchronise(device)
            start = time.perf_counter()
            for _ in range(CALLS[network]):
                sides[name].step()
            synchronise(device)
            if number:  # round 0 warms up
                times[name].append((time.perf_counter() - start) / CALLS[network])
    return times


def gradients(network: str, batch: int, part: int, device: torch.device) -> dict[str, float]:
    """Relative error of the clipped sum against Opacus' hooks."""
    expected = side(network, "Opacus hooks", batch, batch, device).gradient()
    errors = {}
    for name in MODES[1:]:
        for size in (batch, part):
            title = name if size == batch else f"{name}, parts of {size}"
            gradient = side(network, name, batch, size, device).gradient()
            errors[title] = float((gradient - expected).norm() / expected.norm())
    return errors


class Peak(NamedTuple):
    """Bytes of a step above the memory in use before the step: torch's own count, and the highest
    resident memory (None on a GPU).
    """

    counted: float
    resident: float | None


def memory(network: str, name: str, batch: int, part: int, device: str) -> Peak:
    """Measured in a separate process: memory left in the allocators by one mode would serve the
    next.
    """
    command = [
        sys.executable,
        __file__,
        "--memory-of",
        name,
        "--network",
        network,
        "--batch",
        str(batch),
        "--parts",
        str(part),
        "--device",
        device,
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Peak(*json.loads(output.splitlines()[-1]))


def measure_memory(network: str, name: str, batch: int, part: int, device: torch.device) -> Peak:
    from energybench_workloads.memory import counted

    step = side(network, name, batch, part, device).step
    step()
    resident = None
    if device.type == "cpu":
        gc.collect()
        # Return free heap memory of the first step to the system, so that the second step's memory
        # is not hidden in it; some C libraries lack malloc_trim
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        before = _status("VmRSS")
        # Reset the peak of the resident memory: man proc_pid_clear_refs
        Path("/proc/self/clear_refs").write_text("5")
        step()
        resident = _status("VmHWM") - before
    return Peak(counted(step, 0.0, device).extra_bytes.value, resident)


def _status(key: str) -> float:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)
    )
    return float(line.split()[1]) * 1024


def report(
    network: str, options: argparse.Namespace, device: torch.device
) -> tuple[dict[str, Any], bool]:
    """Figures for one network, and whether every goal is met. Prints tables."""
    batch, part = options.batch, options.parts
    speeds, fast = report_speed(network, batch, options.rounds or ROUNDS[network], device)
    errors = gradients(network, batch, part, device)
    print(
        "  clipped sum against Opacus' hooks, relative: "
        + ", ".join(f"{name} {value:.1e}" for name, value in errors.items())
    )
    over, equal, small = report_memory(network, batch, part, options.device)
    figures = {
        "speed": speeds,
        "errors": errors,
        "memory": over,
        "memory equal parts": equal,
    }
    return figures, fast and max(errors.values()) <= ERROR and small


def report_speed(
    network: str, batch: int, rounds: int, device: torch.device
) -> tuple[dict[str, Any], bool]:
    times = speed(network, batch, rounds, device)
    ratio = {name: ratios(times["Opacus hooks"], seconds) for name, seconds in times.items()}
    print(
        f"{network}, batch {batch}, {device.type}, {torch.get_num_threads()} thread(s), {rounds} "
        "rounds: step, examples/s, speed over Opacus' hooks"
    )
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        spread = f"{min(seconds) * 1e3:.1f}-{max(seconds) * 1e3:.1f}"
        print(
            f"  {name:14} {middle * 1e3:8.1f} ms ({spread})  "
            f"{batch / middle:8.0f}/s  {ratio[name].text()}x"
        )
    figures = {name: value._asdict() for name, value in ratio.items()}
    return figures, ratio["book-keeping"].value >= FASTER


def report_memory(
    network: str, batch: int, part: int, device: str
) -> tuple[dict[str, dict[str, float]], float, bool]:
    """(memory over plain SGD's, book-keeping over plain SGD in equal parts, goals met)."""
    peaks = {
        (name, size): memory(network, name, batch, size, device)
        for name in ("plain", "explicit", "book-keeping")
        for size in (batch, part)
    }
    print(
        f"  memory of a step (MiB) and over plain SGD's, counted by torch / resident: at {batch} "
        f"at once; in parts of {part}, beside plain SGD at {batch}"
    )
    base = peaks["plain", batch]
    over: dict[str, dict[str, float]] = {}
    for (name, size), peak in peaks.items():
        shares = {"counted": peak.counted / base.counted}
        if peak.resident and base.resident:
            shares["resident"] = peak.resident / base.resident
        over[f"{name} {size}"] = shares
        resident = f" / {peak.resident / 2**20:.0f}" if peak.resident is not None else ""
        print(
            f"    {name:14} {size:5}: {peak.counted / 2**20:7.1f}{resident}, "
            f"{' / '.join(f'{value:.2f}x' for value in shares.values())}"
        )
    equal = peaks["book-keeping", part].counted / peaks["plain", part].counted
    print(f"    book-keeping over plain SGD, both in parts of {part}: {equal:.2f}x")
    met = (
        over[f"book-keeping {batch}"]["counted"] <= ROOM
        and over[f"book-keeping {part}"]["counted"] <= ROOM_PARTS
    )
    return over, equal, met


def golden() -> bool:
    """Whether ε of the tutorial's MNIST run is right by both accountants."""
    spent = privacy.spent(256 / 60000, 1.1, 14040, 1e-5)
    print(
        f"golden ε: RDP {spent.rdp:.5f} (expected {GOLDEN['rdp']}), PLD {spent.pld:.5f} (expected "
        f"{GOLDEN['pld']})"
    )
    return abs(spent.rdp - GOLDEN["rdp"]) <= 1e-4 and abs(spent.pld - GOLDEN["pld"]) <= 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", action="append", choices=tuple(CALLS))
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--parts", type=int, default=64, help="virtual batches: examples at once")
    parser.add_argument(
        "--rounds", type=int, default=0, help="default: as many as fit a minute or two"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    use_threads(options.threads)
    device = torch.device(options.device)

    # The separate process of `memory`
    if options.memory_of:
        (network,) = options.network
        peak = measure_memory(network, options.memory_of, options.batch, options.parts, device)
        print(json.dumps(peak))
        return 0

    figures, good = {}, True
    for network in options.network or ["conv2", "conv6"]:
        figures[network], met = report(network, options, device)
        good = good and met
    good = golden() and good
    print(json.dumps({**figures, "all met": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
