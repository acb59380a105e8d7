"""Sensors with a known period, window, lag and phase, polled at 1 kHz while a known square wave is
driven: what the fits make of them.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.calibrating.characterise import (
    Figures,
    SquareWave,
    characterise,
    publications,
    update_period,
)
from energybench.calibrating.loads.wave import wave
from energybench.model import Channel, Trace
from tests.analysis import truth
from tests.analysis.truth import Floats

LOW_W, HIGH_W, START_S, SECONDS = 60.0, 330.0, 1000.0, 24.0


def load() -> SquareWave:
    return SquareWave.of([wave(START_S, SECONDS).on], 2e-4)


def energy(t: Floats) -> Floats:
    return np.asarray(
        LOW_W * np.asarray(t)
        + (HIGH_W - LOW_W) * load().seconds_on(np.asarray(t, dtype=np.float64))
    )


def polls(seed: int = 1, every_s: float = 0.001) -> Floats:
    """A poller's times: late by a fraction of a period, out of step with the sensor."""
    rng = np.random.default_rng(seed)
    t = np.arange(START_S, START_S + SECONDS, every_s)
    return t + rng.uniform(0, 0.9 * every_s, t.size)


def power(
    noise_w: float = 0.0, gain: float = 1.0, channel: Channel | None = None, **sensor: float
) -> Trace:
    simulated = truth.Sensor(energy, gain=gain, **sensor)
    t = polls()
    raw = simulated.watts(t, 1e-3)
    if noise_w:
        number = np.unique(simulated.tick(t), return_inverse=True)[1]
        raw = raw + np.random.default_rng(2).normal(0, noise_w * 1e3, number.max() + 1)[
            number
        ].astype(np.int64)
    return truth.trace(channel or truth.channel(kind="power", quantity="power"), t, raw)


def counter(lag_s: float = 0.0, **sensor: float) -> Trace:
    """Integrates all that there is."""
    t = polls()
    return truth.trace(
        truth.channel(),
        t,
        np.floor(energy(truth.Sensor(energy, **sensor).tick(t) - lag_s) * 1e3).astype(np.int64),
    )


def sampling_counter(period_s: float, window_s: float, phase_s: float, lag_s: float = 0.0) -> Trace:
    """Adds up a reading of window_s for each whole period."""
    t = polls()
    ticks = truth.Sensor(energy, period_s, phase_s).tick(t)
    number = np.round((ticks - ticks[0]) / period_s).astype(int)
    ends = ticks[0] + period_s * np.arange(number.max() + 1) - lag_s
    joules = np.cumsum((energy(ends) - energy(ends - window_s)) / window_s * period_s)
    return truth.trace(truth.channel(), t, (joules[number] * 1e3).astype(np.int64))


def near(value: float | None, u: float | None, expected: float, at_most_u: float) -> None:
    """Within four standard uncertainties, and those are no wider than the method promises."""
    assert value is not None
    assert u is not None
    assert u <= at_most_u
    assert abs(value - expected) <= 4 * u, (value, u, expected)


@pytest.mark.parametrize("lag_s", [0.0, 0.04])
@pytest.mark.parametrize("noise_w", [0.0, 3.0])
def test_a_sensor_like_the_a100s(lag_s: float, noise_w: float) -> None:
    """25 ms of each 100 ms: period, window and lag come apart, with noise and without it, where
    plateaus hide the updates.
    """
    figures = characterise(
        power(noise_w, period_s=0.1, phase_s=0.0371, window_s=0.025, lag_s=lag_s), load()
    )
    near(figures.update_period_s, figures.update_period_u_s, 0.1, 0.001)
    near(figures.window_s, figures.window_u_s, 0.025, 0.002)
    near(figures.lag_s, figures.lag_u_s, lag_s, 0.002)
    assert "sees 25% of the time" in figures.notes
    assert figures.low_w == pytest.approx(LOW_W, abs=2)
    assert figures.high_w == pytest.approx(HIGH_W, abs=2)


@pytest.mark.parametrize("lag_s", [0.0, 0.04])
def test_an_average_like_the_h100s(lag_s: float) -> None:
    """A mean over 1 s, published every 100 ms, though no phase but the first is long enough to be
    shown whole.
    """
    figures = characterise(
        power(3.0, period_s=0.1, phase_s=0.02, window_s=1.0, lag_s=lag_s), load()
    )
    near(figures.window_s, figures.window_u_s, 1.0, 0.02)
    near(figures.lag_s, figures.lag_u_s, lag_s, 0.015)
    near(figures.update_period_s, figures.update_period_u_s, 0.1, 0.001)


def test_a_window_of_the_whole_period() -> None:
    """A sensor that misses nothing is not said to miss something."""
    figures = characterise(power(3.0, period_s=0.1, phase_s=0.06, window_s=0.1), load())
    near(figures.window_s, figures.window_u_s, 0.1, 0.004)
    assert not any("sees" in note for note in figures.notes)


def test_the_gain_does_not_matter() -> None:
    """Timing is that of the step, whatever the scale it is shown in."""
    figures = characterise(
        power(gain=0.8, period_s=0.1, phase_s=0.0371, window_s=0.025, lag_s=0.04), load()
    )
    near(figures.window_s, figures.window_u_s, 0.025, 0.002)
    near(figures.lag_s, figures.lag_u_s, 0.04, 0.002)


@pytest.mark.parametrize("period_s", [0.02, 0.1])
@pytest.mark.parametrize("lag_s", [0.0, 0.04])
def test_a_counter_of_all_its_power(period_s: float, lag_s: float) -> None:
    """An increment in which the load stepped is the mix of both levels: the window is all of the
    period, written as 0.
    """
    figures = characterise(counter(period_s=period_s, phase_s=0.0137, lag_s=lag_s), load())
    near(figures.update_period_s, figures.update_period_u_s, period_s, 0.001)
    near(figures.lag_s, figures.lag_u_s, lag_s, 0.002)
    assert figures.window_s == 0
    assert "integrates all of its power" in figures.notes


@pytest.mark.parametrize("lag_s", [0.0, 0.04])
def test_a_counter_of_samples(lag_s: float) -> None:
    """Its increments are one level or the other: it sees 25 ms of each 100."""
    figures = characterise(sampling_counter(0.1, 0.025, 0.0137, lag_s), load())
    near(figures.window_s, figures.window_u_s, 0.025, 0.002)
    near(figures.lag_s, figures.lag_u_s, lag_s, 0.002)
    assert any(note.startswith("counts samples") for note in figures.notes)


def test_a_counter_faster_than_the_polling() -> None:
    """Lag only: whether it integrates everything is not claimed, nor is a period."""
    figures = characterise(counter(period_s=0.0), load())
    near(figures.lag_s, figures.lag_u_s, 0.0, 0.002)
    assert figures.window_s is None
    assert figures.update_period_s is None
    assert len(figures.notes) == 2


def test_a_millisecond_counter_in_a_tight_burst() -> None:
    """RAPL: polled without a pause its period is found, to a percent."""
    t = np.sort(np.concatenate((polls(), START_S + 23 + np.arange(0, 0.4, 5e-5))))
    ticks = np.floor(t / 0.001 + np.sin(t) / 20) * 0.001
    trace = truth.trace(truth.channel(), t, np.floor(energy(ticks) * 1e6).astype(np.int64))
    period = update_period(trace)
    assert period is not None
    assert period[0] == pytest.approx(0.001, rel=0.01)


def test_a_counter_that_wraps() -> None:
    """Wraps are taken out before anything is fitted."""
    rising = counter(period_s=0.1, phase_s=0.0137)
    wrapping = truth.channel(wrap=1_000_000, max_power_w=1000.0)
    figures = characterise(truth.trace(wrapping, rising.t_s, rising.raw % 1_000_000), load())
    near(figures.update_period_s, figures.update_period_u_s, 0.1, 0.001)
    assert figures.window_s == 0


def test_a_sensor_that_stamps_its_readings() -> None:
    """pm_counters: ten a second with the blade's own time, 1 J of resolution."""
    ticks = np.floor(polls() / 0.1) * 0.1
    stamped = truth.channel(
        collector="pm_counters", component="node", device="node", resolution=1.0, stamped=True
    )
    figures = characterise(
        truth.trace(stamped, ticks, np.floor(energy(ticks)).astype(np.int64)), load()
    )
    assert figures.update_period_s == pytest.approx(0.1, abs=1e-4)
    assert figures.window_s == 0
    near(figures.lag_s, figures.lag_u_s, 0.0, 0.005)


@pytest.mark.parametrize(
    ("value", "note"), [(0, "always zero"), (61_500, "always the same value (61.5 W)")]
)
def test_a_value_that_never_changes(value: int, note: str) -> None:
    """Is named as that, in one line, and nothing is claimed."""
    t = polls()
    figures = characterise(
        truth.trace(truth.channel(kind="power"), t, np.full(t.size, value)), load()
    )
    assert figures == Figures(notes=(note,))


def test_a_sensor_that_never_answers() -> None:
    """Not supported, in one line."""
    t = polls()
    figures = characterise(
        truth.trace(
            truth.channel(), t, np.zeros(t.size, dtype=np.int64), np.zeros(t.size, dtype=np.bool_)
        ),
        load(),
    )
    assert figures._replace(notes=()) == Figures()
    assert len(figures.notes) == 1
    assert "every read failed" in figures.notes[0]


def test_a_channel_that_does_not_follow_the_load() -> None:
    """Memory under a load of the cores: period yes, window and lag no."""
    t = polls()
    ticks = np.floor(t / 0.1) * 0.1
    noise = np.random.default_rng(3).normal(9, 0.2, 100_000)
    figures = characterise(
        truth.trace(
            truth.channel(kind="power"),
            t,
            (noise[np.round(ticks * 10).astype(int) % 100_000] * 1e3).astype(np.int64),
        ),
        load(),
    )
    near(figures.update_period_s, figures.update_period_u_s, 0.1, 0.001)
    assert figures.window_s is figures.lag_s is None
    assert any("does not follow" in note for note in figures.notes)


def test_failed_reads_and_stalls_of_the_poller_do_no_harm() -> None:
    """A tenth of the reads refused and 60 ms lost now and then: the same figures, and the failures
    are told.
    """
    complete = power(3.0, period_s=0.1, phase_s=0.0371, window_s=0.025, lag_s=0.04)
    rng = np.random.default_rng(5)
    ok = rng.uniform(size=complete.t_s.size) > 0.1
    stalled = (complete.t_s % 1.7) < 0.06
    figures = characterise(
        truth.trace(complete.channel, complete.t_s[~stalled], complete.raw[~stalled], ok[~stalled]),
        load(),
    )
    near(figures.update_period_s, figures.update_period_u_s, 0.1, 0.001)
    near(figures.window_s, figures.window_u_s, 0.025, 0.004)
    near(figures.lag_s, figures.lag_u_s, 0.04, 0.004)
    assert any("of the reads failed" in note for note in figures.notes)


@pytest.mark.parametrize(
    ("seed", "stalls", "longest"),
    [(2, 40, 60), (3, 40, 60), (11, 40, 60), (1, 200, 40), (2, 12, 160), (3, 8, 300)],
)
def test_eight_seconds_of_a_poller_that_stalls(seed: int, stalls: int, longest: int) -> None:
    """A publication that nobody read has no value, and is not the value before once more: a stall
    costs precision, and does not turn a counter of all power into a counter of samples.
    """
    rng = np.random.default_rng(seed)
    t = START_S + np.arange(0, 8, 0.001) + rng.uniform(0, 0.0009, 8000)
    polled = np.ones(t.size, dtype=np.bool_)
    for _ in range(stalls):
        first = rng.integers(0, t.size)
        polled[first : first + rng.integers(5, longest)] = False
    short, t = SquareWave.of([wave(START_S, 8.0).on], 2e-4), t[polled]

    def drawn(at: Floats) -> Floats:
        return np.asarray(
            LOW_W * np.asarray(at)
            + (HIGH_W - LOW_W) * short.seconds_on(np.asarray(at, dtype=np.float64))
        )

    sensor = truth.Sensor(
        drawn, period_s=0.1, phase_s=float(rng.uniform(0, 0.1)), window_s=0.025, lag_s=0.04
    )
    watts = truth.trace(truth.channel(kind="power", quantity="power"), t, sensor.watts(t, 1e-3))
    figures = characterise(watts, short)
    near(figures.window_s, figures.window_u_s, 0.025, 0.003)
    near(figures.lag_s, figures.lag_u_s, 0.04, 0.003)
    ticks = truth.Sensor(drawn, period_s=0.02, phase_s=float(rng.uniform(0, 0.02))).tick(t)
    rising = truth.trace(truth.channel(), t, np.floor(drawn(ticks) * 1e3).astype(np.int64))
    figures = characterise(rising, short)
    near(figures.lag_s, figures.lag_u_s, 0.0, 0.001)
    assert figures.notes == ("integrates all of its power",)


def test_the_period_from_an_ordinary_run() -> None:
    """No known load, 10 Hz with bursts of 200 Hz: the bursts tell it, and where they do not nothing
    is said.
    """
    wobbly = truth.square(100, 500, 0.37)
    sensor = truth.Sensor(wobbly, period_s=0.1, phase_s=0.03)
    t = np.concatenate([truth.polls(k * 5.0 + 0.013, k * 5.0 + 3.9) for k in range(1, 6)])
    period = update_period(truth.trace(truth.channel(), t, sensor.counts(t, 1e-3)))
    assert period is not None
    assert period[0] == pytest.approx(0.1, rel=0.02)
    slow = np.arange(0, 30, 0.1)
    assert update_period(truth.trace(truth.channel(), slow, sensor.counts(slow, 1e-3))) is None
    assert (
        update_period(truth.trace(truth.channel(), slow[:3], sensor.counts(slow[:3], 1e-3))) is None
    )


def test_publications_that_changed_nothing_are_there_all_the_same() -> None:
    """A plateau without noise shows no change, and is known to have been published."""
    trace = power(period_s=0.1, phase_s=0.0371, window_s=0.025)
    published = publications(trace, 0.1)
    assert np.diff(published.t_s) == pytest.approx(0.1, abs=1e-3)
    assert published.t_s.size == pytest.approx(SECONDS / 0.1, abs=2)
    assert (published.t_s - 0.0371) % 0.1 == pytest.approx(
        np.round((published.t_s - 0.0371) % 0.1 / 0.1) * 0.1, abs=2e-3
    )
