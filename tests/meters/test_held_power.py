"""A meter that logs changes alone: a power holds until the next reading, unless rows failed."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.meters.readings import LeftOut, Undecided
from energybench.meters.series import MeterSeries, check_sampling, held
from energybench.model import REPEAT, Window

REPEATS = (Window(label=REPEAT, start_s=3.0, end_s=97.0),)


def changes(*failed: int) -> MeterSeries:
    """A reading a second for 100 s, without one from 40 s to 65 s; no value repeats."""
    t_s = np.array([t for t in range(101) if not 40 < t < 65], dtype=np.float64)
    return MeterSeries(
        where="m.csv",
        what="power",
        word="line",
        kind="power",
        resolution=0.1,
        t_s=t_s,
        raw=np.array([5000 + 7 * int(t) for t in t_s]),
        places=t_s.astype(np.int64) + 2,
        left_out=tuple(LeftOut(place, "'n/a' is not a number") for place in failed),
    )


def test_a_gap_without_rows_is_a_power_that_held() -> None:
    """--holds is proposed, and fills the gap with readings at most a second apart."""
    series = changes()
    with pytest.raises(Undecided) as refusal:
        check_sampling(series, series.t_s, REPEATS, 3.0)
    assert refusal.value.options == (("--holds",),)
    filled = held(series)
    assert float(np.diff(filled.t_s).max()) <= 1.0
    check_sampling(filled, filled.t_s, REPEATS, 3.0)


@pytest.mark.parametrize("failed", [(43,), (50, 51, 52), tuple(range(43, 67))])
def test_a_gap_of_failed_rows_stays_a_gap(failed: tuple[int, ...]) -> None:
    """No --holds is proposed for it, and with --holds the gap is refused as without."""
    series = changes(*failed)
    for tried in (series, held(series)):
        with pytest.raises(Undecided) as refusal:
            check_sampling(tried, tried.t_s, REPEATS, 3.0)
        assert refusal.value.options == ()
        assert "the rows between hold no reading" in str(refusal.value)
        assert "--holds" not in str(refusal.value)


def test_failed_rows_elsewhere_change_nothing() -> None:
    """A row that failed outside the gap does not forbid --holds there."""
    series = changes(10)
    with pytest.raises(Undecided) as refusal:
        check_sampling(series, series.t_s, REPEATS, 3.0)
    assert refusal.value.options == (("--holds",),)


@pytest.mark.parametrize("failed", [(), (1, 3, 5)])
def test_readings_that_are_far_apart_because_others_failed(failed: tuple[int, ...]) -> None:
    """Of a repeat with too few readings, --holds is proposed if the meter may log changes alone,
    and not if the rows between the readings are failed ones.
    """
    t_s = np.arange(0.0, 8.0, 2.0)
    series = changes(*failed)._replace(
        t_s=t_s,
        raw=np.array([5000 + 7 * int(t) for t in t_s]),
        places=t_s.astype(np.int64),
    )
    repeat = Window(label="repeat", start_s=2.5, end_s=3.5, repeat=0)
    with pytest.raises(Undecided) as refusal:
        check_sampling(series, t_s, (repeat,), 2.5)
    assert "readings come 2 s apart" in str(refusal.value)
    assert refusal.value.options == (() if failed else (("--holds",),))
    assert ("--holds" in str(refusal.value)) is (not failed)
