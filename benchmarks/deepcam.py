"""deepcam's step against a bare torch loop of the same network and batches, its share of the matrix
rate, and its data against what a step needs.

    python benchmarks/deepcam.py [--size S] [--device cpu|cuda] [--batch 2] [--steps 2] [--rounds
    20] [--threads N] [--precision bf16|fp32]

One process; ours, the bare loop and a matrix product in the same format take turns, each in every
round, in an order that alternates; medians, and the median of each round's ratio with its 95 %
interval. Both sides begin from the same weights, with the optimiser's memory there before the clock
starts; ours has its loader thread, its regions and its record of losses, the bare loop has its
batches on the device already.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

from energybench_workloads.common import native_bf16, pin_threads, synchronise

pin_threads()  # before torch is loaded, as the workload does it

import torch
from medians import ratios

from energybench_workloads.deepcam import cost, fields
from energybench_workloads.deepcam.loader import Batch, batch
from energybench_workloads.deepcam.member import Member
from energybench_workloads.deepcam.network import loss
from energybench_workloads.deepcam.spec import Order, Spec
from energybench_workloads.deepcam.transfer import tensors
from energybench_workloads.limits.kernels import SIZES, Kernel, product

AGREE = 0.02  # what ours may take longer
REPEATS = 15
ENOUGH = 6  # rounds that a 95 % interval of a median takes


class Watch:
    """When the first transfer, which puts the weights back, was over; regions' seconds from then
    on.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.begun = 0.0

    @contextlib.contextmanager
    def __call__(self, label: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        end = time.perf_counter()
        if self.begun:
            self.seconds[label] = self.seconds.get(label, 0.0) + end - start
        else:
            self.begun = end


def ours(member: Member, steps: int) -> tuple[float, dict[str, float], float]:
    """(seconds a step, regions, seconds waited for data)."""
    watch = Watch()
    trained = member.train(Order(0, steps), watch)
    synchronise(member.device)
    return (time.perf_counter() - watch.begun) / steps, watch.seconds, trained.waited_s


class Bare:
    """What anyone would write, over the same network and optimiser."""

    def __init__(self, member: Member, steps: int) -> None:
        self.member = member
        self.batches = [
            member.transfer.put(tensors(batch(member.source, member.share(), i)))
            for i in range(steps)
        ]

    def __call__(self) -> float:
        member, network, optimiser = self.member, self.member.network, self.member.optimiser
        member.reset()
        network.train()
        synchronise(member.device)
        start = time.perf_counter()
        for field, label in self.batches:
            with member.autocast():
                logits = network(field)
            loss(logits, label, member.weights).backward()
            optimiser.step()
            optimiser.zero_grad()
        synchronise(member.device)
        return (time.perf_counter() - start) / len(self.batches)


def more(member: Member) -> dict[str, float]:
    """Seconds a step of what only ours does, each measured alone: far below the scatter of whole
    steps. A batch is put together by a thread of its own.
    """

    def timed(act: Callable[[], object]) -> float:
        found = []
        for _ in range(REPEATS):
            synchronise(member.device)
            start = time.perf_counter()
            act()
            synchronise(member.device)
            found.append(time.perf_counter() - start)
        return statistics.median(found)

    def put_together() -> Batch:
        return batch(member.source, member.share(), 0)

    ready = tensors(put_together())
    return {"batch": timed(put_together), "transfer": timed(lambda: member.transfer.put(ready))}


def matrix_rate(kernel: Kernel, device: torch.device) -> float:
    """flop/s of the best of five runs of the product that `energybench calibrate` takes a device's
    rate from.
    """
    best = 0.0
    for _ in range(5):
        synchronise(device)
        start = time.perf_counter()
        for _ in range(kernel.times):
            kernel.call()
        synchronise(device)
        best = max(best, kernel.times * kernel.flops / (time.perf_counter() - start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="S", choices=tuple(cost.SIZES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument(
        "--precision",
        choices=("bf16", "fp32"),
        help="default: bf16; fp32 on a processor that has no bf16",
    )
    parser.add_argument(
        "--graphs", action="store_true", help="on a GPU: ours replays recorded passes"
    )
    given = parser.parse_args()
    size, device = (
        cost.SIZES[given.size],
        torch.device("cuda", 0) if given.device.startswith("cuda") else torch.device("cpu"),
    )
    start = time.perf_counter()
    for index in range(8):
        fields.make(size.height, size.width, 2, index)
    made_per_s = 8 / (time.perf_counter() - start)
    precision = given.precision or ("bf16" if native_bf16(device) else "fp32")
    kernel = product(precision, SIZES[device.type], device, once=False)
    spec = Spec(
        size,
        "training",
        given.batch,
        1,
        "adamw",
        1e-3,
        precision,
        False,
        1,
        16,
        2,
        "",
        given.threads,
        True,
        1,
        given.graphs,
    )
    member = Member(spec, 0, device)
    bare = Bare(member, given.steps)
    ours(member, 1), bare()
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    rates, waits, parts = [], [], {}
    for number in range(given.rounds):
        rates.append(matrix_rate(kernel, device))
        for name in ("ours", "bare") if number % 2 else ("bare", "ours"):
            if name == "bare":
                times[name].append(bare())
                continue
            seconds, parts, waited_s = ours(member, given.steps)
            times[name].append(seconds)
            waits.append(waited_s / given.steps)
    middle = {name: statistics.median(found) for name, found in times.items()}
    ratio = ratios(times["ours"], times["bare"])
    flops, rate = given.batch * cost.training_flops(size.pixels), statistics.median(rates)
    where = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} thread(s)"
    )
    print(
        f"{given.size} ({size.height} x {size.width}), batch {given.batch}, {precision}, {where}, "
        f"torch {torch.__version__}, "
        f"{given.rounds} rounds of {given.steps} steps"
    )
    limit = 1 + AGREE
    undecided = given.rounds < ENOUGH or ratio.low <= limit < ratio.high
    verdict = (
        "these rounds do not decide against"
        if undecided
        else "within"
        if ratio.high <= limit
        else "OVER"
    )
    print(
        f"step: ours {middle['ours']:.3f} s, bare {middle['bare']:.3f} s; ours / bare "
        f"{ratio.text(3)} ({verdict} {limit:g})"
    )
    added = more(member)
    told = ", ".join(f"{name} {seconds * 1e3:.2f} ms" for name, seconds in added.items())
    print(
        f"what ours does beside the bare loop, by itself, a step: {told}; "
        f"{sum(added.values()) / middle['bare']:.2%} of a step"
    )
    print(
        "parts of the last round, s a step: "
        + ", ".join(f"{name} {seconds / given.steps:.4f}" for name, seconds in parts.items())
    )
    print(
        f"rate: {flops / middle['ours'] / 1e9:.0f} Gflop/s, {flops / middle['ours'] / rate:.0%} of "
        f"the {precision} matrix product's {rate / 1e9:.0f} Gflop/s"
    )
    spread = ", ".join(
        f"{name} {min(found):.3f}-{max(found):.3f} s" for name, found in times.items()
    )
    print(f"spread: {spread}; matrix product {min(rates) / 1e9:.0f}-{max(rates) / 1e9:.0f} Gflop/s")
    need = given.batch / middle["ours"]
    start = time.perf_counter()
    for i in range(8):
        batch(member.source, member.share(), i)
    given_per_s = 8 * given.batch / (time.perf_counter() - start)
    print(
        f"data: step needs {need:.2f} samples/s; loader gives {given_per_s:.0f} "
        f"({given_per_s / need:.0f} times), a core generates {made_per_s:.1f}",
        end="; ",
    )
    print(
        f"waited {statistics.median(waits) * 1e3:.2f} ms a step, "
        f"{statistics.median(waits) / middle['ours']:.2%}"
    )
    if device.type == "cuda":
        needed = cost.memory(size, given.batch, True, 2, False, 18)[1]
        print(
            f"memory: peak {torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB allocated; "
            f"the formula asks for {needed / 2**30:.2f} GiB"
        )


if __name__ == "__main__":
    main()
