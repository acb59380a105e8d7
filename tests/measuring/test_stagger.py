"""Repeats start at phases that are spread over a part-time sensor's period, counted from its latest
tick.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from energybench.collectors.replay import SineWave, SyntheticChannel
from energybench.measuring.recent_samples import Recent
from energybench.measuring.stagger import part_time, phase, start_s
from energybench.model import Trace
from energybench.plugins import Reading
from tests.analysis.truth import Sensor, channel, square, trace
from tests.cli.plugin import install
from tests.cli.process import energybench
from tests.measuring.virtual import VirtualSession
from tests.simulators import nvml_environment

PERIOD_S = 0.1
INSTANT = channel(kind="power", quantity="power_instant", window_s=0.025, update_period_s=PERIOD_S)


def seen(
    true_period_s: float,
    phase_s: float,
    *,
    update_period_s: float | None = PERIOD_S,
    end_s: float = 10.0,
) -> Trace:
    """What a burst of 0.25 s shows of a sensor with this period and phase."""
    t = np.arange(end_s - 0.25, end_s, 0.005)
    sensor = Sensor(square(100, 200, 0.37), period_s=true_period_s, phase_s=phase_s)
    return trace(
        channel(kind="power", window_s=0.025, update_period_s=update_period_s),
        t,
        sensor.watts(t, 1e-3),
    )


@pytest.mark.parametrize("wanted", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("at", [0.0, 0.031, 0.099])
def test_the_start_is_at_the_phase_that_was_asked_for(wanted: float, at: float) -> None:
    """Counted from the sensor's true tick, to half the burst's spacing, and within one period from
    now, though the period is 1 % off what is stated.
    """
    true_s = PERIOD_S * 1.01
    result = start_s(seen(true_s, at), 10.0, wanted)
    assert result is not None
    assert 10.0 <= result <= 10.0 + 1.05 * PERIOD_S
    off = (((result - at) / true_s) - wanted + 0.5) % 1 - 0.5
    assert abs(off) < 0.06


def test_an_unknown_period_is_that_of_the_ticks() -> None:
    """A sensor that does not say how often it publishes is staggered by what the readings of the
    last seconds show.
    """
    t = np.arange(9.0, 10.0, 0.005)
    sensor = Sensor(lambda x: 150 * x - 3 * np.cos(17 * x), period_s=0.04, phase_s=0.013)
    built = trace(
        channel(kind="power", window_s=0.01, update_period_s=None), t, sensor.watts(t, 1e-3)
    )
    result = start_s(built, 10.0, 0.5)
    assert result is not None
    assert abs((((result - 0.013) / 0.04) - 0.5 + 0.5) % 1 - 0.5) < 0.15


def test_ticks_that_do_not_show_give_no_start() -> None:
    """Constant power, no readings, or a tick of long ago: the caller spreads its starts without
    them.
    """
    flat = trace(INSTANT, np.arange(9.75, 10, 0.005), np.full(50, 100_000))
    assert start_s(flat, 10.0, 0.5) is None
    assert start_s(trace(INSTANT, np.empty(0), np.empty(0, dtype=np.int64)), 10.0, 0.5) is None
    assert start_s(seen(PERIOD_S, 0.0), 60.0, 0.5) is None


def test_phases_are_evenly_spread() -> None:
    """k/n where their number is fixed; by the golden ratio the largest gap stays under twice the
    even one.
    """
    assert [phase(k, 4) for k in range(4)] == [0, 0.25, 0.5, 0.75]
    for n in (8, 13, 20):
        points = np.sort([phase(k, None) for k in range(n)])
        assert np.diff(np.append(points, points[0] + 1)).max() < 2 / n


def test_only_a_part_time_sensor_that_counts_is_staggered_for() -> None:
    """A counter of everything, a 1 s average and a cross-check are not; a counter of samples is;
    the work's own board comes first.
    """
    assert (
        part_time(
            [
                channel(),
                channel(kind="power", window_s=1.0),
                channel(kind="power", window_s=0.025, counts=False),
            ]
        )
        is None
    )
    sampled = channel(window_s=0.025)
    assert part_time([channel(), sampled]) == sampled
    idle = channel(device="GPU-1", kind="power", window_s=0.01, used=False)
    assert part_time([idle, INSTANT]) == INSTANT


def test_recent_readings_move_on() -> None:
    """Only the last readings are kept; a failed read stays a failed read."""
    recent = Recent([channel()], keep_s=1.0)
    for i in range(100):
        recent.add([Reading(None if i == 95 else i, i * 0.1)])
    (remaining,) = recent.traces(9.0)
    assert remaining.t_s.tolist() == pytest.approx(
        [9.0, 9.1, 9.2, 9.3, 9.4, 9.5, 9.6, 9.7, 9.8, 9.9]
    )
    assert remaining.ok.tolist() == [True] * 5 + [False] + [True] * 4
    (all_kept,) = recent.traces(0.0)
    assert 6.5 <= all_kept.t_s[0] <= 8.9


def off_by(starts_s: Sequence[float], period_s: float, origin_s: float) -> list[float]:
    """Distances of the starts from k/n of a period, in periods, from -0.5 to 0.5."""
    n = len(starts_s)
    return [
        ((start - origin_s) / period_s - k / n + 0.5) % 1 - 0.5 for k, start in enumerate(starts_s)
    ]


def test_starts_of_a_session_are_spread_over_the_sensor_s_period(tmp_path: Path) -> None:
    """On a virtual clock, which is never late: the starts follow k/8 of a period that the session
    has to find in the readings.
    """
    wave = SineWave(mean_w=200.0, amplitude_w=50.0, period_s=1.37)
    sensor = SyntheticChannel(
        device="GPU-0",
        component="gpu.board",
        kind="power",
        wave=wave,
        window_s=0.05,
        period_s=0.2,
        phase_s=0.013,
    )
    starts_s = []
    with VirtualSession(tmp_path, [sensor]) as session:
        for number in range(8):
            with session.windows.repeat(number, place=number, of=8) as window:
                ran = session.work(0.7)
                window.end(ran["end_s"])
                starts_s.append(ran["start_s"])
    assert max(map(abs, off_by(starts_s, 0.2, 0.013))) < 0.06


def test_starts_of_a_real_run_are_spread_over_the_sensor_s_period(tmp_path: Path) -> None:
    """Eight repeats against a simulated board (50 of every 200 ms): their phases follow k/8.

    A busy machine wakes workers late by a part of the period, which the session on a virtual clock
    above leaves out: here one of three runs is enough. Equal starts would give 0 in all of them.
    """
    wave = "count=1\nwave=sine,200,50,1.37\nperiod_ms=200\nwindow_ms=50\nenergy_ms=200\nphase_ms=0"
    env = nvml_environment(tmp_path, wave) | install(tmp_path)
    options = ("--device", "cuda", "--boundary", "device", "--json", "--idle", "0")
    options += ("--min-window", "0", "--max-warm-up", "1", "--repeats", "8")
    resultants = []
    for _ in range(3):
        result = energybench("run", "pause", *options, cwd=tmp_path, env=env).json
        # the simulated board ticks by the clock of the boot
        boot_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
        starts_s = [repeat["start_s"] + boot_s for repeat in result["repeats"]]
        distances = np.array(off_by(starts_s, 0.2, 0.0))
        # mean resultant of the differences: 1 if they are equal, 0.3 if the starts are random
        resultants.append(np.abs(np.exp(2j * np.pi * distances).mean()))
        if resultants[-1] > 0.6:
            break
    assert max(resultants) > 0.6
