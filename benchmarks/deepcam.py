"""deepcam's step against a bare torch loop over the same network and batches, the step's share of
the matrix rate, and the rate of data against the need of a step.

    python benchmarks/deepcam.py [--size S] [--device cpu|cuda] [--batch 2] [--steps 2] [--rounds
    20] [--threads N] [--precision bf16|fp32]

One process; in every round our step, the bare loop and a matrix product in the format of the step
take turns, in an order that alternates. Printed are medians, and the median of the rounds' ratios
with the 95 % interval. Both sides begin from equal weights, with the optimiser's memory allocated
before the clock starts. Our side has the loader's thread, the regions and the record of losses; the
bare loop has its batches on the device already.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

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

AGREE = 0.02  # allowed excess of our step over the bare loop
REPEATS = 15
ENOUGH = 6  # rounds needed for a 95 % interval of a median


class Watch:
    """begun: the end of the first transfer, which restores the weights; seconds: of the regions
    after the first transfer.
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
    """A training loop as anyone would write it, over our side's network and optimiser."""

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
    """Seconds a step of the work that only our side does, measured alone, because the scatter of
    complete steps is larger. In a run, the loader's thread puts a batch together.
    """

    def timed(act: Callable[[], object]) -> float:
        times = []
        for _ in range(REPEATS):
            synchronise(member.device)
            start = time.perf_counter()
            act()
            synchronise(member.device)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    def put_together() -> Batch:
        return batch(member.source, member.share(), 0)

    ready = tensors(put_together())
    return {"batch": timed(put_together), "transfer": timed(lambda: member.transfer.put(ready))}


def matrix_rate(kernel: Kernel, device: torch.device) -> float:
    """flop/s in the best of five runs of the product by which `energybench calibrate` measures a
    device's rate.
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


class Rounds(NamedTuple):
    """The measured rounds. seconds: of a step, by side; parts: seconds of the regions in the last
    round; waits: seconds a step that our side waited for data; rates: flop/s of the product.
    """

    seconds: dict[str, list[float]]
    parts: dict[str, float]
    waits: list[float]
    rates: list[float]


def measure(member: Member, kernel: Kernel, steps: int, count: int) -> Rounds:
    bare = Bare(member, steps)
    ours(member, 1), bare()
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    rates, waits, parts = [], [], {}
    for number in range(count):
        rates.append(matrix_rate(kernel, member.device))
        for name in ("ours", "bare") if number % 2 else ("bare", "ours"):
            if name == "bare":
                seconds[name].append(bare())
                continue
            step_s, parts, waited_s = ours(member, steps)
            seconds[name].append(step_s)
            waits.append(waited_s / steps)
    return Rounds(seconds, parts, waits, rates)


def print_times(rounds: Rounds, added: dict[str, float], steps: int) -> None:
    """Our step against the bare loop, the work that only our side does, and the regions."""
    ratio = ratios(rounds.seconds["ours"], rounds.seconds["bare"])
    bare_s = statistics.median(rounds.seconds["bare"])
    limit = 1 + AGREE
    verdict = "within" if ratio.high <= limit else "OVER"
    if len(rounds.rates) < ENOUGH or ratio.low <= limit < ratio.high:
        verdict = "these rounds do not decide against"
    print(
        f"step: ours {statistics.median(rounds.seconds['ours']):.3f} s, bare {bare_s:.3f} s; "
        f"ours / bare {ratio.text(3)} ({verdict} {limit:g})"
    )
    additions = ", ".join(f"{name} {seconds * 1e3:.2f} ms" for name, seconds in added.items())
    print(
        f"work of ours beside the bare loop, measured alone, a step: {additions}; "
        f"{sum(added.values()) / bare_s:.2%} of a step"
    )
    print(
        "parts of the last round, s a step: "
        + ", ".join(f"{name} {seconds / steps:.4f}" for name, seconds in rounds.parts.items())
    )


def print_rate(rounds: Rounds, flops: float, precision: str) -> None:
    """Our share of the matrix product's rate, and the spread of the rounds."""
    achieved = flops / statistics.median(rounds.seconds["ours"])
    rate = statistics.median(rounds.rates)
    print(
        f"rate: {achieved / 1e9:.0f} Gflop/s, {achieved / rate:.0%} of the {precision} matrix "
        f"product's {rate / 1e9:.0f} Gflop/s"
    )
    spread = ", ".join(
        f"{name} {min(seconds):.3f}-{max(seconds):.3f} s"
        for name, seconds in rounds.seconds.items()
    )
    product_spread = f"{min(rounds.rates) / 1e9:.0f}-{max(rounds.rates) / 1e9:.0f} Gflop/s"
    print(f"spread: {spread}; matrix product {product_spread}")


def print_data(member: Member, rounds: Rounds, generated_per_s: float) -> None:
    """The rate of samples that a step needs, and the rates of the loader and of one core."""
    step_s = statistics.median(rounds.seconds["ours"])
    needed_per_s = member.spec.batch / step_s
    start = time.perf_counter()
    for i in range(8):
        batch(member.source, member.share(), i)
    loaded_per_s = 8 * member.spec.batch / (time.perf_counter() - start)
    print(
        f"data: step needs {needed_per_s:.2f} samples/s; loader gives {loaded_per_s:.0f} "
        f"({loaded_per_s / needed_per_s:.0f} times), a core generates {generated_per_s:.1f}; "
        f"waited {statistics.median(rounds.waits) * 1e3:.2f} ms a step, "
        f"{statistics.median(rounds.waits) / step_s:.2%}"
    )


def generation_rate(size: cost.Size) -> float:
    """Samples per second that one core generates."""
    start = time.perf_counter()
    for index in range(8):
        fields.make(size.height, size.width, 2, index)
    return 8 / (time.perf_counter() - start)


def arguments() -> argparse.Namespace:
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
        help="default: bf16; fp32 on a processor without bf16 arithmetic",
    )
    parser.add_argument(
        "--graphs", action="store_true", help="on a GPU: ours replays recorded passes"
    )
    return parser.parse_args()


def main() -> None:
    options = arguments()
    size, device = cost.SIZES[options.size], torch.device("cpu")
    if options.device.startswith("cuda"):
        device = torch.device("cuda", 0)
    generated_per_s = generation_rate(size)
    precision = options.precision or ("bf16" if native_bf16(device) else "fp32")
    spec = Spec(
        size=size,
        mode="training",
        batch=options.batch,
        accumulate=1,
        optimiser="adamw",
        lr=1e-3,
        precision=precision,
        recompute=False,
        seed=1,
        samples=16,
        held=2,
        data="",
        threads=options.threads,
        regions=True,
        graphs=options.graphs,
    )
    kernel = product(precision, SIZES[device.type], device, once=False)
    member = Member(spec, 0, device)
    rounds = measure(member, kernel, options.steps, options.rounds)
    where = f"CPU, {torch.get_num_threads()} thread(s)"
    if device.type == "cuda":
        where = torch.cuda.get_device_name(device)
    print(
        f"{options.size} ({size.height} x {size.width}), batch {options.batch}, {precision}, "
        f"{where}, torch {torch.__version__}, {options.rounds} rounds of {options.steps} steps"
    )
    print_times(rounds, more(member), options.steps)
    print_rate(rounds, options.batch * cost.training_flops(size.pixels), precision)
    print_data(member, rounds, generated_per_s)
    if device.type == "cuda":
        needed = cost.memory(size, options.batch, True, 2, False, 18)[1]
        print(
            f"memory: peak {torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB allocated; "
            f"the formula asks for {needed / 2**30:.2f} GiB"
        )


if __name__ == "__main__":
    main()
