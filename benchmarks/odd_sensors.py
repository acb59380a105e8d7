"""Sensors with timings of no one's choosing through the real analysis: how often is an interval
confidently wrong?

    python benchmarks/odd_sensors.py --count 2000 --seed 1 --jobs 2

Each experiment draws a sensor (period 20 to 250 ms or 1 s, phase, lag, jitter of the ticks,
resolution of 1 mJ or 1 J), a load and a run of 1 to 8 windows, and hands the readings to the
analysis, which knows the timing that a collector states and nothing else. The gain is exactly 1 and
stated as exact. The sensors, the loads and the truth are computed here, independently of
`energybench simulate`; only the times of the polls are taken from there.

A result is confidently wrong if the truth lies further from the value than twice the interval's
reach to that side, and no doubt names a cause.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Channel, Gain, Host, Trace, Window
from energybench.simulating.polling import COUNTER_SPREAD_S, Stagger, edge_s, schedule

Floats = npt.NDArray[np.float64]

STEP_S = 1e-3  # loads are piecewise constant on this grid
LAG_U_S = 0.1 / math.sqrt(12.0)  # as collectors/nvml_channels.py states
# A miss of less than this share of the energy is the rounding of counts and of this file's grid.
SLACK_REL = 1e-3
SENSORS = ("counter", "counter-beside", "samples", "part-time", "average", "rapl")
LOADS = ("constant", "square", "sine", "spikes", "work", "work-square")
# Doubts that name the cause of an error. A short window or a single repeat is not a cause.
NAMES_A_CAUSE = frozenset(
    {
        "unusable",
        "sensor-lost",
        "counter-power-disagree",
        "counter-slow",
        "stuck-sensor",
        "sampling-counter",
        "in-step-unseen",
        "period-unknown",
        "lag-unseen",
        "counter-kind",
        "power-saturated",
        "part-missing",
    }
)


class World(NamedTuple):
    """What one experiment drew."""

    sensor: str
    load: str
    period_s: float
    lag_s: float
    jitter: float
    resolution_j: float
    seconds: float
    repeats: int


class Outcome(NamedTuple):
    """One result beside the truth, relative to the truth."""

    world: World
    error: float
    half_width: float
    reach: float
    codes: tuple[str, ...]

    @property
    def covered(self) -> bool:
        return abs(self.error) <= self.reach + SLACK_REL

    @property
    def wrong(self) -> bool:
        return abs(self.error) > 2 * self.reach + SLACK_REL

    @property
    def doubted(self) -> bool:
        return bool(NAMES_A_CAUSE & set(self.codes))

    @property
    def confident(self) -> bool:
        return self.wrong and not self.doubted


def draw(rng: np.random.Generator) -> World:
    sensor = str(rng.choice(SENSORS))
    period_s = float(rng.uniform(0.02, 0.25)) if rng.random() < 0.85 else 1.0
    if sensor == "rapl":
        period_s = float(rng.choice((0.001, 0.004, 0.01, 0.05, 0.25, 1.0)))
    lag_s = float(
        rng.choice((0.0, rng.uniform(0, 0.05), rng.uniform(0.05, 0.15)), p=(0.5, 0.3, 0.2))
    )
    if sensor == "rapl":
        lag_s = 0.0
    resolution_j = float(rng.choice((1e-3, 1.0), p=(0.8, 0.2)))
    return World(
        sensor,
        str(rng.choice(LOADS)),
        period_s,
        lag_s,
        float(rng.choice((0.0, 0.02, 0.06))),
        resolution_j,
        float(np.exp(rng.uniform(np.log(0.5), np.log(30.0)))),
        int(rng.choice((1, 1, 2, 3, 8))),
    )


def _powers(
    world: World, t: Floats, starts: Floats, ends: Floats, rng: np.random.Generator
) -> Floats:
    """Watts on the grid t."""
    low = rng.uniform(50, 150)
    high = low + rng.uniform(50, 400)
    phase, period = rng.random(), float(np.exp(rng.uniform(np.log(0.03), np.log(5.0))))
    if world.load == "constant":
        return np.full(t.size, high)
    if world.load == "sine":
        return (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * (t / period + phase))
    if world.load == "spikes":
        width = rng.uniform(0.01, 0.06)
        return np.where((t + phase) % rng.uniform(0.2, 2.0) < width, high, low)
    waves = np.where((t / period + phase) % 1 < rng.uniform(0.2, 0.8), high, low)
    if world.load == "square":
        return waves
    inside = np.zeros(t.size, dtype=np.bool_)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        inside |= (t >= start) & (t < end)
    busy = waves if world.load == "work-square" else np.full(t.size, high)
    return np.where(inside, busy, low * 0.7)


class _Truth:
    def __init__(self, t: Floats, watts: Floats) -> None:
        self._t, self._j = t, np.concatenate(([0.0], np.cumsum(watts[:-1] * np.diff(t))))

    def energy(self, t: Floats) -> Floats:
        return np.interp(t, self._t, self._j)


def _ticks(world: World, start: float, end: float, rng: np.random.Generator) -> Floats:
    count = math.ceil((end - start) / world.period_s) + 2
    ticks = start + world.period_s * (np.arange(count) - rng.random())
    return np.sort(ticks + world.jitter * world.period_s * rng.standard_normal(count))


def _shown(ticks: Floats, values: npt.NDArray[np.int64], polls: Floats) -> npt.NDArray[np.int64]:
    return values[np.maximum(np.searchsorted(ticks, polls, side="right") - 1, 0)]


def _channel(**stated: object) -> Channel:
    gain = Gain(u_rel=0.0, key="gain")
    base = {"collector": "nvml", "device": "GPU-0", "component": "gpu.board", "gain": gain}
    return Channel(**{**base, **stated})  # type: ignore[arg-type]


def _traces(
    world: World, truth: _Truth, polls: Floats, rng: np.random.Generator
) -> tuple[Trace, ...]:
    ticks = _ticks(world, polls[0] - 2.5, polls[-1] + 1, rng)
    ok = np.ones(polls.size, dtype=np.bool_)
    sees_s = 0.25 * world.period_s
    seen_to = ticks - world.lag_s

    def mean_w(window_s: float, end: Floats = seen_to) -> Floats:
        return (truth.energy(end) - truth.energy(end - window_s)) / window_s

    def counter(joules: Floats, **stated: object) -> Trace:
        counts = np.floor(joules / world.resolution_j + 1e-9).astype(np.int64) + 10_000_000
        channel = _channel(
            kind="counter",
            quantity="energy",
            resolution=world.resolution_j,
            **{
                "update_period_s": 0.1,
                "lag_u_s": _counter_lag_u_s(),
                "max_power_w": 1200.0,
                **stated,
            },
        )
        return Trace(channel=channel, t_s=polls, raw=_shown(ticks, counts, polls), ok=ok)

    def power(window_s: float, stated_s: float, ticks_s: Floats = ticks) -> Trace:
        counts = np.round(mean_w(window_s, ticks_s - world.lag_s) / 1e-3).astype(np.int64)
        channel = _channel(
            kind="power",
            quantity="power_instant",
            resolution=1e-3,
            update_period_s=0.1,
            window_s=stated_s,
            lag_u_s=LAG_U_S,
            max_power_w=1200.0,
        )
        return Trace(channel=channel, t_s=polls, raw=_shown(ticks_s, counts, polls), ok=ok)

    if world.sensor == "counter":
        return (counter(truth.energy(seen_to)),)
    if world.sensor == "counter-beside":
        together = rng.random() < 0.5
        other = ticks if together else _ticks(world, polls[0] - 2.5, polls[-1] + 1, rng)
        return (counter(truth.energy(seen_to)), power(sees_s, 0.025, other))
    if world.sensor == "samples":
        spacing = np.diff(ticks, prepend=ticks[0] - world.period_s)
        return (
            (counter(np.cumsum(mean_w(sees_s) * world.period_s)), power(sees_s, 0.025))
            if (spacing.size)
            else ()
        )
    if world.sensor == "part-time":
        return (power(sees_s, 0.025),)
    if world.sensor == "average":
        return (power(1.0, 1.0),)
    return (
        counter(
            truth.energy(seen_to),
            collector="rapl",
            device="package-0",
            update_period_s=0.001,
            lag_u_s=0.0,
            max_power_w=1000.0,
        ),
    )


def _counter_lag_u_s() -> float:
    """The uncertainty of a counter's lag as the collector states it."""
    from energybench.collectors import nvml_channels

    class Board:
        capability = (8, 0)
        name = "A100"

    return nvml_channels._timing("energy", Board())[2]  # type: ignore[arg-type]


def experiment(seed: int, index: int) -> Outcome | None:
    rng = np.random.Generator(np.random.Philox(key=seed, counter=index << 192))
    world = draw(rng)
    lengths = world.seconds * (1 + 0.002 * rng.standard_normal(world.repeats))
    rapl, part_time = world.sensor == "rapl", world.sensor in ("samples", "part-time")
    stagger = None
    if part_time and world.repeats > 1:
        stagger = Stagger(0.1, float(rng.random()), world.repeats)
    outside_s = 1.2 if world.sensor == "average" else 0.0
    spread_s = 0.0 if world.sensor in ("part-time", "average") else COUNTER_SPREAD_S
    plan = schedule(lengths, edge_s(0.001 if rapl else 0.1), stagger, rng, outside_s, spread_s)
    grid = np.arange(plan.polls_s[0] - 6, plan.polls_s[-1] + 3, STEP_S)
    truth = _Truth(grid, _powers(world, grid, plan.starts_s, plan.ends_s, rng))
    traces = _traces(world, truth, plan.polls_s, rng)
    windows = tuple(
        Window(label="repeat", start_s=start, end_s=end, repeat=i)
        for i, (start, end) in enumerate(
            zip(plan.starts_s.tolist(), plan.ends_s.tolist(), strict=True)
        )
    )
    record = Record(
        "r", "r", None, None, "device", Host(name="node"), windows, (None,) * len(windows), ()
    )
    result = measure(record, traces, {"gpu_w": (0.0, 1000.0, "")})
    energy = result.energy_j
    if energy is None:
        return None
    joules = float((truth.energy(plan.ends_s) - truth.energy(plan.starts_s)).mean())
    error = energy.value / joules - 1
    reach = (energy.value - energy.low) if error > 0 else (energy.high - energy.value)
    codes = tuple(doubt.code for doubt in result.doubts)
    return Outcome(world, error, energy.half_width / joules, reach / joules, codes)


def _batch(task: tuple[int, int, int]) -> list[Outcome | None]:
    seed, first, last = task
    return [experiment(seed, index) for index in range(first, last)]


def _line(name: str, outcomes: list[Outcome]) -> str:
    halves = np.array([outcome.half_width for outcome in outcomes])
    errors = np.abs([outcome.error for outcome in outcomes])
    covered = np.mean([outcome.covered for outcome in outcomes])
    wrong = sum(outcome.wrong for outcome in outcomes)
    confident = sum(outcome.confident for outcome in outcomes)
    doubted = np.mean([outcome.doubted for outcome in outcomes])
    return (
        f"{name:<34} {len(outcomes):>6} {covered:>8.1%} {wrong:>6} {confident:>9} {doubted:>8.1%} "
        f"{np.quantile(errors, 0.95):>9.2%} {np.median(halves):>11.2%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print each confidently wrong result")
    options = parser.parse_args()
    tasks = [
        (options.seed, first, min(first + 25, options.count))
        for first in range(0, options.count, 25)
    ]
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = [outcome for part in pool.map(_batch, tasks) for outcome in part]
    print(
        f"{'':<34} {'count':>6} {'covered':>8} {'wrong':>6} {'confident':>9} {'doubted':>8} "
        f"{'95 % err':>9} {'half-width':>11}"
    )
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome is not None:
            single = "one window" if outcome.world.repeats == 1 else "2 to 8 windows"
            groups[f"{outcome.world.sensor}, {single}"].append(outcome)
    for name in sorted(groups):
        print(_line(name, groups[name]))
    every = [outcome for outcome in outcomes if outcome is not None]
    print(_line("all", every))
    print(f"without a figure: {sum(outcome is None for outcome in outcomes)}")
    if options.list:
        for index, outcome in enumerate(outcomes):
            if outcome is not None and outcome.confident:
                world = outcome.world
                print(
                    f"{index} {world.sensor} {world.load} T={world.period_s * 1e3:.0f} ms "
                    f"lag={world.lag_s * 1e3:.0f} ms jitter={world.jitter} "
                    f"res={world.resolution_j} "
                    f"{world.seconds:.2f} s x {world.repeats}: error {outcome.error:+.2%}, "
                    f"reach {outcome.reach:.2%} {','.join(outcome.codes)}"
                )


if __name__ == "__main__":
    main()
