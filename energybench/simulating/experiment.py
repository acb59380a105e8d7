"""One synthetic experiment: draw a load, a sensor and a run, pass the samples to the real analysis,
and return its result beside the truth.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.measure import (
    Record,
    energies_so_far,
    energy_to_solution,
)
from energybench.analysis.uncertainty.repeats import wants_more
from energybench.model import REPEAT, Host, Trace, Window
from energybench.simulating.polling import BURST_PERIOD_S, Schedule, Stagger, edge_s, schedule
from energybench.simulating.readings import Polled, read
from energybench.simulating.sensor import Sensor
from energybench.simulating.sensors import (
    SENSORS,
    GainMode,
    PriorMode,
    SensorState,
    channels,
    draw_gain,
    drawn,
    outside_s,
    part_time,
    spread_s,
    states,
)
from energybench.simulating.waves import FAMILIES, Load

STOP = "stop"  # a level of repeats: the stopping rule decides
TARGET_REL, MAX_REPEATS = 0.02, 20  # of the stopping rule: the defaults of `run`
# Run-to-run scatter of duration and of power, log-uniform: from a pinned to a busy machine.
LEAST_SCATTER_REL, MOST_SCATTER_REL = 1e-3, 0.05
# Share of the experiments: enough outages to count in every cell, few enough not to dominate it.
OUTAGE_SHARE = 0.05
OUTAGE_S = (0.3, 1.5)
UNUSABLE = "unusable"  # code of the doubt that a figure should not be used

FIELDS = (
    "repeats",
    "level",
    "truth_j",
    "value_j",
    "low_j",
    "high_j",
    "flagged",
    "gain",
    "sensor_rel",
    "scatter_rel",
    "outage",
)
# shape [experiments, len(FIELDS)]; value, low, high are NaN if the analysis gave no estimate
Outcomes = npt.NDArray[np.float64]


class ExperimentCell(NamedTuple):
    """A sensor, a kind of load, and the length of the windows."""

    sensor: str
    wave: str
    window_s: float
    gain: GainMode = "prior"

    @property
    def name(self) -> str:
        return f"{self.sensor}/{self.wave}/{self.window_s:g}s/{self.gain}"


class StudySettings(NamedTuple):
    """Settings of a study. levels: "1", "2", …, "stop"; priors: by row of data/priors.toml."""

    levels: tuple[str, ...]
    seed: int
    priors: Mapping[str, PriorMode]
    ranges: Ranges

    def prior(self, cell: ExperimentCell) -> PriorMode:
        """The stated gain of the cell's sensor."""
        return self.priors[SENSORS[cell.sensor].prior]


class _Run(NamedTuple):
    """A simulated run: samples, load, schedule, and the true energy of each repeat in J."""

    traces: tuple[Trace, ...]
    load: Load
    schedule: Schedule
    energies_j: Floats
    outage: bool


def generator(cell: ExperimentCell, seed: int, index: int) -> np.random.Generator:
    """Random numbers of one experiment, independent of process and order."""
    key = int.from_bytes(
        hashlib.blake2b(f"{seed}/{cell.name}".encode(), digest_size=16).digest(), "little"
    )
    return np.random.Generator(np.random.Philox(key=key, counter=index << 192))


def weights(levels: Sequence[str], window_s: float) -> Floats:
    """Share of the experiments for each level of repeats: equal for windows up to 10 s; with longer
    windows, many repeats are drawn less often.

    A run of 20 windows of 600 s has 120 000 samples and costs as much as a hundred short runs; a
    run with the stopping rule is sampled to the maximum number of repeats.
    """
    length = np.array(
        [MAX_REPEATS if level == STOP else int(level) for level in levels], dtype=np.float64
    )
    exponent = -1.5
    if window_s <= 10:
        exponent = 0.0
    elif window_s <= 60:
        exponent = -0.5
    share = (length + 2) ** exponent
    return np.asarray(share / share.sum())


def experiments(cell: ExperimentCell, settings: StudySettings, first: int, last: int) -> Outcomes:
    """The outcomes of experiments first … last - 1 of a cell."""
    rows = [
        _experiment(cell, settings, generator(cell, settings.seed, index))
        for index in range(first, last)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, len(FIELDS))


def _experiment(
    cell: ExperimentCell, settings: StudySettings, rng: np.random.Generator
) -> tuple[float, ...]:
    sensor, prior = drawn(SENSORS[cell.sensor], rng), settings.prior(cell)
    level = int(rng.choice(len(settings.levels), p=weights(settings.levels, cell.window_s)))
    stopping = settings.levels[level] == STOP
    n = MAX_REPEATS if stopping else int(settings.levels[level])
    scatter = LEAST_SCATTER_REL * (MOST_SCATTER_REL / LEAST_SCATTER_REL) ** rng.random(2)
    gain = draw_gain(prior, cell.gain, rng)

    # the run, and the analysis of its samples
    run = _run(cell, sensor, prior, n, scatter, gain, stopping, rng)
    record = _record(sensor, run.schedule)
    if stopping:
        record, run = _stopped(record, run, settings)
        n = len(record.windows)
    estimate, doubts = energy_to_solution(record, run.traces, settings.ranges)

    # the truth: of the single window, or the expected energy of the work
    expected = float(run.load.wave.energy(np.array([cell.window_s]))[0])
    consumed = float(run.energies_j.mean())
    truth = consumed if n == 1 else expected
    # relative spread of the product of duration and power
    spread = math.sqrt(scatter[0] ** 2 + scatter[1] ** 2 + (scatter[0] * scatter[1]) ** 2)
    flagged = estimate is None or any(doubt.code == UNUSABLE for doubt in doubts)
    value, low, high = math.nan, math.nan, math.nan
    if estimate is not None:
        value, low, high = estimate.value, estimate.low, estimate.high
    return (
        n,
        level,
        truth,
        value,
        low,
        high,
        flagged,
        gain,
        (value / gain - consumed) / truth,
        spread,
        run.outage,
    )


def _run(
    cell: ExperimentCell,
    sensor: Sensor,
    prior: PriorMode,
    n: int,
    scatter: Floats,
    gain: float,
    stopping: bool,
    rng: np.random.Generator,
) -> _Run:
    wave = FAMILIES[cell.wave].draw(rng, cell.window_s, sensor.scale)
    # beyond 5 sigma a duration might become negative
    stretch, strength = 1 + scatter[:, None] * np.clip(rng.standard_normal((2, n)), -5, 5)
    phases = states(sensor, rng)
    stagger = _stagger(sensor, phases, None if stopping else n, rng)
    slowest_s = max(dial.stated.period_s for dial in sensor.dials)
    durations_s, edge = cell.window_s * stretch, edge_s(slowest_s)
    plan = schedule(durations_s, edge, stagger, rng, outside_s(sensor), spread_s(sensor))
    load = Load.of(wave, plan.starts_s, plan.ends_s, stretch, strength)
    ok = np.ones(plan.polls_s.size, dtype=np.bool_)
    outage = bool(rng.random() < OUTAGE_SHARE)
    if outage:
        start = rng.uniform(plan.polls_s[0], plan.polls_s[-1])
        ok = (plan.polls_s < start) | (plan.polls_s >= start + rng.uniform(*OUTAGE_S))
    stated = channels(sensor, prior, cell.gain)
    traces = read(sensor, stated, phases, Polled(load, plan.polls_s, ok, gain))
    energies = load.energy(plan.ends_s) - load.energy(plan.starts_s)
    return _Run(traces, load, plan, energies, outage)


def _stagger(
    sensor: Sensor, phases: Sequence[SensorState], repeats: int | None, rng: np.random.Generator
) -> Stagger | None:
    """The ticks of a part-time sensor, known from a burst to half of its period."""
    dial_and_state = part_time(sensor, phases)
    if dial_and_state is None:
        return None
    dial, state = dial_and_state
    tick_s = state.phase_s + BURST_PERIOD_S * (rng.random() - 0.5)
    return Stagger(dial.does.period_s, tick_s, repeats)


def _record(sensor: Sensor, plan: Schedule) -> Record:
    edges = zip(plan.starts_s.tolist(), plan.ends_s.tolist(), strict=True)
    windows = tuple(
        Window(label=REPEAT, start_s=start, end_s=end, repeat=i)
        for i, (start, end) in enumerate(edges)
    )
    return Record(
        "simulated",
        "",
        None,
        None,
        sensor.boundary,
        Host(name="simulated"),
        windows,
        (None,) * len(windows),
        (),
    )


def _stopped(record: Record, run: _Run, settings: StudySettings) -> tuple[Record, _Run]:
    """The run ended by the stopping rule, which uses the energies of the analysis."""
    estimates = energies_so_far(record, run.traces, settings.ranges)
    energies = [energy for energy in estimates if energy is not None]
    n = 1
    while n < len(energies) and wants_more(energies[:n], TARGET_REL, MAX_REPEATS):
        n += 1
    if len(energies) < len(estimates) or n == len(record.windows):
        return record, run
    # keep the samples before the start of the next repeat
    end = int(np.searchsorted(run.schedule.polls_s, run.schedule.starts_s[n]))
    traces = tuple(
        Trace(channel=trace.channel, t_s=trace.t_s[:end], raw=trace.raw[:end], ok=trace.ok[:end])
        for trace in run.traces
    )
    record = record._replace(windows=record.windows[:n], works=record.works[:n])
    return record, run._replace(traces=traces, energies_j=run.energies_j[:n])
