"""One synthetic experiment: draw a load, a sensor and a run, hand its samples to the real analysis,
and keep what it said beside the truth.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.measurement.measure import (
    Record,
    energies_so_far,
    energy_to_solution,
)
from energybench.analysis.uncertainty.repeats import wants_more
from energybench.model import REPEAT, Host, Trace, Window
from energybench.simulating.polling import BURST_PERIOD_S, Schedule, Stagger, edge_s, schedule
from energybench.simulating.sensors import (
    SENSORS,
    GainMode,
    Polled,
    Prior,
    Sensor,
    State,
    channels,
    draw_gain,
    outside_s,
    part_time,
    read,
    states,
)
from energybench.simulating.waves import FAMILIES, Load

Floats = npt.NDArray[np.float64]

STOP = "stop"  # a level of repeats: as many as the stopping rule wants
TARGET_REL, MAX_REPEATS = 0.02, 20  # of the stopping rule: the defaults of `run`
LEAST_SCATTER_REL, MOST_SCATTER_REL = (
    1e-3,
    0.05,
)  # run-to-run, of duration and of power, log-uniform: a pinned machine to a busy one
# of the experiments; often enough to count in every cell, rare enough to leave it its character
OUTAGE_SHARE = 0.05
OUTAGE_S = (0.3, 1.5)
UNUSABLE = "unusable"  # the code of the analysis's doubt that a figure should not be used

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
Outcomes = npt.NDArray[
    np.float64
]  # shape [experiments, len(FIELDS)]; value, low, high are NaN where the analysis gave nothing


class Cell(NamedTuple):
    """A sensor looking at a kind of load through windows of one length."""

    sensor: str
    wave: str
    window_s: float
    gain: GainMode = "prior"

    @property
    def name(self) -> str:
        return f"{self.sensor}/{self.wave}/{self.window_s:g}s/{self.gain}"


class Settings(NamedTuple):
    """What all cells share. levels: "1", "2", …, "stop"; priors: by row of data/priors.toml."""

    levels: tuple[str, ...]
    seed: int
    priors: Mapping[str, Prior]
    ranges: Ranges

    def prior(self, cell: Cell) -> Prior:
        """What the cell's sensor states of its gain."""
        return self.priors[SENSORS[cell.sensor].prior]


class _Run(NamedTuple):
    """A run as it happened: its samples, its load and the repeats' own energies, J."""

    traces: tuple[Trace, ...]
    load: Load
    made: Schedule
    energies_j: Floats
    outage: bool


def generator(cell: Cell, seed: int, index: int) -> np.random.Generator:
    """Random numbers of one experiment, whoever runs it and in whatever order."""
    key = int.from_bytes(
        hashlib.blake2b(f"{seed}/{cell.name}".encode(), digest_size=16).digest(), "little"
    )
    return np.random.Generator(np.random.Philox(key=key, counter=index << 192))


def weights(levels: Sequence[str], window_s: float) -> Floats:
    """Share of the experiments that each level of repeats gets: equal for windows up to 10 s;
    beyond, many repeats are drawn less often.

    A run of 20 windows of 600 s has 120 000 samples and costs as much as a hundred short ones; a
    run that a rule stops is sampled to its longest.
    """
    length = np.array(
        [MAX_REPEATS if level == STOP else int(level) for level in levels], dtype=np.float64
    )
    share = (
        np.ones(length.size)
        if window_s <= 10
        else (length + 2) ** (-0.5 if window_s <= 60 else -1.5)
    )
    return np.asarray(share / share.sum())


def experiments(cell: Cell, settings: Settings, first: int, last: int) -> Outcomes:
    """The outcomes of experiments first … last - 1 of a cell."""
    rows = [
        _experiment(cell, settings, generator(cell, settings.seed, index))
        for index in range(first, last)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, len(FIELDS))


def _experiment(cell: Cell, settings: Settings, rng: np.random.Generator) -> tuple[float, ...]:
    sensor, prior = SENSORS[cell.sensor], settings.prior(cell)
    level = int(rng.choice(len(settings.levels), p=weights(settings.levels, cell.window_s)))
    word = settings.levels[level]
    n = MAX_REPEATS if word == STOP else int(word)
    scatter = LEAST_SCATTER_REL * (MOST_SCATTER_REL / LEAST_SCATTER_REL) ** rng.random(2)
    gain = draw_gain(prior, cell.gain, rng)
    run = _run(cell, sensor, prior, n, scatter, gain, word == STOP, rng)
    record = _record(sensor, run.made)
    if word == STOP:
        record, run = _stopped(record, run, settings)
        n = len(record.windows)
    estimate, doubts = energy_to_solution(record, run.traces, settings.ranges)
    expected = float(run.load.wave.energy(np.array([cell.window_s]))[0])
    own = float(run.energies_j.mean())
    truth = own if n == 1 else expected
    spread = math.sqrt(
        scatter[0] ** 2 + scatter[1] ** 2 + (scatter[0] * scatter[1]) ** 2
    )  # of a product of two
    flagged = estimate is None or any(doubt.code == UNUSABLE for doubt in doubts)
    value, low, high = (
        (estimate.value, estimate.low, estimate.high) if estimate is not None else (math.nan,) * 3
    )
    return (
        n,
        level,
        truth,
        value,
        low,
        high,
        flagged,
        gain,
        (value / gain - own) / truth,
        spread,
        run.outage,
    )


def _run(
    cell: Cell,
    sensor: Sensor,
    prior: Prior,
    n: int,
    scatter: Floats,
    gain: float,
    open_end: bool,
    rng: np.random.Generator,
) -> _Run:
    wave = FAMILIES[cell.wave].draw(rng, cell.window_s, sensor.scale)
    stretch, strength = 1 + scatter[:, None] * np.clip(
        rng.standard_normal((2, n)), -5, 5
    )  # beyond 5 sigma a duration might turn negative
    drawn = states(sensor, rng)
    stagger = _stagger(sensor, drawn, None if open_end else n, rng)
    made = schedule(
        cell.window_s * stretch,
        edge_s(max(dial.stated.period_s for dial in sensor.dials)),
        stagger,
        rng,
        outside_s(sensor),
    )
    load = Load.of(wave, made.starts_s, made.ends_s, stretch, strength)
    ok = np.ones(made.polls_s.size, dtype=np.bool_)
    outage = bool(rng.random() < OUTAGE_SHARE)
    if outage:
        began = rng.uniform(made.polls_s[0], made.polls_s[-1])
        ok = (made.polls_s < began) | (made.polls_s >= began + rng.uniform(*OUTAGE_S))
    traces = read(
        sensor, channels(sensor, prior, cell.gain), drawn, Polled(load, made.polls_s, ok, gain)
    )
    return _Run(traces, load, made, load.energy(made.ends_s) - load.energy(made.starts_s), outage)


def _stagger(
    sensor: Sensor, drawn: Sequence[State], repeats: int | None, rng: np.random.Generator
) -> Stagger | None:
    """The ticks as a burst shows them: to half its period."""
    found = part_time(sensor, drawn)
    if found is None:
        return None
    dial, state = found
    return Stagger(
        dial.does.period_s, state.phase_s + BURST_PERIOD_S * (rng.random() - 0.5), repeats
    )


def _record(sensor: Sensor, made: Schedule) -> Record:
    windows = tuple(
        Window(label=REPEAT, start_s=start, end_s=end, repeat=i)
        for i, (start, end) in enumerate(
            zip(made.starts_s.tolist(), made.ends_s.tolist(), strict=True)
        )
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


def _stopped(record: Record, run: _Run, settings: Settings) -> tuple[Record, _Run]:
    """The run as the stopping rule would have ended it, on the energies that the analysis saw."""
    seen = energies_so_far(record, run.traces, settings.ranges)
    energies = [energy for energy in seen if energy is not None]
    n = 1
    while n < len(energies) and wants_more(energies[:n], TARGET_REL, MAX_REPEATS):
        n += 1
    if len(energies) < len(seen) or n == len(record.windows):
        return record, run
    till = int(
        np.searchsorted(run.made.polls_s, run.made.starts_s[n])
    )  # what was read before the next repeat began
    traces = tuple(
        Trace(channel=trace.channel, t_s=trace.t_s[:till], raw=trace.raw[:till], ok=trace.ok[:till])
        for trace in run.traces
    )
    return record._replace(windows=record.windows[:n], works=record.works[:n]), run._replace(
        traces=traces, energies_j=run.energies_j[:n]
    )
