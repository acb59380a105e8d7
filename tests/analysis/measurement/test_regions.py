"""Regions: the energy of short parts of a repeat, against sensors with a known truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Gpu, Host, Measurement, Region, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Sensor, channel, polls, trace

BOARD = "GPU-00000000-0000-0000-0000-000000000000"
# Update periods of counters, s: RAPL, an A100, and the boards since.
PERIODS_S = (0.001, 0.083, 0.1)
BASE_W = 20.0


class Step(NamedTuple):
    """A part of the work in turn with others; its length varies by a share of it."""

    label: str
    seconds: float
    watts: float
    varies: float = 0.0


class Outcome(NamedTuple):
    """A measurement, and the true mean energy of each label."""

    found: Measurement
    truth_j: Mapping[str, float]

    def region(self, label: str) -> Region:
        (region,) = [region for region in self.found.regions if region.label == label]
        return region

    def holds_the_truth(self) -> bool:
        for label, true_j in self.truth_j.items():
            energy_j = self.region(label).energy_j
            assert energy_j is not None
            if not energy_j.low - 1e-3 <= true_j <= energy_j.high + 1e-3:
                return False
        return True

    @property
    def short(self) -> bool:
        return "region-short" in {doubt.code for doubt in self.found.doubts}

    def half_width_rel(self, label: str) -> float:
        energy_j = self.region(label).energy_j
        assert energy_j is not None
        return energy_j.half_width / self.truth_j[label]


def work(
    steps: Sequence[Step],
    seconds: float,
    period_s: float,
    seed: int,
    between_s: float = 3e-5,
    beside: int = 1,
    **sensor: object,
) -> Outcome:
    """One repeat of steps in turn, on a board whose counter updates every `period_s`. Polls come
    10 times a second inside.

    between_s  idle time after each step, s
    beside     tasks that run each step at the same time
    """
    random = np.random.default_rng(seed)
    now_s = start_s = 5.0 + random.uniform(0, 0.1)
    edges_s, watts = [0.0, start_s], [BASE_W]  # two more edges for each step
    windows: list[Window] = []
    truth_j: dict[str, list[float]] = {}
    while now_s < start_s + seconds:
        step = steps[(len(edges_s) // 2 - 1) % len(steps)]
        length_s = step.seconds * (1 + step.varies * random.uniform(-1, 1))
        windows += [
            Window(label=step.label, start_s=now_s, end_s=now_s + length_s, repeat=0)
        ] * beside
        truth_j.setdefault(step.label, []).append(step.watts * length_s)
        edges_s += [now_s + length_s, now_s + length_s + between_s]
        watts += [step.watts, BASE_W]
        now_s = edges_s[-1]
    edges_s.append(now_s + 5)
    watts.append(BASE_W)
    joules = np.concatenate(([0.0], np.cumsum(np.diff(edges_s) * watts)))
    board = channel(device=BOARD, **{"update_period_s": period_s, "max_power_w": 800.0, **sensor})
    simulated = Sensor(
        lambda t: np.interp(t, edges_s, joules),
        period_s=period_s,
        phase_s=random.uniform(0, period_s),
        window_s=board.window_s or 0.025,
    )
    read_s = polls(start_s, now_s)
    read_s = np.sort(read_s + random.uniform(0, 0.002, read_s.size))
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("program",),
        boundary="device",
        host=Host(
            name="node",
            sockets=1,
            memory_bytes=64 * 10**9,
            gpus=(Gpu(uuid=BOARD, name="A100", used=True, power_limit_max_w=400.0),),
        ),
        windows=(Window(label="repeat", start_s=start_s, end_s=now_s, repeat=0), *windows),
        works=(None,),
        verification=(),
    )
    read = simulated.counts if board.kind == "counter" else simulated.watts
    readings = trace(board, read_s, read(read_s, board.resolution))
    means_j = {label: float(np.mean(energies)) for label, energies in truth_j.items()}
    return Outcome(measure(record, [readings], RANGES), means_j)


def forward_and_backward(forward_s: float, backward_s: float, varies: float) -> list[Step]:
    return [Step("fwd", forward_s, 300.0, varies), Step("bwd", backward_s, 20.0, varies)]


@pytest.mark.parametrize("period_s", PERIODS_S)
@pytest.mark.parametrize("varies", [0.0, 0.2])
@pytest.mark.parametrize(
    ("forward_s", "backward_s"),
    [(0.005, 0.005), (0.005, 0.045), (0.045, 0.06), (0.1, 0.1), (0.15, 0.15), (0.25, 0.25)],
)
def test_regions_in_turn_hold_the_truth(
    forward_s: float, backward_s: float, varies: float, period_s: float
) -> None:
    """However the regions fall between the readings, and if they fall alike each time."""
    steps = forward_and_backward(forward_s, backward_s, varies)
    outcomes = [work(steps, 6.0, period_s, seed) for seed in range(4)]
    assert all(outcome.holds_the_truth() for outcome in outcomes)
    if forward_s < 0.1:
        assert all(outcome.short for outcome in outcomes)


def test_regions_longer_than_the_readings_are_told_apart() -> None:
    """A whole segment on either side of each edge shows both powers."""
    for seed in range(4):
        outcome = work(forward_and_backward(0.25, 0.25, 0.0), 6.0, 0.001, seed)
        assert not outcome.short
        assert outcome.half_width_rel("fwd") < 0.03
        assert outcome.half_width_rel("bwd") < 0.1


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_steps_one_after_the_other_are_one_stretch(period_s: float) -> None:
    """Steps of 1.2 ms, each shorter than the update of any counter and than the time between two
    readings: their energy together is that of the stretch, and so is known well.
    """
    for seed in range(4):
        outcome = work([Step("step", 0.0012, 200.0, 0.1)], 2.0, period_s, seed)
        assert outcome.holds_the_truth()
        assert outcome.half_width_rel("step") < 0.15
        assert outcome.region("step").count > 1_000


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_one_short_occurrence_is_counted_with_the_others(period_s: float) -> None:
    """The mean is that of all occurrences, the empty one too."""
    steps = [*[Step("step", 0.1, 200.0, 0.1)] * 20, Step("step", 0.0, BASE_W)]
    for seed in range(4):
        outcome = work(steps, 2.0, period_s, seed)
        assert outcome.holds_the_truth()
        assert outcome.half_width_rel("step") < 0.15


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_single_short_region_has_limits(period_s: float) -> None:
    """Between nothing and what the device can draw in its time."""
    steps = [Step("rest", 1.0, 100.0), Step("blink", 0.02, 300.0), Step("rest", 1.0, 100.0)]
    for seed in range(4):
        outcome = work(steps, 2.0, period_s, seed)
        assert outcome.holds_the_truth()
        blink = outcome.region("blink").energy_j
        assert blink is not None
        assert blink.high <= 800.0 * (0.02 + 2 * 0.1) * 1.01
        (doubt,) = [doubt for doubt in outcome.found.doubts if doubt.code == "region-short"]
        assert doubt.subject == "blink"


@pytest.mark.parametrize("beside", [3, 12])
def test_tasks_at_one_time_each_hold_its_energy(beside: int) -> None:
    """Several occurrences at the same time have the same energy as one, each."""
    one = work([Step("step", 0.3, 200.0)], 2.0, 0.1, 1)
    several = work([Step("step", 0.3, 200.0)], 2.0, 0.1, 1, beside=beside)
    assert several.holds_the_truth()
    assert several.region("step").count == beside * one.region("step").count
    mine, theirs = one.region("step").energy_j, several.region("step").energy_j
    assert mine is not None
    assert theirs is not None
    assert theirs.value == pytest.approx(mine.value, rel=0.01)


def test_thousands_of_tasks_at_one_time_are_analysed_in_seconds() -> None:
    """Their number does not count twice over."""
    outcome = work([Step("request", 0.3, 200.0, 0.2)], 1.5, 0.1, 1, beside=10_000)
    assert outcome.region("request").count > 40_000
    assert outcome.holds_the_truth()


@pytest.mark.parametrize("window_s", [0.025, 0.1, 1.0])
@pytest.mark.parametrize(
    "steps",
    [
        forward_and_backward(0.045, 0.06, 0.2),
        forward_and_backward(0.1, 0.1, 0.0),
        [Step("step", 0.0012, 200.0, 0.1)],
        [Step("step", 0.5, 200.0, 0.1)],
    ],
    ids=["45 ms", "100 ms", "steps of 1.2 ms", "steps of 0.5 s"],
)
def test_power_readings_hold_the_truth(steps: Sequence[Step], window_s: float) -> None:
    """Of a sensor that sees a quarter of each period, all of it, or a second at each reading."""
    for seed in range(3):
        outcome = work(steps, 4.0, 0.1, seed, kind="power", window_s=window_s)
        assert outcome.holds_the_truth()


def test_many_thousand_regions_are_analysed_in_seconds() -> None:
    """Calls of some microseconds: one energy for all of them, whose limits hold the truth."""
    outcome = work([Step("call", 2e-6, 100.0)], 0.6, 0.001, 0, between_s=1.5e-5)
    assert outcome.region("call").count > 30_000
    assert outcome.holds_the_truth()
