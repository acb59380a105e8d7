"""The offset of a meter's clock: recovered from how its power follows the run's, and honest about
what it does not know.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from energybench.analysis.traces.trace_curve import curve
from energybench.errors import BadInput
from energybench.meters.clock_offset import Offset, RunPower, fit, run_power, swing, why_unknown
from energybench.meters.series import (
    MeterSeries,
    MeterSteps,
    check_near,
    check_sampling,
    spacing_s,
    steps,
)
from energybench.model import Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, square, trace

SPAN_S = 260.0


def work(idle_w: float = 70.0, load_w: float = 280.0) -> Energy:
    """30 s idle, then three repeats of about a minute with breaks."""
    times = np.array([-1000.0, 40.0, 100.2, 105.2, 165.3, 170.3, 230.4, 1000.0])
    levels = [idle_w, load_w] * 3 + [idle_w]
    joules = np.concatenate(
        (
            [0.0],
            np.cumsum(
                [w * (b - a) for w, (a, b) in zip(levels, pairwise(times.tolist()), strict=True)]
            ),
        )
    )
    return lambda t: np.asarray(np.interp(t, times, joules))


def own_power(energy: Energy) -> RunPower:
    """What the run's own 10 Hz counter makes of it."""
    t = np.arange(0.0, SPAN_S, 0.1)
    points = curve(trace(channel(resolution=1e-3), t, Sensor(energy).counts(t, 1e-3)))
    assert points is not None
    power = run_power([points], 0.0, SPAN_S)
    assert power is not None
    return power


def meter(
    energy: Energy,
    offset_s: float,
    spacing: float,
    *,
    kind: str = "power",
    resolution: float = 0.1,
    noise_w: float = 0.0,
    around_s: float = 150.0,
    seed: int = 1,
) -> MeterSeries:
    """A node meter: 90 W of fixed power and 6 % losses on top, its clock `offset_s` ahead."""
    t = np.arange(-around_s + 0.37 * spacing, SPAN_S + around_s, spacing)
    joules = (90 * t + energy(t)) / 0.94
    before = (90 * (t - spacing) + energy(t - spacing)) / 0.94
    values = (
        joules - joules[0]
        if kind == "counter"
        else (joules - before) / spacing + np.random.default_rng(seed).normal(0, noise_w, t.size)
    )
    raw = (
        np.floor(values / resolution).astype(np.int64)
        if kind == "counter"
        else np.round(values / resolution).astype(np.int64)
    )
    return MeterSeries(
        "m.csv", "column 'p'", "line", kind, resolution, t + offset_s, raw, np.arange(2, t.size + 2)
    )  # type: ignore[arg-type]


def found(series: MeterSeries, energy: Energy, max_offset_s: float = 120.0) -> Offset:
    spacing = spacing_s(series)
    return fit(series, steps(series, spacing), own_power(energy), spacing, max_offset_s)


@pytest.mark.parametrize("offset_s", [-97.3, -3.21, 0.0, 0.4, 2.37, 61.9])
@pytest.mark.parametrize("spacing", [0.1, 1.0, 5.0])
def test_the_offset_is_found_to_a_fraction_of_the_spacing(offset_s: float, spacing: float) -> None:
    """With noise of 2 % and fixed losses: within a tenth of the spacing (of 0.6 s: the run's own
    sensors know no better) and four of its own u.
    """
    energy = work()
    got = found(meter(energy, offset_s, spacing, noise_w=5.0), energy)
    assert got.determined
    assert got.distinct
    assert abs(got.offset_s - offset_s) < 0.1 * max(spacing, 0.6)
    assert abs(got.offset_s - offset_s) < 4 * got.u_s


def test_the_uncertainty_is_that_of_the_error() -> None:
    """Over 40 meters with their own noise, errors beyond two standard uncertainties are as rare as
    they should be.
    """
    energy = work()
    errors = []
    for seed in range(40):
        got = found(meter(energy, 1.7, 2.0, noise_w=15.0, seed=seed), energy, 20.0)
        errors.append((got.offset_s - 1.7) / got.u_s)
    assert sum(abs(error) > 2 for error in errors) <= 6
    assert float(np.std(errors)) > 0.2  # and not for being far too wide


@pytest.mark.parametrize(("resolution", "spacing"), [(1.0, 1.0), (3600.0, 1.0), (360.0, 5.0)])
def test_a_counter_is_aligned_by_its_differences(resolution: float, spacing: float) -> None:
    """Also one of 1 Wh that moves every ten seconds: coarser, and it says so."""
    energy = work()
    got = found(meter(energy, 12.5, spacing, kind="counter", resolution=resolution), energy)
    assert got.determined
    assert abs(got.offset_s - 12.5) < max(4 * got.u_s, 0.05)
    assert got.u_s < 5


def test_an_even_load_leaves_the_offset_unknown() -> None:
    """Then it is 0, with what --max-offset allows."""
    energy = constant(200.0)
    got = found(meter(energy, 5.0, 1.0, noise_w=2.0), energy, 30.0)
    assert got == Offset(0.0, 30.0 / np.sqrt(3), None, False, even="run")
    assert "the run's own power" in why_unknown(got)


def test_a_constant_meter_beside_a_load_that_steps_is_refused() -> None:
    """As the meter of another board, which idles; a meter of coarse steps may show no change."""
    idle = meter(constant(71.0), 0.0, 1.0)
    with pytest.raises(BadInput, match=r"its readings all show 171.3 W, and the run's own sensors"):
        found(idle, work(), 30.0)
    got = found(idle._replace(reading_step_w=500.0), work(), 30.0)
    assert not got.determined
    assert got.even == "meter"
    assert "the meter's readings" in why_unknown(got)


def test_repeats_that_all_look_alike_are_told_as_such() -> None:
    """A wave of 10 s without beginning or end fits at every tenth second."""
    energy = square(100, 300, 10.0)
    got = found(meter(energy, 3.0, 1.0, noise_w=3.0), energy)
    assert got.determined
    assert not got.distinct
    assert got.u_s > 5


def test_another_nodes_meter_is_refused() -> None:
    """Its power has nothing to do with this run: said with the file, its lines and the best
    correlation.
    """
    with pytest.raises(
        BadInput, match=r"^m\.csv: lines 2-\d+: does not follow this run: best correlation"
    ):
        found(meter(constant(200.0), 0.0, 1.0, noise_w=20.0), work())
    with pytest.raises(BadInput, match="does not follow this run"):
        found(
            meter(lambda t: -0.5 * work()(t), 0.0, 1.0, noise_w=1.0), work()
        )  # falls where the run rises


def test_an_offset_beyond_the_search_is_refused() -> None:
    """Whether the best fit lies at the end, or nothing fits at all."""
    energy = work()
    with pytest.raises(
        BadInput,
        match=r"m\.csv: lines 2-\d+: (the best clock offset lies at the end|does not follow)",
    ):
        found(meter(energy, 31.0, 1.0), energy, 30.0)


def times(changes: dict[int, float] | None = None, n: int = 100) -> Floats:
    return np.delete(np.arange(n, dtype=float), list(changes or {}))


def plain(t: Floats) -> MeterSeries:
    return MeterSeries(
        "m.csv",
        "column 'p'",
        "line",
        "power",
        1.0,
        t,
        np.ones(t.size, dtype=np.int64),
        np.arange(2, t.size + 2),
    )


REPEATS = [
    Window(label="repeat", start_s=20.0, end_s=50.0, repeat=0),
    Window(label="repeat", start_s=55.0, end_s=80.0, repeat=1),
]


def test_a_repeat_that_the_meter_did_not_see_is_refused() -> None:
    """A hole that swallows most of a short repeat, though no ten seconds long, costs the meter and
    not the repeat's energy.
    """
    short = [
        Window(label="repeat", start_s=20.0 + 8 * k, end_s=25.0 + 8 * k, repeat=k) for k in range(4)
    ]
    t = np.concatenate((np.arange(36.0), np.arange(40.0, 100.0)))
    with pytest.raises(BadInput, match=r"no reading for 4.0 s of repeat 3, which lasts 5 s"):
        check_sampling(plain(t), t, short, 18.0)
    check_sampling(plain(np.arange(100.0)), np.arange(100.0), short, 18.0)


def test_sampling_that_covers_the_run_passes() -> None:
    """Nine readings left out are no gap at one a second, nor is anything before the run."""
    for t in (
        np.arange(100.0),
        np.concatenate((np.arange(31.0), np.arange(40.0, 100.0))),
        np.concatenate(([0.0], np.arange(15.0, 100.0))),
    ):
        check_sampling(plain(t), t, REPEATS, 18.0)


@pytest.mark.parametrize(
    ("t", "what"),
    [
        (np.arange(25.0, 100.0), r"^m\.csv line 2: begins 5.0 s after the first repeat did"),
        (np.arange(0.0, 75.0), r"^m\.csv line 76: ends 6.0 s before the last repeat did"),
        (
            np.concatenate((np.arange(31.0), np.arange(42.0, 100.0))),
            r"^m\.csv line 33: no reading for 12.0 s inside the run \(after line 32",
        ),
        (
            np.concatenate((np.arange(0.0, 30.0, 0.1), np.arange(31.5, 100.0, 0.1))),
            r"no reading for 1.6 s inside the run",
        ),
        (
            np.arange(0.0, 100.0, 20.0),
            r"^m\.csv: readings come 20 s apart, the shortest repeat lasts 25 s",
        ),
    ],
)
def test_sampling_that_does_not_is_refused_with_its_line(t: Floats, what: str) -> None:
    """Too late, too short, a gap beyond the methodology's, too coarse."""
    with pytest.raises(BadInput, match=what):
        check_sampling(plain(t), t, REPEATS, 18.0)


def test_a_file_of_another_day_says_what_it_holds() -> None:
    """The most common mistake: an hour off by a wrong zone."""
    t = np.arange(100.0) + 1_772_362_800
    with pytest.raises(
        BadInput,
        match=r"has no reading in the run, which lasted from 2026-03-01T10:00:00Z to .*: it holds "
        r"2026-03-01T11:00:00Z \(line 2\) to",
    ):
        check_near(plain(t), 1_772_359_200.0, 1_772_359_300.0, 120.0)


def test_how_much_an_unknown_offset_matters() -> None:
    """Nothing where the meter is even, half the step where it is not."""
    edges = np.arange(-50.0, 150.0)
    even = MeterSteps(edges[:-1], edges[1:], np.full(edges.size - 1, 100.0))
    stepped = MeterSteps(edges[:-1], edges[1:], np.where(edges[:-1] < 20.0, 0.0, 100.0))
    assert swing(even, REPEATS, 0.0, 30.0) < 1e-9
    assert swing(stepped, REPEATS, 0.0, 30.0) > 0.2
