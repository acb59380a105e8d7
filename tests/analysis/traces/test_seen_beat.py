"""The beat of a counter from all of its readings."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.traces.seen_beat import SeenBeat, seen_beat
from tests.analysis.truth import Floats


def readings(step_s: float, rng: np.random.Generator) -> Floats:
    """Bursts of 0.22 s at both ends of 2.5 s."""
    between = np.arange(0.25, 2.25, step_s)
    parts = (np.arange(0.0, 0.22, 0.005), between, np.arange(2.28, 2.5, 0.005))
    return np.concatenate(parts) + rng.uniform(0.0, 0.0002, sum(part.size for part in parts))


def found(
    t: Floats, ticks: Floats, guess_s: float, stated_s: float | None = None
) -> SeenBeat | None:
    changed = np.flatnonzero(np.diff(np.searchsorted(ticks, t)) > 0) + 1
    located = np.diff(t)[changed - 1] < 0.01
    return seen_beat(t, changed, located, guess_s, stated_s)


@pytest.mark.parametrize("period_s", [0.03, 0.05, 0.083, 0.118, 0.2])
@pytest.mark.parametrize("off", [0.9, 1.0, 1.07])
def test_the_period_is_found_from_a_rough_guess(period_s: float, off: float) -> None:
    """To some parts in a thousand, and the place of the ticks to some milliseconds."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        first = rng.uniform(0.0, period_s)
        t = readings(0.1, rng)
        beat = found(t, first + period_s * np.arange(100), off * period_s)
        if beat is None or not beat.alone:
            continue
        assert beat.period_s == pytest.approx(period_s, rel=0.01)
        away = (beat.first_s - first + period_s / 2) % period_s - period_s / 2
        assert abs(away) < 0.006
        number = round((2.4 - beat.first_s) / period_s)
        misplaced = number * (beat.period_s - period_s)
        assert abs(misplaced) < number * beat.u_period_s + 0.004


def test_it_is_found_mostly() -> None:
    known = [
        found(readings(0.1, rng), rng.uniform(0.0, 0.083) + 0.083 * np.arange(40), 0.085)
        for rng in map(np.random.default_rng, range(20))
    ]
    assert sum(beat is not None and beat.alone for beat in known) >= 15


def test_no_beat_where_several_agree_or_none_does() -> None:
    """Every reading is new: 24 ticks of 0.1 s or 25 of 0.096 s. A timer that wanders keeps none."""
    rng = np.random.default_rng(2)
    t, ticks = readings(0.1, rng), 0.001 + 0.1 * np.arange(40)
    beat = found(t, ticks, 0.097)
    assert beat is None or not beat.alone or beat.period_s > 0.0995
    wandering = np.cumsum(rng.uniform(0.04, 0.16, 40))
    assert found(t, wandering, 0.1) is None


def test_a_stated_period_that_the_readings_allow_is_taken() -> None:
    rng = np.random.default_rng(4)
    t, ticks = readings(0.1, rng), 0.033 + 0.1 * np.arange(40)
    beat = found(t, ticks, 0.098, stated_s=0.1)
    assert beat is not None
    assert beat.period_s == 0.1
    other = found(t, 0.033 + 0.083 * np.arange(40), 0.085, stated_s=0.0875)
    assert other is None or other.period_s == pytest.approx(0.083, rel=0.01)


def test_long_records_and_few_updates_are_left_to_others() -> None:
    rng = np.random.default_rng(5)
    t = readings(0.1, rng)
    assert found(t, 0.002 + 0.01 * np.arange(400), 0.01) is None
    assert found(t, 0.2 + 0.9 * np.arange(4), 0.9) is None


def test_each_change_has_a_tick_of_its_own() -> None:
    """Readings in step with the ticks: the beat is a little late, and no number comes twice."""
    beat = SeenBeat(0.0, 0.1, 0.002, 0.0)
    read = np.array([0.1 - 1e-4, 0.2 + 1e-4, 0.3 - 1e-4, 0.4, 0.5])
    ticks = beat.ticks(read, np.full(5, 0.1))
    assert (np.diff(ticks) > 0.09).all()
    burst = beat.ticks(np.array([0.199]), np.array([0.005]))
    assert burst[0] == pytest.approx(0.2)
