"""How often the gate is wrong, and how often it finds a change: simulated sessions of tests, judged
by the real functions of energybench.gating.

    python benchmarks/gates.py [--sessions 2000] [--tests 200]

A template of a record comes from the real `measure` and `record` on a simulated node; a simulated
run of a test replaces the energies of its windows. Each energy scatters from round to round and
from process to process; the mean is known. No time passes. Requirements, for a threshold of 5 %:

a  5 pairs of 5 rounds of 3 %, 2 % between processes, 200 tests: a session without a change fails in
   at most 1 %, with confirmation; a change of +10 % is found in at least 95 %
b  one saved run, 2 % between runs: at most 3 % of the unchanged tests are called regressed
c  the same as a and b on a node without a memory counter, each run in a container of another name
d  5 pairs of 5 rounds of 3 %, 1 % between processes: at least 95 % of the unchanged tests read "no
   regression"
e  200 comparisons take less than 10 s
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.measurement.measure import Record as Run
from energybench.analysis.measurement.measure import measure
from energybench.gating.compare import compare_pairs, compare_saved
from energybench.gating.records import HostIdentity, Record, record
from energybench.gating.verdicts import GateVerdict, confirm
from energybench.model import Channel, Gain, Host, Trace, Window, Work
from energybench.simulating.study import wilson

THRESHOLD = 0.05
PAIRS, ROUNDS = 5, 5
SCATTER = 0.03  # of rounds
CHANGE = 0.10
MEMORY_BYTES = 512 * 2**30
IDENTITY = "boot:0123456789abcdef"
POWERS_W = {"cpu.package": 180.0, "cpu.dram": 20.0}
RANGES = {
    "memory_w_per_gb": (0.2, 0.5, "as in data/priors.toml"),
    "gpu_w": (0.0, 1000.0, "not used"),
    "package_w": (20.0, 500.0, "not used"),
}


class Node(NamedTuple):
    """A simulated node.

    template    a record of a test on the node
    containers  True: each run is in a container with a host name of its own
    """

    template: Record
    containers: bool = False

    def runs(self, factors: Floats, number: int) -> list[Record]:
        """One record for each row of factors, which multiply the energies of its rounds."""
        template, host = self.template, self.template.host
        means = {name: sum(cells) / len(cells) for name, cells in template.windows_j.items()}
        records = []
        for i, row in enumerate(factors.tolist()):
            if self.containers:
                host = HostIdentity(ids=host.ids, name=f"runner-{number}-{i}")
            windows = {name: tuple([mean * x for x in row]) for name, mean in means.items()}
            records.append(
                msgspec.structs.replace(
                    template, windows_j=windows, host=host, session=f"{number}-{i}"
                )
            )
        return records


def node(*, memory_counter: bool = True, containers: bool = False) -> Node:
    """A node with one package: a run of five rounds at constant power."""
    components = ["cpu.package", "cpu.dram"] if memory_counter else ["cpu.package"]
    starts = [5.0 + 2.0 * i for i in range(ROUNDS)]
    work = Work(amount=100.0, unit="iteration", fingerprint="test", precision="equal-precision")
    run = Run(
        id="simulated",
        label="tests/test_a.py::test_a",
        workload=None,
        command=("pytest",),
        boundary="compute",
        host=Host(name="runner", ids=(IDENTITY,), sockets=1, memory_bytes=MEMORY_BYTES),
        windows=tuple(
            Window(label="repeat", start_s=start, end_s=start + 1.0, repeat=i)
            for i, start in enumerate(starts)
        ),
        works=(work,) * ROUNDS,
        verification=(),
    )
    traces = [_trace(component, starts[-1] + 3.0) for component in components]
    return Node(record(measure(run, traces, RANGES)), containers)


def _trace(component: str, end_s: float) -> Trace:
    """A counter of microjoules that is read every 10 ms."""
    times_s = np.arange(0.0, end_s, 0.01)
    channel = Channel(
        collector="rapl",
        device="package-0",
        component=component,
        kind="counter",
        quantity="energy",
        resolution=1e-6,
        update_period_s=0.001,
        socket="package-0",
        gain=Gain(u_rel=0.03, key=f"gain:rapl:package-0:{component}@{IDENTITY}"),
    )
    counts = np.floor(times_s * POWERS_W[component] / channel.resolution).astype(np.int64)
    return Trace(channel=channel, t_s=times_s, raw=counts, ok=np.ones(times_s.size, dtype=bool))


def factors(rng: np.random.Generator, shape: tuple[int, ...], between: float) -> Floats:
    """Factors of energies about 1, shape [*shape, ROUNDS]: one factor for each process, times one
    for each round.
    """
    processes = between * rng.standard_normal((*shape, 1))
    return np.exp(processes + SCATTER * rng.standard_normal((*shape, ROUNDS)))


# ---------------------------------------------------------------- the gates


def pairs_verdict(
    where: Node, baseline: Floats, candidate: Floats, change: float, number: int
) -> GateVerdict:
    """The verdict on one test in pairs; factors of shape [PAIRS, ROUNDS]."""
    before = where.runs(baseline, 2 * number)
    after = where.runs(candidate * (1 + change), 2 * number + 1)
    return compare_pairs(before, after, THRESHOLD)


def judged_in_pairs(
    where: Node, rng: np.random.Generator, tests: int, between: float, change: float = 0.0
) -> list[GateVerdict]:
    """The verdicts on the tests of one session; a test that fails is measured once more."""
    sides = factors(rng, (tests, 2, PAIRS), between)
    verdicts = []
    for i, (baseline, candidate) in enumerate(sides):
        verdict = pairs_verdict(where, baseline, candidate, change, i)
        if verdict.fails:
            again = factors(rng, (2, PAIRS), between)
            verdict = confirm(verdict, pairs_verdict(where, *again, change, tests + i))
        verdicts.append(verdict)
    return verdicts


def judged_against_saved(
    where: Node,
    rng: np.random.Generator,
    tests: int,
    sessions: int,
    between: float,
    change: float = 0.0,
) -> Counter[str]:
    """Outcomes of tests against a number of saved sessions."""
    outcomes: Counter[str] = Counter()
    for i, runs in enumerate(factors(rng, (tests, sessions + 1), between)):
        saved = where.runs(runs[:-1], 2 * i)
        (candidate,) = where.runs(runs[-1:] * (1 + change), 2 * i + 1)
        outcomes[compare_saved(saved, candidate, THRESHOLD).outcome] += 1
    return outcomes


def failing_by_history(
    where: Node, rng: np.random.Generator, tests: int, sessions: int, kept: bool
) -> tuple[int, int]:
    """Unchanged tests that fail against saved sessions with 2 % between sessions: by the first
    verdict, and after confirmation.

    kept  True: the process that measures once more has the same factor as the first process, for
          it belongs to the day or the machine; False: a factor of its own
    """
    first_count = confirmed_count = 0
    for i in range(tests):
        levels = np.exp(0.02 * rng.standard_normal((sessions + 2, 1)))
        if kept:
            levels[-1] = levels[-2]
        runs = where.runs(levels * factors(rng, (sessions + 2,), 0.0), i)
        saved, first, again = runs[:-2], runs[-2], runs[-1]
        verdict = compare_saved(saved, first, THRESHOLD)
        if verdict.fails:
            first_count += 1
            confirmed_count += confirm(verdict, compare_saved(saved, again, THRESHOLD)).fails
    return first_count, confirmed_count


class Figure(NamedTuple):
    """A share with its requirement: at most (or at least) the limit."""

    words: str
    count: int
    of: int
    limit: float
    most: bool

    @property
    def holds(self) -> bool:
        share = self.count / self.of
        return share <= self.limit if self.most else share >= self.limit

    @property
    def line(self) -> str:
        sign = "≤" if self.most else "≥"
        mark = "ok    " if self.holds else "MISSED"
        share = 100 * self.count / self.of
        low, high = wilson(self.count, self.of)
        return (
            f"{mark} {self.words}: {share:.2f} % [{100 * low:.2f}, {100 * high:.2f}] "
            f"({self.count} of {self.of}; {sign} {100 * self.limit:g} %)"
        )


def in_pairs(name: str, where: Node, seed: int, sessions: int, tests: int) -> list[Figure]:
    """Requirement a on a node."""
    rng = np.random.default_rng(seed)
    failing, first = 0, 0
    for _ in range(sessions):
        verdicts = judged_in_pairs(where, rng, tests, 0.02)
        failing += any(verdict.fails for verdict in verdicts)
        first += any(verdict.confirmed is not None for verdict in verdicts)
    print(f"       {name}: sessions with a test to confirm: {100 * first / sessions:.1f} %")
    changed = judged_in_pairs(where, rng, max(2000, 10 * tests), 0.02, CHANGE)
    return [
        Figure(f"{name}: sessions without a change that fail", failing, sessions, 0.01, True),
        Figure(
            f"{name}: changes of +{100 * CHANGE:g} % found, confirmed",
            sum(verdict.fails for verdict in changed),
            len(changed),
            0.95,
            False,
        ),
    ]


def against_one(name: str, where: Node, seed: int, tests: int) -> list[Figure]:
    """Requirement b on a node."""
    outcomes = judged_against_saved(where, np.random.default_rng(seed), tests, 1, 0.02)
    return [Figure(f"{name}: false alarms", outcomes["regressed"], tests, 0.03, True)]


def beside(where: Node, seed: int, tests: int) -> None:
    """Figures without a requirement: the other kinds of evidence."""
    rng = np.random.default_rng(seed)
    for sessions, words in ((1, "one saved run"), (5, "5 saved sessions"), (8, "8 saved sessions")):
        for change in (0.0, 0.10, 0.15):
            outcomes = judged_against_saved(where, rng, tests, sessions, 0.02, change)
            shares = ", ".join(
                f"{outcome} {100 * n / tests:.1f} %" for outcome, n in outcomes.most_common()
            )
            print(f"       {words}, 2 % between sessions, change {100 * change:+g} %: {shares}")
    for between in (0.0, 0.01, 0.03):
        outcomes = judged_against_saved(where, rng, tests, 1, between)
        print(
            f"       one saved run, {100 * between:g} % between sessions, no change: "
            f"regressed {100 * outcomes['regressed'] / tests:.2f} %"
        )
    for sessions in (5, 8, 20):
        for kept, words in ((False, "the process"), (True, "the day")):
            first, confirmed = failing_by_history(where, rng, tests, sessions, kept)
            print(
                f"       {sessions} saved sessions, 2 % by {words}: unchanged tests that fail: "
                f"{100 * first / tests:.2f} %, confirmed {100 * confirmed / tests:.2f} %"
            )
    for between in (0.0, 0.01, 0.02, 0.03):
        verdicts = judged_in_pairs(where, rng, tests, between)
        outcomes = Counter(verdict.outcome for verdict in verdicts)
        shares = ", ".join(
            f"{outcome} {100 * n / tests:.1f} %" for outcome, n in outcomes.most_common()
        )
        print(f"       {PAIRS} pairs, {100 * between:g} % between processes, no change: {shares}")


def unchanged_in_pairs(where: Node, seed: int, tests: int) -> list[Figure]:
    """Requirement d."""
    verdicts = judged_in_pairs(where, np.random.default_rng(seed), tests, 0.01)
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return [
        Figure(
            'd: unchanged tests with "no regression"', outcomes["no regression"], tests, 0.95, False
        ),
        Figure(
            "d: unchanged tests that are inconclusive", outcomes["inconclusive"], tests, 0.05, True
        ),
    ]


def seconds(where: Node, seed: int) -> float:
    """Requirement e: processor time of 200 comparisons in pairs, with JSON read and written."""
    rng = np.random.default_rng(seed)
    sides = factors(rng, (200, 2, PAIRS), 0.02)
    texts = [
        [msgspec.json.encode(where.runs(side, i)) for side in test] for i, test in enumerate(sides)
    ]
    start_s = time.process_time()
    for before, after in texts:
        sides_read = [msgspec.json.decode(text, type=list[Record]) for text in (before, after)]
        compare_pairs(sides_read[0], sides_read[1], THRESHOLD)
    return time.process_time() - start_s


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--tests", type=int, default=200, help="tests of a session")
    parser.add_argument("--single", type=int, default=20_000, help="tests for b and d")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    whole, bare = node(), node(memory_counter=False, containers=True)
    print(f"       a record of 5 rounds: {len(msgspec.json.encode(whole.template))} bytes")
    print(f"       parts of the bare node: {bare.template.parts}")
    few = max(1, options.sessions // 4)
    figures = [
        *in_pairs("a", whole, options.seed, options.sessions, options.tests),
        *against_one("b", whole, options.seed + 1, options.single),
        *in_pairs("c, pairs", bare, options.seed + 2, few, options.tests),
        *against_one("c, one saved run", bare, options.seed + 3, options.single),
        *unchanged_in_pairs(whole, options.seed + 4, options.single),
    ]
    for figure in figures:
        print(figure.line)
    took_s = seconds(whole, options.seed + 5)
    print(f"{'ok    ' if took_s < 10 else 'MISSED'} e: 200 comparisons: {took_s:.3f} s (< 10 s)")
    beside(whole, options.seed + 6, max(1, options.single // 5))
    return 0 if all(figure.holds for figure in figures) and took_s < 10 else 1


if __name__ == "__main__":
    sys.exit(main())
