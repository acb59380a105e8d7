"""A thinned series still shows peaks, troughs and gaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from energybench_reports.charts.downsample import LIMIT, thin

SERIES = st.lists(st.one_of(st.none(), st.floats(0, 1000)), min_size=1, max_size=400)


@given(SERIES, st.integers(3, 100))
def test_extremes_and_gaps_survive(power: list[float | None], limit: int) -> None:
    """At most `limit` points of the series in order of time; highest point, lowest point and a gap
    are among the points.
    """
    times = [float(i) for i in range(len(power))]
    thinned = thin(times, power, limit)
    assert len(thinned) <= limit
    assert thinned == sorted(thinned, key=lambda point: point[0])
    assert set(thinned) <= set(zip(times, power, strict=True))
    read = [watt for watt in power if watt is not None]
    if read:
        shown = [watt for _, watt in thinned if watt is not None]
        assert (min(shown), max(shown)) == (min(read), max(read))
    assert any(watt is None for _, watt in thinned) == (len(read) < len(power))


def test_a_short_series_is_left_alone() -> None:
    """A series within the limit is not thinned."""
    times = [float(i) for i in range(LIMIT)]
    assert thin(times, times) == list(zip(times, times, strict=True))
