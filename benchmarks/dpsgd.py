"""What clipping costs: plain SGD, Opacus as its users write it (hooks, ghost), and book-keeping;
speed, gradients, memory, golden ε.

    python benchmarks/dpsgd.py [--network conv2 --network conv6] [--batch 512] [--parts 64]
    [--rounds N] [--device cpu|cuda] [--threads N]

One process: every round times all modes in turn, in an order that moves on; medians of each round's
ratio to Opacus' hooks, with their 95 % intervals. All begin from the same weights and see the same
examples. Memory is of a process of its own for each mode. Prints tables and one line of JSON; exit
code 1 where a goal is missed.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from energybench_workloads.common import pin_threads, synchronise, use_threads

pin_threads()  # before torch is loaded, as the workload does it

import torch
from medians import ratios

from energybench_workloads.dpsgd import models, privacy
from energybench_workloads.dpsgd.data import examples
from energybench_workloads.dpsgd.mechanisms import mechanism
from energybench_workloads.dpsgd.spec import MODES, Spec, read

PEERS = ("Opacus hooks", "Opacus ghost")
FASTER, ERROR, ROOM, ROOM_PARTS = (
    2.0,
    1e-4,
    2.0,
    1.3,
)  # goals: over hooks; of a gradient; of memory over plain SGD's
GOLDEN = {"rdp": 2.59436, "pld": 2.37964}  # q = 256/60000, σ = 1.1, 14040 steps, δ = 1e-5
CALLS = {"conv2": 4, "conv6": 1, "wrn16-4": 1, "text": 2}  # steps that one timing holds
ROUNDS = {"conv2": 25, "conv6": 7, "wrn16-4": 6, "text": 12}


class Side(NamedTuple):
    """One mode: a step over the whole batch in parts, and the gradient that the last one released
    (before noise).
    """

    step: Callable[[], object]
    gradient: Callable[[], torch.Tensor]


def spec(network: str, mode: str, batch: int, noise: str = "1.1") -> Spec:
    private = {} if mode == "plain" else {"noise": noise, "clip": "1"}
    return read(
        network,
        {
            "mode": mode,
            "batch": str(batch),
            "examples": str(batch),
            "held": "1",
            "data": "",
            "lr": "0.01",
            "momentum": "0",
        }
        | private,
    )


def ours(network: str, mode: str, batch: int, part: int, device: torch.device) -> Side:
    chosen = spec(network, mode, batch)
    held = examples(chosen._replace(data="text" if network == "text" else "synthetic"))
    net = models.network(network, chosen.size.classes, "group", 1).to(device)
    net.train()
    made = mechanism(chosen, net)
    x, y = held.x.to(device), held.y.to(device)

    def accumulate() -> None:
        for a, b in zip(x.split(part), y.split(part), strict=True):
            made.backward(models.losses(made.forward(a), b))

    def step() -> None:
        accumulate()
        made.step(0)

    def gradient() -> torch.Tensor:
        accumulate()
        found = [made.summed(p) if hasattr(made, "summed") else p.grad for p in net.parameters()]
        row = torch.cat([grad.flatten() for grad in found if grad is not None]).clone()
        _forget(net)
        return row

    return Side(step, gradient)


def peer(network: str, mode: str, batch: int, device: torch.device) -> Side:
    """Opacus by its own tutorial: module, optimiser, criterion; no parts."""
    from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    chosen = spec(network, "explicit", batch)
    held = examples(chosen._replace(data="text" if network == "text" else "synthetic"))
    net = models.network(network, chosen.size.classes, "group", 1).to(device)
    net.train()
    x, y = held.x.to(device), held.y.to(device)
    ghost = mode == "Opacus ghost"
    module: Any = (
        GradSampleModuleFastGradientClipping(net, max_grad_norm=1.0, use_ghost_clipping=True)
        if ghost
        else GradSampleModule(net)
    )
    kind: Any = DPOptimizerFastGradientClipping if ghost else DPOptimizer
    optimiser = kind(
        torch.optim.SGD(net.parameters(), 0.01),
        noise_multiplier=1.1,
        max_grad_norm=1.0,
        expected_batch_size=batch,
    )
    criterion: Any = torch.nn.CrossEntropyLoss()
    if ghost:
        criterion = DPLossFastGradientClipping(module, optimiser, criterion)

    def logits() -> tuple[torch.Tensor, torch.Tensor]:
        found = module(x)
        return (found.flatten(0, 1), y.flatten()) if found.dim() == 3 else (found, y)

    def step() -> None:
        optimiser.zero_grad()
        criterion(*logits()).backward()
        optimiser.step()

    def gradient() -> torch.Tensor:
        optimiser.zero_grad()
        criterion(*logits()).backward()
        if ghost:
            optimiser.accumulate()
        else:
            optimiser.clip_and_accumulate()
        row = torch.cat([p.summed_grad.flatten() for p in net.parameters()]).clone()
        optimiser.zero_grad()
        return row

    return Side(step, gradient)


def _forget(net: torch.nn.Module) -> None:
    p: Any
    for p in net.parameters():
        p.grad = p.summed_grad = None


def side(network: str, name: str, batch: int, part: int, device: torch.device) -> Side:
    return (
        peer(network, name, batch, device)
        if name in PEERS
        else ours(network, name, batch, part, device)
    )


def speed(network: str, batch: int, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of a step, of each round."""
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
            if number:
                times[name].append((time.perf_counter() - start) / CALLS[network])
    return times


def gradients(network: str, batch: int, part: int, device: torch.device) -> dict[str, float]:
    """Relative error of the clipped sum against Opacus' hooks."""
    expected = side(network, "Opacus hooks", batch, batch, device).gradient()
    found = {
        f"{name}{'' if size == batch else f', parts of {size}'}": (name, size)
        for name in MODES[1:]
        for size in (batch, part)
    }
    return {
        title: float(
            (side(network, name, batch, size, device).gradient() - expected).norm()
            / expected.norm()
        )
        for title, (name, size) in found.items()
    }


class Peak(NamedTuple):
    """Bytes of a step above what was there before it: torch's own count, and resident memory at its
    highest (None on a GPU).
    """

    counted: float
    resident: float | None


def memory(network: str, name: str, batch: int, part: int, device: str) -> Peak:
    """In a process of its own: allocators keep what one mode has left to the next."""
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
    return Peak(
        *json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[
                -1
            ]
        )
    )


def measure_memory(network: str, name: str, batch: int, part: int, device: torch.device) -> Peak:
    from energybench_workloads.memory import counted

    step = side(network, name, batch, part, device).step
    step()
    resident = None
    if device.type == "cpu":
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(
                0
                # what the first step has left in the heap is no memory of the second: else it hides
                # there
            )
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text(
            "5"
        )  # the highest point begins anew: man proc_pid_clear_refs
        step()
        resident = _status("VmHWM") - before
    return Peak(counted(step, 0.0, device).extra_bytes.value, resident)


def _status(key: str) -> float:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)
    )
    return float(line.split()[1]) * 1024


def report(
    network: str, given: argparse.Namespace, device: torch.device
) -> tuple[dict[str, Any], bool]:
    batch, part = given.batch, given.parts
    rounds = given.rounds or ROUNDS[network]
    times = speed(network, batch, rounds, device)
    ratio = {name: ratios(times["Opacus hooks"], found) for name, found in times.items()}
    print(
        f"{network}, batch {batch}, {device.type}, {torch.get_num_threads()} thread(s), {rounds} "
        "rounds: step, examples/s, speed over Opacus' hooks"
    )
    for name, found in times.items():
        middle = statistics.median(found)
        print(
            f"  {name:14} {middle * 1e3:8.1f} ms ({min(found) * 1e3:.1f}-{max(found) * 1e3:.1f})  "
            f"{batch / middle:8.0f}/s  {ratio[name].text()}x"
        )
    errors = gradients(network, batch, part, device)
    print(
        "  clipped sum against Opacus' hooks, relative: "
        + ", ".join(f"{name} {value:.1e}" for name, value in errors.items())
    )
    cases = {
        (name, size): memory(network, name, batch, size, given.device)
        for name in ("plain", "explicit", "book-keeping")
        for size in (batch, part)
    }
    plain = {size: cases["plain", size] for size in (batch, part)}
    print(
        f"  memory of a step (MiB) and over plain SGD's, counted by torch / resident: at {batch} "
        f"at once; in parts of {part}, beside plain SGD at {batch}"
    )
    over: dict[str, dict[str, float]] = {}
    for (name, size), peak in cases.items():
        base = plain[batch] if size == part else plain[size]
        over[f"{name} {size}"] = {"counted": peak.counted / base.counted} | (
            {"resident": peak.resident / base.resident} if peak.resident and base.resident else {}
        )
        resident = f" / {peak.resident / 2**20:.0f}" if peak.resident is not None else ""
        print(
            f"    {name:14} {size:5}: {peak.counted / 2**20:7.1f}{resident}, "
            f"{' / '.join(f'{value:.2f}x' for value in over[f'{name} {size}'].values())}"
        )
    equal = cases["book-keeping", part].counted / plain[part].counted
    print(f"    book-keeping over plain SGD, both in parts of {part}: {equal:.2f}x")
    met = ratio["book-keeping"].value >= FASTER and max(errors.values()) <= ERROR
    met = (
        met
        and over[f"book-keeping {batch}"]["counted"] <= ROOM
        and over[f"book-keeping {part}"]["counted"] <= ROOM_PARTS
    )
    return {
        "speed": {name: found._asdict() for name, found in ratio.items()},
        "errors": errors,
        "memory": over,
        "memory equal parts": equal,
    }, met


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", action="append", choices=tuple(CALLS))
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--parts", type=int, default=64, help="virtual batches: examples at once")
    parser.add_argument(
        "--rounds", type=int, default=0, help="default: as many as a minute or two hold"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    use_threads(given.threads)
    device = torch.device(given.device)
    if given.memory_of:
        print(
            json.dumps(
                measure_memory(given.network[0], given.memory_of, given.batch, given.parts, device)
            )
        )
        return 0
    found, good = {}, True
    for network in given.network or ["conv2", "conv6"]:
        found[network], met = report(network, given, device)
        good = good and met
    spent = privacy.spent(256 / 60000, 1.1, 14040, 1e-5)
    print(
        f"golden ε: RDP {spent.rdp:.5f} (expected {GOLDEN['rdp']}), PLD {spent.pld:.5f} (expected "
        f"{GOLDEN['pld']})"
    )
    good = (
        good and abs(spent.rdp - GOLDEN["rdp"]) <= 1e-4 and abs(spent.pld - GOLDEN["pld"]) <= 1e-4
    )
    print(json.dumps({**found, "all met": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
