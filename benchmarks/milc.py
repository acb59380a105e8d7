"""milc against the machine's read bandwidth: Dslash with halo, complete CG, and the mixed solvers
against fp64, in one process, one after the other.

    python benchmarks/milc.py [--lattice 24x24x24x24 --lattice 32x32x32x32] [--device cpu|cuda]
    [--rounds 9] [--iterations 60]

A share is the traffic of the byte model (docs/workloads/milc.md) over the median time, divided by
the bandwidth of the fastest read in the run: a compiled sum over 1 GiB in rows. The read is
repeated in every round, because the bandwidth of a shared machine varies; the median is printed
too. Ratios have the 95 % interval of the median or, with few rounds, the range.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from energybench_workloads.common import ask_huge_pages, cpus, pin_threads

pin_threads()  # before torch is loaded, as the workload does it
ask_huge_pages()

import torch
from medians import median, ratios

from energybench_workloads.milc import cost, gauge
from energybench_workloads.milc.choices import read_lattice
from energybench_workloads.milc.kernels import kernels
from energybench_workloads.milc.lattice import Lattice
from energybench_workloads.milc.layout import choose
from energybench_workloads.milc.member import CPU_LANES, GPU_LANES
from energybench_workloads.milc.operator import Format, NormalOperator, Slab
from energybench_workloads.milc.solver import Problem, conjugate_gradient
from energybench_workloads.milc.source import random_source

FORMS: tuple[Format, ...] = ("fp64", "fp32", "bf16", "int16")
MASS, TOLERANCE, SPREAD, SOLVES = 0.01, 1e-10, 0.65, 3


def seconds(device: torch.device, work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def reader(device: torch.device) -> tuple[Callable[[], Any], int]:
    """A compiled read of 1 GiB (8 GiB on a GPU), and its bytes."""
    big = torch.ones((2**28 if device.type == "cpu" else 2**31) // 4096 * 4096, device=device)
    summed = torch.compile(lambda x: x.view(-1, 4096).sum(1))
    return (lambda: summed(big)), big.nbytes


def study(
    lattice: Lattice,
    device: torch.device,
    rounds: int,
    iterations: int,
    read: Callable[[], Any],
    read_bytes: int,
) -> None:
    links = gauge.smear(gauge.random_links(lattice, 1, SPREAD))
    natural = random_source(lattice, links, MASS, 1)
    slab = Slab(lattice, choose(lattice, CPU_LANES if device.type == "cpu" else GPU_LANES))
    compiled = kernels(device.type)
    high = NormalOperator.on(slab, links, MASS, kernels("cpu")).to(device, "fp64", compiled)
    b = high.gather(natural)
    operators = {form: high if form == "fp64" else high.to(device, form) for form in FORMS}
    problems = {form: Problem(high, operator, b) for form, operator in operators.items()}
    plain = {
        form: Problem(operators[form], operators[form], b.to(operators[form].dtype))
        for form in ("fp64", "fp32")
    }
    sources = {}
    for form, operator in operators.items():
        flat, interior = operator.buffer()
        interior.copy_(b)
        sources[form] = (flat, interior)
    works: dict[str, Callable[[], Any]] = {"read": read}
    works |= {
        f"dslash {form}": (lambda form=form: operators[form].hop_to_odd(*sources[form]))
        for form in FORMS
    }
    works |= {
        f"cg {form}": (lambda form=form: conjugate_gradient(plain[form], 1e-14, iterations))
        for form in plain
    }
    for work in works.values():
        work()  # compiles
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(device, work))
    rates = [read_bytes / t for t in times["read"]]
    limit = max(rates)
    print(f"\n{lattice.name}, {slab.lanes.name}, {device}, {torch.get_num_threads()} threads")
    print(f"  read bandwidth {limit / 1e9:.1f} GB/s, median {statistics.median(rates) / 1e9:.1f}")

    def line(name: str, flops: float, moved: float) -> None:
        t = statistics.median(times[name])
        beside = median(moved / one / rate for one, rate in zip(times[name], rates, strict=True))
        print(
            f"  {name:13} {flops / t / 1e9:7.1f} GF/s  {moved / t / limit:5.0%} of the read "
            f"bandwidth, {beside.text()} of the read beside it"
        )

    for form in FORMS:
        line(
            f"dslash {form}",
            cost.DSLASH_FLOPS * lattice.half,
            cost.dslash_bytes(*cost.WIDTHS[form]) * lattice.half,
        )
    for form in plain:
        widths = cost.WIDTHS[form]
        line(
            f"cg {form}",
            cost.flops(lattice, iterations, 0),
            cost.moved_bytes(lattice, iterations, 0, widths, widths),
        )
    solves: dict[str, list[float]] = {form: [] for form in FORMS}
    last = {}
    for _ in range(SOLVES):
        for form, problem in problems.items():
            solves[form].append(
                seconds(
                    device,
                    lambda problem=problem, form=form: last.update(
                        {form: conjugate_gradient(problem, TOLERANCE, 20_000)}
                    ),
                )
            )
    for form, took in solves.items():
        solution, times_faster = last[form], ratios(solves["fp64"], took)
        print(
            f"  to {TOLERANCE:g}, iterating in {form:6} {statistics.median(took):6.2f} s, "
            f"{times_faster.text()}x as fast as fp64; "
            f"{solution.iterations} iterations, {solution.updates} true residuals, reached "
            f"{solution.residual:.1e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lattice", action="append")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--iterations", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(len(cpus()))
    device = torch.device(options.device)
    read, read_bytes = reader(device)
    for text in options.lattice or ["24x24x24x24", "32x32x32x32"]:
        study(
            read_lattice(text, Lattice(4, 4, 4, 4)),
            device,
            options.rounds,
            options.iterations,
            read,
            read_bytes,
        )


if __name__ == "__main__":
    main()
