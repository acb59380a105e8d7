"""Waveforms: the energy is the integral of the power."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from energybench.simulating.waves import FAMILIES, Constant, Load, Ramp, SquareLoad, StepLoad

Floats = npt.NDArray[np.float64]


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def integral(power_w: Floats, step_s: float) -> Floats:
    return np.concatenate(([0.0], np.cumsum(power_w) * step_s))


@pytest.mark.parametrize(
    ("wave", "power"),
    [
        (Constant(300.0), lambda t: np.full(t.size, 300.0)),
        (
            SquareLoad(100.0, 500.0, 0.13, 0.3, 0.05),
            lambda t: np.where((t + 0.05) % 0.13 < 0.3 * 0.13, 500.0, 100.0),
        ),
        (Ramp(100.0, 400.0, 0.7, 0.2), lambda t: 100.0 + 300.0 * ((t + 0.2) % 0.7) / 0.7),
        (Ramp(400.0, 100.0, 3.0), lambda t: 400.0 - 300.0 * (t % 3.0) / 3.0),
        (
            StepLoad.of(np.array([-1.0, 0.25, 1.5]), np.array([50.0, 450.0, 80.0])),
            lambda t: np.where(t < 0.25, 50.0, np.where(t < 1.5, 450.0, 80.0)),
        ),
    ],
)
def test_the_energy_is_the_integral_of_the_power(wave: Load, power: object) -> None:
    """A closed form against a sum of 10 us slices over 4 s, from time 0."""
    step = 1e-5
    t = np.arange(400_000) * step
    summed = integral(power(t + step / 2), step)  # type: ignore[operator]
    assert np.abs(wave.energy(np.append(t, 4.0)) - summed).max() < 0.02


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_draws_powers_of_a_board(name: str) -> None:
    """Energy is 0 at the start of the work; power stays between idle and the limit of the largest
    board, at any time around the work.
    """
    for seed in range(20):
        wave = FAMILIES[name].draw(rng(seed), 2.0, 1.0)
        t = np.linspace(-1.5, 3.5, 20_001)
        power = np.diff(wave.energy(t)) / np.diff(t)
        assert float(wave.energy(np.zeros(1))[0]) == pytest.approx(0.0, abs=1e-9)
        assert power.min() > 39
        assert power.max() < 700


def test_the_works_steps_are_the_windows_edges() -> None:
    """Idle before 0 and after the end, higher power in between."""
    for seed in range(10):
        wave = FAMILIES["work"].draw(rng(seed), 1.0, 1.0)
        before, after = (
            np.diff(wave.energy(np.array([-0.5, -1e-9]))),
            np.diff(wave.energy(np.array([1 + 1e-9, 1.5]))),
        )
        assert before == pytest.approx(after, rel=1e-6)
        assert wave.energy(np.ones(1))[0] > before[0]


def test_a_load_repeats_its_wave_stretched_and_stronger() -> None:
    """A repeat takes strength x stretch of the energy of the wave, and the load is one continuous
    curve over the repeats.
    """
    wave = SquareLoad(100.0, 500.0, 0.3, 0.4, 0.1)
    starts, stretch, strength = (
        np.array([1.0, 3.5, 6.0]),
        np.array([1.0, 0.9, 1.1]),
        np.array([1.0, 1.05, 0.95]),
    )
    ends = starts + 1.5 * stretch
    load = Load.of(wave, starts, ends, stretch, strength)
    assert load.energy(ends) - load.energy(starts) == pytest.approx(
        strength * stretch * wave.energy(np.array([1.5]))[0]
    )
    steps = np.diff(load.energy(np.linspace(0, 9, 90_001))) / 1e-4
    assert steps.min() > 94
    assert steps.max() < 526
