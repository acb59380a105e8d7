"""The cost of sdpa's own code: our fused call against the bare torch call, and a repeat of the
worker against a bare loop.

    python benchmarks/sdpa_overhead.py [--threads N] [--rounds N]

One process, the two sides alternating, medians of the ratios within rounds, so that other load of
the machine hits both sides alike. Prints a table and one line of JSON; exit code 1 if a limit is
missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable

import torch
from medians import Median, ratios
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from energybench.measuring.worker import Worker
from energybench_workloads.sdpa import Sdpa
from energybench_workloads.sdpa.backends import allowed, attention

# The limits: our call within 3 % of torch's, a repeat of 10 ms or more within 1 % of the bare loop
CALL, HARNESS = 1.03, 1.01
# Batch, heads, seq, head dim, calls in one timing
SHAPES = ((2, 12, 512, 64, 1), (1, 4, 128, 32, 40), (8, 12, 1024, 64, 1))


def ratio(
    ours: Callable[[], object], bare: Callable[[], object], rounds: int
) -> tuple[float, Median]:
    """Median time of the bare side, and the ratio; the order of the sides alternates."""
    times: list[tuple[float, float]] = []
    order = [("bare", bare), ("ours", ours)]
    for _ in range(rounds + 2):
        pair = {}
        for name, run in order:
            start = time.perf_counter()
            run()
            pair[name] = time.perf_counter() - start
        times.append((pair["ours"], pair["bare"]))
        order.reverse()
    our_s, bare_s = zip(*times[2:], strict=True)
    return statistics.median(bare_s), ratios(our_s, bare_s)


def call(shape: tuple[int, ...], rounds: int) -> tuple[float, Median]:
    """`attention` inside `allowed`, as called by Sdpa.run, against scaled_dot_product_attention
    inside sdpa_kernel, as called by a person.
    """
    batch, heads, seq, head_dim, calls = shape
    q, k, v = (torch.randn((batch, heads, seq, head_dim)) for _ in range(3))
    device = torch.device("cpu")
    attend = attention("flash", True, seq, torch.float32, device)

    def ours() -> None:
        with allowed("flash", device), torch.no_grad():
            for _ in range(calls):
                attend(q, k, v)

    def bare() -> None:
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION]), torch.no_grad():
            for _ in range(calls):
                scaled_dot_product_attention(q, k, v, is_causal=True)

    return ratio(ours, bare, rounds)


def repeat(times: int, rounds: int) -> tuple[float, Median]:
    """A repeat of the worker (`times` runs of the workload, summing the work, making the answer)
    against an equal number of calls in a bare loop.
    """
    settings = {
        "backend": "flash",
        "batch": "2",
        "seq": "512",
        "heads": "12",
        "head_dim": "64",
        "iterations": "2",
        "resident": "true",
    }
    settings["threads"] = str(torch.get_num_threads())
    worker = Worker()
    worker.answer(
        {"do": "setup", "workload": "sdpa", "size": "smoke", "device": "cpu", "settings": settings}
    )
    workload = Sdpa()
    workload.setup("smoke", "cpu", lambda label: contextlib.nullcontext(), settings)
    q, k, v = workload._inputs

    def bare() -> None:
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION]), torch.no_grad():
            for _ in range(2 * times):
                # A result lives until the next is computed, as in a loop that uses results
                out = scaled_dot_product_attention(q, k, v, is_causal=True)
        del out

    return ratio(lambda: worker.answer({"do": "run", "times": times}), bare, rounds)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [(f"call {shape[:4]}", *call(shape, options.rounds), CALL) for shape in SHAPES]
    rows += [
        (f"repeat of {times} runs", *repeat(times, options.rounds), HARNESS) for times in (1, 4, 16)
    ]
    print(
        f"torch {torch.__version__}, {options.threads} thread(s), {options.rounds} rounds, load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    results = []
    for name, bare_s, over_bare, limit in rows:
        counts = limit == CALL or bare_s >= 0.01
        within = over_bare.value <= limit or not counts
        results.append(
            {
                "what": name,
                "bare_s": bare_s,
                "ratio": over_bare._asdict(),
                "limit": limit if counts else None,
                "held": within,
            }
        )
        against = f"limit {limit if counts else '-'}   {'ok' if within else 'MISSED'}"
        print(
            f"{name:<28} bare {bare_s * 1e3:9.3f} ms   ours / bare {over_bare.text(4)}   {against}"
        )
    print(json.dumps(results))
    return 0 if all(row["held"] for row in results) else 1


if __name__ == "__main__":
    sys.exit(main())
